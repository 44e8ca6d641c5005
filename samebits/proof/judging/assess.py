"""All that is to be said of a run: its outputs against their promises, and what is wrong."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from samebits.proof.judging import audit, diagnosis, doubts, effects, evidence
from samebits.proof.judging.judge import Judge
from samebits.proof.record import lock
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.running.execute import Run
from samebits.proof.running.made import Made
from samebits.proof.verdict import Output, Problem
from samebits.proof.words import some

NOT_SAME = ("differs", "equal", "close", "new")


@dataclass
class Assessment:
    """What was found. whole: whether all was available that could explain outputs that differ."""

    outputs: list[Output] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    whole: bool = True

    def doubt(self, problems: Sequence[Problem]) -> bool:
        """Add what may explain other bytes; whether there is any."""
        self.problems += [each for each in problems if each not in self.problems]
        self.whole &= not any(each.kind == "environment-differs" for each in problems)
        return bool(problems)


@dataclass(frozen=True)
class Assessor:
    """Judges a run, and has stages whose outputs differ run again, which tells why.

    told: what the lock tells of the tree. strict: whether what nobody declares is an error.
    """

    run: Run
    judge: Judge
    told: Sequence[Problem]
    strict: bool = False
    _environments: dict[str, list[Problem]] = field(default_factory=dict)

    @property
    def pipeline(self) -> Pipeline:
        """That of the run."""
        return self.run.runner.pipeline

    def assessed(self, chosen: Sequence[Stage], all_of_them: bool) -> Assessment:
        """Judge stage by stage. chosen: the stages that the check is about; all_of_them: whether these are all."""
        run, names = self.run, {stage.name for stage in chosen}
        found = Assessment(notes=lock.notes(self.pipeline), whole=not run.runner.tree.absent)
        found.problems += [each for each in self.told if each.decides and (all_of_them or each.stage in names)]
        found.problems += run.problems
        for stage in run.running:
            made = run.made.get(stage.name)
            if made is None or stage.name in run.blocked:
                why = run.blocked.get(stage.name, "it did not run")
                found.outputs += [self.judge.not_made(stage, out, why) for out in stage.outs if out.here]
            else:
                self._stage(stage, made, found)
        found.problems += audit.of(run)
        found.unproved += effects.unproved(self.pipeline, list(run.made.values()), run.runner.prefix)
        return found

    def doubted(self, found: Assessment) -> None:
        """Add what the environment may explain, and whether anything was compared at all."""
        run, runner = self.run, self.run.runner
        differing = [each.stage for each in found.outputs if not each.allowed and each.verdict != "unknown"]
        failed = [each.stage for each in found.problems if each.kind == "stage-failed"]
        for name in [*differing, *failed][:1]:
            if differing:
                found.doubt(list(doubts.of_line_ends(name, lock.line_ends(self.pipeline))))
            stage = next(each for each in run.running if each.name == name)
            found.doubt(list(evidence.of_pins(runner, stage)))
        if not run.running:
            return
        first = run.running[0].name
        if not runner.place.isolated:
            found.doubt(list(doubts.of_editable(first, runner.described.paths, runner.place.top)))
        if not found.outputs and not self._compared_at_top():
            text = "the pipeline promises no output, so nothing was compared; declare what the stages make as outs"
            found.problems.append(Problem(first, "cannot-tell", None, text))

    def _stage(self, stage: Stage, made: Made, found: Assessment) -> None:
        """A stage that ran to its end."""
        outs = [out for out in stage.outs if out.here]
        outputs = [self.judge.output(stage, out, made) for out in outs]
        for out, output in zip(outs, outputs, strict=True):
            seen, edited = audit.edited_in_git(out, output, self.run.aside.get(out.path), made)
            found.outputs.append(seen)
            found.problems += edited
            if output.verdict == "missing":
                text = f"{output.path}: the stage ran to its end without making it"
                found.problems.append(Problem(stage.name, "output-not-made", output.path, text))
        self._wide(stage, found)
        self._effects(stage, made, found)
        different = [
            out
            for out, each in zip(outs, outputs, strict=True)
            if each.verdict in NOT_SAME and (out.recorded or out.path in self.run.aside)
        ]
        if different and not all(each.allowed for each in outputs):
            self._different(stage, made, different, found)

    def _wide(self, stage: Stage, found: Assessment) -> None:
        """A stage that made what it promises only beside what earlier ones left."""
        if files := self.run.wide.get(stage.name):
            text = f"{stage.name}: reads what earlier stages made without declaring it, of {some(files)}"
            if self.strict:
                found.problems.append(Problem(stage.name, "undeclared-dependency", files[0], text))
            else:
                found.notes.append(text)

    def _effects(self, stage: Stage, made: Made, found: Assessment) -> None:
        """What a stage wrote that is not its own; its environment may explain it."""
        runner, layers = self.run.runner, self.run.layers[stage.name]
        asked = effects.open_questions(self.pipeline, made, self.judge)
        without = evidence.without([each.name for each in asked], runner, stage, layers)
        effect = effects.judged(self.pipeline, stage, made, without, self.judge, self.strict)
        found.notes += effect.notes
        found.unproved += effect.unproved
        found.problems += effect.replaced
        found.doubt(effect.doubts)
        if effect.problems and found.doubt(self._of_environment(stage)):
            found.notes += [each.text for each in effect.problems]
        else:
            found.problems += effect.problems

    def _different(self, stage: Stage, made: Made, different: Sequence[Item], found: Assessment) -> None:
        """Outputs that differ: what explains it, else why."""
        runner, layers = self.run.runner, self.run.layers[stage.name]
        others = doubts.other_inputs(stage, evidence.read_by(runner, layers))
        unknown = [each for each in self.told if not each.decides]
        running = {each.name for each in self.run.running}
        explained = list(doubts.of_inputs(self.pipeline, stage, others, unknown, running))
        ends = list(doubts.of_written_line_ends(stage, made))
        found.doubt([*explained, *ends])
        left = [out for out in different if out.path not in {each.path for each in ends}]
        contradicted = any(each.stage == stage.name and each.decides for each in found.problems)
        if not left or not stage.entry or contradicted or not others <= {each.path for each in explained}:
            return
        again = evidence.again(runner, stage, layers, made)
        here = ", ".join(f"{key} {value}" for key, value in runner.described.machine.items())
        causes = list(diagnosis.causes(stage, left, made, again, self.judge, here))
        unsteady = [each for each in causes if each.kind == "not-deterministic"]
        if len(unsteady) < len(causes):
            explained += self._of_environment(stage)
            found.doubt(explained)
        found.problems += unsteady if explained else causes

    def _of_environment(self, stage: Stage) -> list[Problem]:
        """What of the environment may explain other bytes of a stage; to find out takes a run."""
        if stage.name not in self._environments:
            layers = self.run.layers[stage.name]
            self._environments[stage.name] = evidence.of_environment(self.run.runner, stage, layers)
        return self._environments[stage.name]

    def _compared_at_top(self) -> bool:
        top, prefix = set(self.pipeline.promised_at_top), self.run.runner.prefix
        names = {os.path.normpath(os.path.join(prefix, path)) for path in top}
        return any(
            names.intersection(made.same) or any(each.path in top for each in made.changes)
            for made in self.run.made.values()
        )

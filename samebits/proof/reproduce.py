"""The reproduction check: run the pipeline of a commit from nothing and compare every output with its promise."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from samebits import __version__, artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.git import commit_of, subject_of
from samebits.proof.judging.audit import Audit
from samebits.proof.judging.diagnosis import Diagnosis
from samebits.proof.judging.judge import Judge
from samebits.proof.record import history, lock, pins
from samebits.proof.repository.pipeline import Pipeline, Stage, repository
from samebits.proof.repository.store import Store
from samebits.proof.repository.tree import Hash, Paths, line_ends_of
from samebits.proof.running import machine as environment
from samebits.proof.running import system
from samebits.proof.running.export import Export, export
from samebits.proof.running.progress import Progress
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import Sources
from samebits.proof.settings import Settings
from samebits.proof.strictness.strict import Strict
from samebits.proof.verdict import Node, Output, Problem, Verdict, concluded


@dataclass(frozen=True)
class Asked:
    """What to check.

    Attributes
    ----------
    revision : str
        A commit, branch or tag.
    stages : sequence of str
        Check only these stages and those that they need; by default, all stages.
    since : str or None
        A revision. Stages whose dvc.lock entry is unchanged since then do not run; their outputs come from the cache or
        a remote.
    vary : bool
        Repeat the run in 20 or more environments.
    keep : str or None
        A folder for the outputs, if they are what the commit promises.
    strict : bool
        Repeat each stage with only its declared inputs.

    """

    revision: str = "HEAD"
    stages: Sequence[str] = ()
    since: str | None = None
    vary: bool = False
    keep: str | None = None
    strict: bool = False


def check(asked: Asked | None = None, progress: Progress | None = None) -> Verdict:
    """Run the pipeline of a commit from nothing and compare every output with the commit.

    The commit is one of the DVC repository around the working directory. The check writes only to temporary folders and
    to the folder `keep`.

    Parameters
    ----------
    asked : Asked, optional
        What to check; by default, HEAD.
    progress : Progress, optional
        Where progress is shown; by default, nowhere.

    Returns
    -------
    Verdict
        What the check found.

    Raises
    ------
    UserError
        The check cannot run.

    Examples
    --------
    >>> from samebits.proof import Asked, check
    >>> verdict = check(Asked(revision="HEAD"))
    >>> verdict.conclusion, verdict.problems
    ('reproduced', [])

    """
    asked, progress = asked or Asked(), progress or Progress()
    user = repository(config={"core": {"no_scm": True}})
    root = Path(user.root_dir)
    commit = commit_of(asked.revision)
    progress.say(f"{commit[:10]}: running the pipeline from nothing")
    with export(commit, root) as tree:
        run = _Check(tree, user, asked, progress)
        run.whole()
        varied = {}
        for variation in environment.variations() if asked.vary else []:
            name = " ".join(f"{key}={value}" for key, value in variation.items())
            progress.say(f"{commit[:10]}: {name}")
            with export(commit, root, "a folder with spaces") as other:
                again = _Check(other, user, asked, Progress(None), variation)
                varied[name] = again.bytes_only() == run.runner.obtained
        problems = lock.in_order(history.explained(run.problems, run.pipeline), run.pipeline)
        conclusion = concluded(run.outputs, problems, varied, run.undisturbed)
        if asked.keep and conclusion == "reproduced":
            _copy(run.outputs, tree.root, Path(asked.keep))
        return Verdict(
            conclusion=conclusion,
            commit=commit,
            subject=subject_of(commit),
            version=__version__,
            root=tree.root.relative_to(tree.top).as_posix(),
            locks=run.locks,
            packages=run.runner.place.packages,
            graph={stage.name: Node(run.pipeline.inputs(stage), stage.makes) for stage in run.chosen},
            outputs=run.outputs,
            problems=problems,
            taken=run.taken,
            notes=run.notes,
            machine=run.runner.place.machine,
            network=list(run.settings.network) if system.can_cut_off_network() else None,
            seconds=run.runner.seconds,
            varied=varied,
            strict=asked.strict,
        )


@dataclass
class _Check:
    """One run of the pipeline of an export."""

    tree: Export
    user: Repo
    asked: Asked
    progress: Progress
    extra: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    undisturbed: bool = True  # nothing that could explain other bytes is absent or of another version

    def __post_init__(self) -> None:
        self.store = Store(self.user, self.tree.folder / "downloads")
        self.pipeline = Pipeline.read(repository(self.tree.root, _config(self.user, self.tree)), self.store)
        self.locks = self.pipeline.locks()
        self.settings = Settings.load(self.tree.root, self.tree.top)
        self.runner = Runner(self.tree, self.pipeline, self.settings, self.progress, self.extra)
        self.judge = Judge(self.pipeline, self.settings.outputs, self.runner.aside, self.store)
        self.diagnosis = Diagnosis(self.runner, self.judge)
        self.sources = Sources(self.pipeline, self.tree.top, self.store)
        self.audit = Audit(self.runner, self.sources, self.user)
        self.chosen = self._chosen()
        self.converted: dict[str, list[str]] = {}  # texts that the run had with other line ends, by their system
        self.unknown: list[Problem] = []  # what the lock alone does not tell
        self.blocked: dict[str, str] = {}  # stages that cannot run, and why

    def whole(self) -> None:
        """Run all, judge all."""
        names = {stage.name for stage in self.chosen}
        self.converted = lock.line_ends(self.pipeline)
        self.notes += lock.notes(self.pipeline)
        self.unknown = [each for each in self.told if not each.decides]
        self.problems += [each for each in self.told if each.decides and (each.stage in names or not self.asked.stages)]
        self._prepare()
        strict = Strict(self.runner, self.judge, self.sources.linked, self.notes) if self.asked.strict else None
        for number, stage in enumerate(self.running, 1):
            if strict:
                strict.before(stage)
            if self._run(stage, number):
                self._judge(stage)
                self.problems += self.audit.links(stage)
            else:
                why = self.blocked[stage.name]
                self.outputs += [self.judge.not_made(stage, out, why) for out in stage.outs if out.here]
        ended = [stage for stage in self.running if stage.name not in self.blocked]
        self.problems += self.audit.of(ended, {each.path for each in self.outputs if each.verdict == "same"})
        if strict:
            self.problems = strict.told(ended, self.problems)
        differing = [each.stage for each in self.outputs if not each.allowed and each.verdict != "unknown"]
        failed = [each.stage for each in self.problems if each.kind == "stage-failed"]
        for stage_name in [*differing, *failed][:1]:
            self._environment(stage_name, bool(differing))

    def bytes_only(self) -> dict[str, Hash]:
        """Run all; the hashes of the outputs."""
        self._prepare()
        for number, stage in enumerate(self.running, 1):
            self._run(stage, number)
        return self.runner.obtained

    @cached_property
    def told(self) -> list[Problem]:
        """What the lock tells of the tree, before anything runs."""
        return lock.problems(self.pipeline)

    def _chosen(self) -> list[Stage]:
        """The stages that the check is about, in order."""
        stages = [stage for stage in self.pipeline.stages if stage.runs]
        by_name = {stage.name: stage for stage in stages}
        for name in self.settings.network:
            if name not in self.pipeline.places:
                raise UserError(f"settings: network: no stage {name}; the stages are {', '.join(by_name)}")
        for name in self.asked.stages:
            if name not in by_name:
                raise UserError(f"no stage {name} that runs; the stages are {', '.join(by_name)}")
        if not self.asked.stages:
            return stages
        wanted, needed = [by_name[name] for name in self.asked.stages], set()
        while wanted:
            stage = wanted.pop()
            needed.add(stage.name)
            wanted += [each for each in self.pipeline.needed(stage) if each.runs and each.name not in needed]
        return [stage for stage in stages if stage.name in needed]

    def _prepare(self) -> None:
        """Set up the environment, put the sources in their places, take out the outputs."""
        self.running = list(self.chosen)
        self.taken |= {each.name: "it is frozen" for each in self.pipeline.stages if each.commands and each.dvc.frozen}
        if self.asked.since:
            self._take_since(self.asked.since)
        for path, command in self.tree.absent.items():
            self.notes.append(f"{path} is not at hand: `{command}` gets it")
            self.undisturbed = False
            for stage in self.running:
                if Paths(stage.reads).overlapping(path):
                    text = f"{path} is not at hand: `{command}` gets it"
                    self._block(Problem(stage.name, "missing-source", path, text))
        for problem in [*self.runner.take_outputs(self.running), *self.sources.provide(self.running)]:
            self._block(problem)
        self.runner.read_only = self.sources.linked
        self.runner.set_up()

    def _take_since(self, revision: str) -> None:
        """Do not run stages whose entry in the lock is that of a revision, where their outputs are at hand."""
        with export(commit_of(revision), Path(self.user.root_dir)) as base:
            then = {
                each.name: each.entry for each in Pipeline.read(repository(base.root, _config(self.user, base))).stages
            }
        contradicted = {each.stage for each in self.told if each.decides}
        for stage in list(self.running):
            if stage.entry and then.get(stage.name) == stage.entry and stage.name not in contradicted:
                places = [self.sources.place(stage, out, True) for out in stage.outs if out.here and out.cached]
                if not any(places):
                    self.taken[stage.name] = f"its entry in {LOCK} is that of {revision}"
                    self.running.remove(stage)

    def _block(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.blocked.setdefault(problem.stage, problem.text)

    def _run(self, stage: Stage, number: int) -> bool:
        """Run a stage, if all that it needs is there; whether it ran to its end."""
        for other in self.pipeline.needed(stage):
            if other.name in self.blocked:
                self.blocked.setdefault(stage.name, f"{other.name}, whose outputs it reads, did not run to its end")
        if stage.name not in self.blocked:
            if problem := self.runner.run(stage, number, len(self.running)):
                self._block(problem)
            else:
                self.runner.obtained |= self.runner.hashes(stage)
        return stage.name not in self.blocked

    def _judge(self, stage: Stage) -> None:
        obtained = self.runner.obtained
        outs = [out for out in stage.outs if out.here]
        outputs = [self.judge.output(stage, out, obtained.get(out.path)) for out in outs]
        self.outputs += outputs
        for output in outputs:
            if output.verdict == "missing":
                text = f"{output.path}: the stage ran to its end without making it"
                self._block(Problem(stage.name, "output-not-made", output.path, text))
        different = [
            out for out, each in zip(outs, outputs, strict=True) if each.verdict in ("differs", "equal", "close")
        ]
        if different and not all(each.allowed for each in outputs):
            others = self._other_inputs(stage)
            doubts = list(self._doubts(stage, others))
            self.problems += doubts
            contradicted = any(each.stage == stage.name and each.decides for each in self.problems)
            if stage.entry and not contradicted and others <= {each.path for each in doubts}:
                self.problems += [
                    each
                    for each in self.diagnosis.of(stage, different)
                    if each.kind == "not-deterministic" or not (doubts or self.converted)
                ]

    def _other_inputs(self, stage: Stage) -> set[str | None]:
        """The dependencies of a stage that are not what the lock says that it read, but for line ends."""
        disk = self.pipeline.fresh()
        return {
            dep.path
            for dep in stage.deps
            if dep.recorded
            and dep.here
            and disk.on_disk(dep.path, dep.recorded.name) != dep.recorded
            and not line_ends_of(dep.recorded, partial(disk.on_disk, dep.path))
        }

    def _doubts(self, stage: Stage, others: set[str | None]) -> Iterator[Problem]:
        """What the lock alone did not tell of other inputs: data that is now at hand decides."""
        for each in self.unknown:
            if each.stage == stage.name and each.path in others:
                makers = [maker for maker in self.pipeline.makers(each.path or "") if maker.outs]
                if not makers:
                    yield each
                elif not any(maker in self.running for maker in makers):
                    text = f"{each.path}: {makers[0].name} promises other data than the run read"
                    yield Problem(stage.name, "dependency-changed", each.path, text)

    def _environment(self, stage: str, differing: bool) -> None:
        """Where the run was on a system with other line ends, or with other packages than are installed.

        stage: the first that differs or failed. differing: whether any output differs.
        """
        for name, paths in self.converted.items() if differing else []:
            self.undisturbed = False
            text = f"the run read {lock.some(paths)} with the line ends of {name}; there, it may write other bytes"
            self.problems.append(Problem(stage, "environment-differs", paths[0], text))
        for file in (each for each in sorted(self.tree.root.glob("*")) if pins.is_pins(each.name)):
            if told := pins.differing(pins.pinned(file.name, file.read_bytes()), self.runner.place.packages):
                self.undisturbed = False
                text = f"{file.name}: {len(told)} of its packages have other versions here: {lock.some(told)}"
                self.problems.append(Problem(stage, "environment-differs", file.name, text))


def _config(user: Repo, tree: Export) -> dict[str, Any]:
    """Settings of DVC for an export: the remotes of the user, a cache of its own, no repository of git to write to."""
    core = {"no_scm": True, "autostage": False, "site_cache_dir": str(tree.folder / "dvc")}
    if remote := user.config["core"].get("remote"):
        core["remote"] = remote
    cache = {"dir": str(tree.folder / "cache"), "local": "", "type": ["reflink", "hardlink", "symlink", "copy"]}
    return {"core": core, "cache": cache, "remote": dict(user.config.get("remote") or {})}


def _copy(outputs: list[Output], root: Path, folder: Path) -> None:
    try:
        for output in outputs:
            if (root / output.path).is_dir():
                shutil.copytree(root / output.path, folder / output.path, dirs_exist_ok=True)
            else:
                artifacts.write_bytes((root / output.path).read_bytes(), folder / output.path)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; the outputs of the run cannot be kept there") from None

"""The reproduction check: run the pipeline of a commit from nothing and compare every output with its promise.

Plan, run, judge: what runs is planned from data, `executed` alone touches the world, and what came of it is judged.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from samebits import __version__, artifacts
from samebits.errors import UserError
from samebits.git import commit_of, git, subject_of, top_of
from samebits.proof.judging import audit, diagnosis, doubts, effects
from samebits.proof.judging.conclusion import concluded
from samebits.proof.judging.judge import Judge
from samebits.proof.record import history, lock
from samebits.proof.repository.pipeline import Pipeline, Stage, repository
from samebits.proof.repository.store import Store
from samebits.proof.repository.tree import Hash
from samebits.proof.running import system
from samebits.proof.running.chosen import Plan, planned
from samebits.proof.running.execute import Run, executed
from samebits.proof.running.export import Export, export
from samebits.proof.running.layers import Layers
from samebits.proof.running.progress import Progress
from samebits.proof.running.run import Made, Runner
from samebits.proof.running.sources import Sources
from samebits.proof.running.views import Place
from samebits.proof.settings import Settings
from samebits.proof.strictness import kinds, variations
from samebits.proof.strictness.strict import Strict
from samebits.proof.verdict import Node, Output, Problem, Verdict
from samebits.proof.words import some

QUICK = 60.0  # seconds; a stage that takes less may run a third time, to tell whether it is deterministic
IMPORTED = re.compile(rb"^import time:\s+\d+ \|\s+\d+ \|\s*([A-Za-z_]\w*)", re.MULTILINE)


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
    outputs : str or None
        A folder for the outputs, if they are what the commit promises.
    strict : bool
        Repeat each stage with only its declared inputs.
    jobs : int
        How many stages run at a time; 0 for one per CPU.
    keep : str or None
        A folder for what the stages saw and wrote, unless the commit is reproduced.

    """

    revision: str = "HEAD"
    stages: Sequence[str] = ()
    since: str | None = None
    vary: bool = False
    outputs: str | None = None
    strict: bool = False
    jobs: int = 1
    keep: str | None = None


def check(asked: Asked | None = None, progress: Progress | None = None, folder: Path | None = None) -> Verdict:
    """Run the pipeline of a commit from nothing and compare every output with the commit.

    The commit is one of the git repository around the working directory. The check writes only to temporary folders and
    to the folders `outputs` and `keep`.

    Parameters
    ----------
    asked : Asked, optional
        What to check; by default, HEAD.
    progress : Progress, optional
        Where progress is shown; by default, nowhere.
    folder : Path, optional
        The root of the DVC repository; by default, the one around the working directory.

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
    user = repository(folder, config={"core": {"no_scm": True}})
    root = Path(user.root_dir)
    commit = commit_of(asked.revision)
    progress.say(f"{commit[:10]}: running the pipeline from nothing")
    dirty = _uncommitted(root) if commit == commit_of("HEAD") else None
    if dirty:
        progress.say(dirty)
    with _subject(commit, user, asked) as subject:
        run = subject.run(progress)
        found = _judged(subject, run, progress)
        varied = {}
        for variation in variations.variations() if asked.vary else []:
            name = " ".join(f"{key}={value}" for key, value in variation.items())
            progress.say(f"{commit[:10]}: {name}")
            with _subject(commit, user, asked) as other:
                varied[name] = _hashes(other.run(Progress(None), variation)) == _hashes(run)
        problems = lock.in_order(history.explained(found.problems, subject.pipeline), subject.pipeline)
        conclusion = concluded(found.outputs, problems, varied, found.whole)
        if asked.outputs and conclusion == "reproduced":
            _copy(found.outputs, run, Path(asked.outputs))
        if asked.keep and conclusion != "reproduced":
            _keep(run, Path(asked.keep))
        described = run.runner.described
        return Verdict(
            conclusion=conclusion,
            commit=commit,
            subject=subject_of(commit),
            version=__version__,
            root=subject.tree.root.relative_to(subject.tree.top).as_posix(),
            locks=subject.locks,
            packages=described.packages,
            graph={stage.name: Node(subject.pipeline.inputs(stage), stage.makes) for stage in subject.plan.chosen},
            outputs=found.outputs,
            problems=problems,
            taken=run.taken,
            notes=[*([dirty] if dirty else []), *run.notes, *found.notes],
            machine=described.machine,
            network=list(subject.settings.network) if subject.place.isolated else None,
            seconds={name: made.seconds for name, made in run.made.items()},
            varied=varied,
            strict=asked.strict,
            isolation=subject.place.shortcomings,
            unproved=found.unproved,
            setup=bool(subject.settings.commands),
        )


@dataclass(frozen=True)
class Subject:
    """What a check is of: a commit with all that is known of it before anything runs.

    told: what the lock tells of its tree. locks: the SHA-256 of its locks.
    """

    tree: Export
    user: Repo
    asked: Asked
    store: Store
    pipeline: Pipeline
    settings: Settings
    place: Place
    told: list[Problem]
    plan: Plan
    locks: dict[str, str]

    def run(self, progress: Progress, extra: dict[str, str] | None = None) -> Run:
        """Run its stages. extra: variables of the environment for all."""
        sources = Sources(self.pipeline, self.tree, self.store, self.place.isolated)
        runner = Runner(self.tree, self.pipeline, self.settings, progress, self.place, sources.shown, extra or {})
        hidden = kinds.homes(os.environ) if self.asked.strict else []
        return executed(self.plan, runner, sources, hidden, kinds.caches(os.environ), self.asked.jobs)


@contextmanager
def _subject(commit: str, user: Repo, asked: Asked) -> Iterator[Subject]:
    root, isolated = Path(user.root_dir), system.can_isolate()
    with export(commit, root, borrow=isolated) as tree:
        store = Store(user, tree.folder / "downloads")
        pipeline = Pipeline.read(repository(tree.root, _config(user, tree)), store)
        settings = Settings.load(tree.root, tree.top)
        told, then = lock.problems(pipeline), None
        if asked.since:
            with export(commit_of(asked.since), root) as base:
                stages = Pipeline.read(repository(base.root, _config(user, base))).stages
                then = {each.name: each.entry for each in stages}
        plan = planned(pipeline, settings, asked.stages, asked.since, then, told)
        place = Place(top_of(root).resolve(), tree.folder, _secret(user, root), isolated)
        yield Subject(tree, user, asked, store, pipeline, settings, place, told, plan, pipeline.locks())


@dataclass
class _Found:
    """What was judged. whole: whether all was available that could explain outputs that differ."""

    outputs: list[Output] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    whole: bool = True

    def doubt(self, problems: Sequence[Problem]) -> bool:
        """Add what may explain other bytes; whether there is any."""
        new = [each for each in problems if each not in self.problems]
        self.problems += new
        self.whole &= not any(each.kind == "environment-differs" for each in problems)
        return bool(problems)


def _judged(subject: Subject, run: Run, progress: Progress) -> _Found:
    """All that is to be said of a run. Stages whose outputs differ run again: that tells why."""
    pipeline, asked, runner = subject.pipeline, subject.asked, run.runner
    chosen = {stage.name for stage in subject.plan.chosen}
    judge = Judge(subject.settings.outputs, run.aside, subject.store)
    converted = lock.line_ends(pipeline)
    found = _Found(notes=lock.notes(pipeline), whole=not subject.tree.absent)
    found.problems += [each for each in subject.told if each.decides and (each.stage in chosen or not asked.stages)]
    found.problems += run.problems
    for stage in run.running:
        made = run.made.get(stage.name)
        if made is None or stage.name in run.blocked:
            why = run.blocked.get(stage.name, "it did not run")
            found.outputs += [judge.not_made(stage, out, why) for out in stage.outs if out.here]
        else:
            _judge_stage(subject, run, judge, found, stage, made)
    found.problems += audit.of(subject.user, run)
    found.unproved += effects.unproved(pipeline, list(run.made.values()), runner.prefix)
    if asked.strict:
        strict = Strict(run, judge, found.notes)
        found.problems = strict.told(run.ended, found.problems)
    differing = [each.stage for each in found.outputs if not each.allowed and each.verdict != "unknown"]
    failed = [each.stage for each in found.problems if each.kind == "stage-failed"]
    for name in [*differing, *failed][:1]:
        if differing:
            found.doubt(list(doubts.of_line_ends(name, converted)))
        found.doubt(list(doubts.of_pins(name, subject.tree.root, runner.described.packages)))
    if not subject.place.isolated and (stages := [*run.running][:1]):
        found.doubt(list(doubts.of_editable(stages[0].name, runner.described.paths, subject.place.top)))
    if run.running and not found.outputs and not _compared_at_top(pipeline, run):
        text = "the pipeline promises no output, so nothing was compared; declare what the stages make as outs"
        found.problems.append(Problem(run.running[0].name, "cannot-tell", None, text))
    return found


def _judge_stage(subject: Subject, run: Run, judge: Judge, found: _Found, stage: Stage, made: Made) -> None:
    pipeline, runner, layers = subject.pipeline, run.runner, run.layers[stage.name]
    outs = [out for out in stage.outs if out.here]
    outputs = [judge.output(stage, out, made) for out in outs]
    for out, output in zip(outs, outputs, strict=True):
        seen, edited = audit.edited_in_git(out, output, run.aside.get(out.path), made)
        found.outputs.append(seen)
        found.problems += edited
    for output in outputs:
        if output.verdict == "missing":
            text = f"{output.path}: the stage ran to its end without making it"
            found.problems.append(Problem(stage.name, "output-not-made", output.path, text))
    if files := run.wide.get(stage.name):
        text = f"{stage.name}: reads what earlier stages made without declaring it, of {some(files)}"
        if subject.asked.strict:
            found.problems.append(Problem(stage.name, "undeclared-dependency", files[0], text))
        else:
            found.notes.append(text)
    asked = effects.open_questions(pipeline, made, judge)
    without = None
    if asked:
        tree = _without([each.name for each in asked], layers, runner)
        with runner.progress.step(f"{stage.name}, without {some([each.path for each in asked])}"):
            without = runner.run(stage, tree)
    effect = effects.judged(pipeline, stage, made, without, judge, subject.asked.strict)
    found.doubt(effect.doubts)
    found.notes += effect.notes
    found.unproved += effect.unproved
    if effect.problems:
        environment = _of_environment(subject, runner, stage, layers)
        found.doubt(environment)
        if environment:  # what it wrote may be other bytes for these
            found.notes += [each.text for each in effect.problems]
        else:
            found.problems += effect.problems
    found.problems += effect.replaced
    different = [
        out for out, each in zip(outs, outputs, strict=True) if each.verdict in ("differs", "equal", "close", "new")
    ]
    different = [out for out in different if out.recorded or out.path in run.aside]
    if not different or all(each.allowed for each in outputs):
        return
    read = _read_by(runner, layers)
    others = doubts.other_inputs(stage, read)
    unknown = [each for each in subject.told if not each.decides]
    running = {each.name for each in run.running}
    told = list(doubts.of_inputs(pipeline, stage, others, unknown, running))
    found.doubt(told)
    ends = list(doubts.of_written_line_ends(stage, made))
    found.doubt(ends)
    different = [out for out in different if out.path not in {each.path for each in ends}]
    contradicted = any(each.stage == stage.name and each.decides for each in found.problems)
    if not different or not stage.entry or contradicted or not others <= {each.path for each in told}:
        return
    again = _again(runner, stage, layers, made)
    here = ", ".join(f"{key} {value}" for key, value in runner.described.machine.items())
    causes = list(diagnosis.causes(stage, different, made, again, judge, here))
    unsteady = [each for each in causes if each.kind == "not-deterministic"]
    if len(unsteady) < len(causes):
        told += _of_environment(subject, runner, stage, layers)
        found.doubt(told)
    found.problems += unsteady if told else causes


def _again(runner: Runner, stage: Stage, layers: Layers, made: Made) -> list[Made]:
    """Run a stage once more, and a third time where that is quick and told nothing."""
    again: list[Made] = []
    for _ in range(2):
        with runner.progress.step(f"{stage.name}, once more"):
            again.append(runner.run(stage, layers))
        if again[-1].hashes != made.hashes or made.seconds >= QUICK:
            break
    return again


def _of_environment(subject: Subject, runner: Runner, stage: Stage, layers: Layers) -> list[Problem]:
    """Doubts by line ends and packages. A run tells what Python imports, beside what any Python imports."""
    return [
        *doubts.of_line_ends(stage.name, lock.line_ends(subject.pipeline)),
        *_of_packages(subject, runner, stage, layers),
    ]


def _of_packages(subject: Subject, runner: Runner, stage: Stage, layers: Layers) -> Iterator[Problem]:
    yield from doubts.of_pins(stage.name, subject.tree.root, runner.described.packages)
    modules: list[set[str]] = []
    for commands in (stage.commands, ['python -c ""']):
        printed = bytearray()
        quiet = replace(stage, commands=commands)
        runner.run(quiet, layers, variables={"PYTHONPROFILEIMPORTTIME": "1"}, printed=printed.extend)
        modules.append({each.decode() for each in IMPORTED.findall(bytes(printed))})
    date = git("log", "-1", "--format=%cs", "HEAD", cwd=subject.tree.top).decode().strip()
    imported = modules[0] - modules[1]
    imports = runner.described_with(["imports"]).imports if imported else {}
    yield from doubts.of_unrecorded(stage, subject.tree.root, imported, imports, date)


def _read_by(runner: Runner, layers: Layers) -> Any:
    """What the paths of a stage's tree held."""
    folder = runner.whole(layers)
    return runner.pipeline.fresh(folder / runner.prefix)


def _without(names: Sequence[str], layers: Layers, runner: Runner) -> Layers:
    """A tree without some files."""
    folder = runner.whole(layers)
    for name in names:
        (folder / name).unlink(missing_ok=True)
    return Layers((folder,))


def _compared_at_top(pipeline: Pipeline, run: Run) -> bool:
    top = set(pipeline.promised_at_top)
    names = {os.path.normpath(os.path.join(run.runner.prefix, path)) for path in top}
    return any(
        names.intersection(made.same) or any(each.path in top for each in made.changes) for made in run.made.values()
    )


def _hashes(run: Run) -> dict[str, Hash]:
    return {path: hash_ for made in run.made.values() for path, hash_ in made.hashes.items()}


def _uncommitted(root: Path) -> str | None:
    names = git("--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=no", cwd=root).split(b"\0")
    count = sum(bool(each) for each in names)
    if not count:
        return None
    return f"{count} {'file is' if count == 1 else 'files are'} changed and not committed; the check is of HEAD"


def _secret(user: Repo, root: Path) -> list[Path]:
    """Folders of this machine that no stage may reach: git's, DVC's caches."""
    common = os.fsdecode(git("rev-parse", "--git-common-dir", cwd=root)).strip()
    caches = [user.cache.local, user.cache.legacy]
    return [(root / common).resolve(), *(Path(each.path).resolve() for each in caches if each is not None)]


def _config(user: Repo, tree: Export) -> dict[str, Any]:
    """Settings of DVC for an export: the remotes of the user, a cache of its own, no repository of git to write to."""
    core = {"no_scm": True, "autostage": False, "site_cache_dir": str(tree.folder / "dvc")}
    if remote := user.config["core"].get("remote"):
        core["remote"] = remote
    cache = {"dir": str(tree.root / ".dvc" / "cache"), "local": "", "type": ["reflink", "copy"]}
    return {"core": core, "cache": cache, "remote": dict(user.config.get("remote") or {})}


def _copy(outputs: list[Output], run: Run, folder: Path) -> None:
    try:
        for output in outputs:
            made = run.made[output.stage].root / output.path
            if made.is_dir():
                shutil.copytree(made, folder / output.path, dirs_exist_ok=True)
            else:
                artifacts.write_bytes(made.read_bytes(), folder / output.path)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; the outputs of the run cannot be kept there") from None


def _keep(run: Run, folder: Path) -> None:
    """What each stage saw and wrote, a folder a stage."""
    try:
        for name, made in run.made.items():
            run.layers[name].over(made.layer).copied(folder / re.sub(r"[^\w.@-]", "_", name))
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; what the stages saw cannot be kept there") from None

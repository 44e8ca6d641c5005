"""The reproduction check: run the pipeline of a commit from nothing and compare every output with its promise.

Plan, run, judge: what runs is planned from data, `executed` alone touches the world, and what came of it is judged.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebits import __version__, artifacts
from samebits.errors import UserError
from samebits.git import commit_of, git, subject_of
from samebits.proof.judging.assess import Assessor
from samebits.proof.judging.conclusion import concluded
from samebits.proof.judging.judge import Judge
from samebits.proof.record import history, lock
from samebits.proof.repository.export import Export, export
from samebits.proof.repository.hashes import Hash
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.store import Store
from samebits.proof.running import system
from samebits.proof.running.chosen import Plan, planned
from samebits.proof.running.execute import Run, executed
from samebits.proof.running.progress import Progress
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import Sources
from samebits.proof.running.views import Place
from samebits.proof.settings import Settings
from samebits.proof.strictness import kinds, variations
from samebits.proof.strictness.strict import Strict
from samebits.proof.verdict import Node, Output, Problem, Verdict


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
    user = Repository.open(folder, git=False)
    root = user.root
    commit = commit_of(asked.revision)
    progress.say(f"{commit[:10]}: running the pipeline from nothing")
    dirty = _uncommitted(root) if commit == commit_of("HEAD") else None
    if dirty:
        progress.say(dirty)
    with _subject(commit, user, asked) as subject:
        run = subject.run(progress)
        judge = Judge(subject.settings.outputs, run.aside, subject.store)
        assessor = Assessor(run, judge, subject.told, asked.strict)
        found = assessor.assessed(subject.plan.chosen, not asked.stages)
        if asked.strict:
            found.problems = Strict(run, judge, found.notes, asked.jobs).told(found.problems)
        assessor.doubted(found)
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
    user: Repository
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
def _subject(commit: str, user: Repository, asked: Asked) -> Iterator[Subject]:
    root, isolated = user.root, system.can_isolate()
    with export(commit, root, borrow=isolated) as tree:
        store = Store(user, tree.folder / "downloads")
        pipeline = Pipeline.read(_repository(tree, user), store)
        settings = Settings.load(tree.root, tree.top)
        told, then = lock.problems(pipeline), None
        if asked.since:
            with export(commit_of(asked.since), root) as base:
                stages = Pipeline.read(_repository(base, user)).stages
                then = {each.name: each.entry for each in stages}
        plan = planned(pipeline, settings, asked.stages, asked.since, then, told)
        place = Place.of(user, tree.folder, isolated)
        yield Subject(tree, user, asked, store, pipeline, settings, place, told, plan, pipeline.locks())


def _hashes(run: Run) -> dict[str, Hash]:
    return {path: hash_ for made in run.made.values() for path, hash_ in made.hashes.items()}


def _uncommitted(root: Path) -> str | None:
    names = git("--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=no", cwd=root).split(b"\0")
    count = sum(bool(each) for each in names)
    if not count:
        return None
    return f"{count} {'file is' if count == 1 else 'files are'} changed and not committed; the check is of HEAD"


def _repository(tree: Export, user: Repository) -> Repository:
    return Repository.exported(tree.root, tree.folder, user, own_cache=True)


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

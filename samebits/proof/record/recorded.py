"""The check of the lock: whether dvc.lock is the record of the tree, from hashes alone."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from samebits import __version__
from samebits.proof.record import history
from samebits.proof.record import lock as entries
from samebits.proof.repository.commit import committed
from samebits.proof.repository.of_dvc import Repository, without_collection
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.verdict import Problem, Record, Recorded


def lock(commit: str | None = None) -> Record:
    """Compare dvc.lock with the tree of the DVC repository around the working directory.

    Runs nothing and needs no data.

    Parameters
    ----------
    commit
        A revision, which is read from git without a checkout; without one, the working tree.

    Returns
    -------
    Record
        Whether dvc.lock is the record of a run of this tree, and what contradicts it.

    Raises
    ------
    UserError
        There is no DVC repository, no such commit, or DVC cannot read its files.

    Examples
    --------
    >>> from samebits.proof import lock
    >>> lock().conclusion  # in a repository whose dvc.lock is the record of its tree
    'recorded'

    """
    with opened(commit) as pipeline:
        return record(pipeline)


@contextmanager
def opened(commit: str | None) -> Iterator[Pipeline]:
    """The pipelines of a commit, or of the working tree."""
    with without_collection():
        if commit:
            with committed(commit) as pipeline:
                yield pipeline
        else:
            yield Pipeline.read(Repository.open())


def record(pipeline: Pipeline, strict: bool = False) -> Record:
    """As `lock`, of pipelines that are read. strict: whether entries of removed stages are problems, too."""
    problems = list(history.explained(entries.problems(pipeline), pipeline))
    if strict:
        problems += entries.leftovers(pipeline)
    return Record(
        conclusion=_conclusion(problems),
        version=__version__,
        stages={
            stage.name: _conclusion([each for each in problems if each.stage == stage.name])
            for stage in pipeline.stages
            if stage.commands
        },
        problems=problems,
        line_ends=entries.line_ends(pipeline),
        notes=entries.notes(pipeline),
    )


def _conclusion(problems: Collection[Problem]) -> Recorded:
    if any(each.decides for each in problems):
        return "not recorded"
    return "inconclusive" if problems else "recorded"

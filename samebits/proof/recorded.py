"""The check of the lock: whether dvc.lock is the record of the tree, from hashes alone."""

from collections.abc import Collection

from samebits import __version__
from samebits.proof.record import history
from samebits.proof.record import lock as entries
from samebits.proof.repository.pipeline import Pipeline, repository
from samebits.proof.verdict import Problem, Record, Recorded


def lock() -> Record:
    """Compare dvc.lock with the tree of the DVC repository around the working directory.

    Runs nothing and needs no data.

    Returns
    -------
    Record
        Whether dvc.lock is the record of a run of this tree, and what contradicts it.

    Raises
    ------
    UserError
        There is no DVC repository, or DVC cannot read its files.

    Examples
    --------
    >>> from samebits.proof import lock
    >>> lock().conclusion  # in a repository whose dvc.lock is the record of its tree
    'recorded'

    """
    pipeline = Pipeline.read(repository())
    problems = list(history.explained(entries.problems(pipeline), pipeline))
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
    )


def _conclusion(problems: Collection[Problem]) -> Recorded:
    if any(each.decides for each in problems):
        return "not recorded"
    return "inconclusive" if problems else "recorded"

"""samebits lock."""

from argparse import ArgumentParser, Namespace

from samebits.proof import history, lock, report
from samebits.proof.pipeline import Pipeline, repository


def add_arguments(parser: ArgumentParser) -> None:
    """None."""


def run(arguments: Namespace) -> int:
    """Print what in dvc.lock is not so, and what cannot be told here."""
    pipeline = Pipeline.read(repository())
    problems = list(history.explained(lock.problems(pipeline), pipeline))
    print(report.record(pipeline, problems))
    return 1 if any(problem.decides for problem in problems) else 0

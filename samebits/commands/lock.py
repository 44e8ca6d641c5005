"""samebits lock."""

from argparse import ArgumentParser, Namespace

from samebits.proof import history, lock


def add_arguments(parser: ArgumentParser) -> None:
    """None."""


def run(arguments: Namespace) -> int:
    """Print what in dvc.lock is not so."""
    recorded = lock.recorded()
    problems = lock.problems(recorded, lock.stages())
    for problem in history.explained(problems, recorded):
        print(f"{problem.stage}: {problem.text}")
    print(f"dvc.lock is {'not ' if problems else ''}the record of a run of this tree")
    return 1 if problems else 0

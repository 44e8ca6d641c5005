"""samebits lock."""

from argparse import ArgumentParser, Namespace

from samebits.commands import add_result_file
from samebits.proof.record import history, lock
from samebits.proof.repository.pipeline import Pipeline, repository
from samebits.proof.telling import annotations, report


def add_arguments(parser: ArgumentParser) -> None:
    """Where else what is found goes."""
    parser.epilog = "Exit status: 0 no contradiction, 1 contradiction, 2 error."
    add_result_file(parser, "--annotations", "also write the problems as GitHub annotations")


def run(arguments: Namespace) -> int:
    """Print what in dvc.lock is not so, and what cannot be told here."""
    pipeline = Pipeline.read(repository())
    problems = list(history.explained(lock.problems(pipeline), pipeline))
    print(report.record(pipeline, problems))
    annotations.write(annotations.of_problems(problems, pipeline.root), arguments.annotations)
    return 1 if any(problem.decides for problem in problems) else 0

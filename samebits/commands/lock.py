"""samebits lock."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits.commands import add_result_file
from samebits.proof.recorded import lock
from samebits.proof.repository.pipeline import repository
from samebits.proof.telling import annotations, report


def add_arguments(parser: ArgumentParser) -> None:
    """Where else what is found goes."""
    parser.epilog = "Exit status: 0 no contradiction, 1 contradiction, 2 error."
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_result_file(parser, "--annotations", "also write the problems as GitHub annotations")


def run(arguments: Namespace) -> int:
    """Print what in dvc.lock is not so, and what cannot be told here."""
    record = lock()
    print(report.as_json(record) if arguments.json else report.record(record))
    if arguments.annotations:
        found = annotations.of_problems(record.problems, Path(repository().root_dir))
        annotations.write(found, arguments.annotations)
    return 1 if record.conclusion == "not recorded" else 0

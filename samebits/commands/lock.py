"""samebits lock."""

from argparse import ArgumentParser, Namespace

from samebits.commands import add_result_file
from samebits.proof.record.recorded import opened, record
from samebits.proof.telling import annotations, report


def add_arguments(parser: ArgumentParser) -> None:
    """What is looked at, how strictly, and where else the findings go."""
    parser.add_argument("--commit", metavar="REV", help="check a commit, without a checkout (default: this tree)")
    parser.add_argument("--strict", action="store_true", help="entries of removed stages are an error, too")
    parser.epilog = "Exit status: 0 no contradiction, 1 contradiction, 2 error."
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_result_file(parser, "--annotations", "also write the problems as GitHub annotations")


def run(arguments: Namespace) -> int:
    """Print what in dvc.lock is not so, and what cannot be told here."""
    with opened(arguments.commit) as pipeline:
        found = record(pipeline, strict=arguments.strict)
        print(report.as_json(found) if arguments.json else report.record(found))
        annotations.write(annotations.of_problems(found.problems, pipeline.root), arguments.annotations)
    return 1 if found.conclusion == "not recorded" else 0

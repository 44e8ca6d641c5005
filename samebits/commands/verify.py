"""samebits verify."""

import argparse
from argparse import ArgumentParser, Namespace

from samebits import artifacts
from samebits.commands import add_result_file
from samebits.proof.statements import verify
from samebits.proof.statements.answer import Answer
from samebits.proof.telling import report


def add_arguments(parser: ArgumentParser) -> None:
    """The statements, how many machines it takes, and where the answer goes."""
    parser.epilog = "Exit status: 0 enough machines made each output, 1 a contradiction, 2 too few machines or error."
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a statement of `check --statement`, or its signed bundle"
    )
    parser.add_argument(
        "--at-least",
        metavar="N",
        type=_number,
        default=1,
        help="how many machines must have made each output (default: 1)",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_result_file(parser, "--markdown", "also write the answer to a file")


def run(arguments: Namespace) -> int:
    """Print which outputs are the same on several machines."""
    combined = verify.verify(arguments.files, arguments.at_least)
    if arguments.markdown:
        artifacts.write_text(verify.text(combined, "github") + "\n", arguments.markdown)
    print(report.as_json(Answer.of(combined)) if arguments.json else verify.text(combined, "simple"))
    return combined.status


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: a number of machines is 1 or more")
    return int(text)

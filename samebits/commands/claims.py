"""samebits claims."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits.commands import add_result_file
from samebits.proof.claims.claims import claims
from samebits.proof.telling import annotations, report


def add_arguments(parser: ArgumentParser) -> None:
    """Which documents, what to do about them, and where else the findings go."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="Markdown, reST, LaTeX, HTML or notebooks (default: all in git)"
    )
    parser.add_argument("--write", action="store_true", help="update the numbers that a mark names a value for")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a number is stale")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_result_file(parser, "--annotations", "also write the stale numbers as GitHub annotations")
    parser.epilog = "Exit status: 0; with --strict 1 if a number is stale; 2 error."


def run(arguments: Namespace) -> int:
    """Print which numbers are those of another run."""
    found = claims(arguments.files, arguments.write)
    print(report.as_json(found) if arguments.json else report.claims(found))
    annotations.write(annotations.of_claims(found.stale, Path()), arguments.annotations)
    return 1 if arguments.strict and found.stale else 0

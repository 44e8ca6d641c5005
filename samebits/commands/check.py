"""samebits check."""

import json
from argparse import ArgumentParser, Namespace

from samebits import artifacts
from samebits.errors import progress
from samebits.proof import report, reproduce


def add_arguments(parser: ArgumentParser) -> None:
    """Which commit, how thoroughly, and where the verdict goes."""
    parser.add_argument("--commit", metavar="REV", default="HEAD", help="the commit to check (default: HEAD)")
    parser.add_argument("--vary", action="store_true", help="run it in 20 or more environments, too")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="write the verdict to a file, too")
    parser.add_argument("--outputs", metavar="FOLDER", help="keep the outputs there, if they are what was promised")


def run(arguments: Namespace) -> int:
    """Run the pipeline of a commit from nothing, compare, print the verdict."""
    verdict = reproduce.check(arguments.commit, arguments.vary, progress, arguments.outputs)
    if arguments.markdown:
        artifacts.write_text(report.verdict(verdict, "github") + "\n", arguments.markdown)
    if arguments.json:
        print(json.dumps(verdict.to_plain(), indent=2))
    else:
        print(report.verdict(verdict, "simple"))
    return 0 if verdict.reproduced else 1

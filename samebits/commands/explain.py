"""samebits explain."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from samebits import artifacts
from samebits.commands import add_result_file
from samebits.errors import UserError
from samebits.proof.explaining.explain import Asked, explain
from samebits.proof.explaining.text import as_markdown, text
from samebits.proof.running.progress import Progress
from samebits.proof.telling import report


def add_arguments(parser: ArgumentParser) -> None:
    """Which two trees, what of them, how many runs, and where the answer goes."""
    parser.epilog = "Exit status: 0 explained, 2 an end cannot be run or is not what its commit records, or error."
    parser.add_argument("base", metavar="BASE", nargs="?", help="a revision (default: where main and HEAD part)")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="a revision (default: HEAD)")
    parser.add_argument("--worktree", action="store_true", help="explain what is not committed")
    parser.add_argument("--by", choices=("factor", "commit"), default="factor", help="commit: each commit between both")
    parser.add_argument("--metric", metavar="NAME", action="append", default=[], help="explain this one; repeatable")
    parser.add_argument(
        "--output", metavar="PATH", action="append", default=[], help="explain the bytes of an output; repeatable"
    )
    parser.add_argument("--exact", action="store_true", help="run all subsets of the factors: Shapley's values")
    parser.add_argument("--runs", metavar="N", type=_number, help="run the pipeline at most N times")
    parser.add_argument("--minutes", metavar="M", type=float, help="start no run after M minutes")
    parser.add_argument("--fresh", action="store_true", help="run base and head, too; use nothing that DVC recorded")
    parser.add_argument("--verbose", action="store_true", help="show all that the stages print")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_result_file(parser, "--markdown", "also write the answer to a file")
    add_result_file(parser, "--html", "also write the answer as an HTML page")


def run(arguments: Namespace) -> int:
    """Print why metrics changed."""
    if arguments.worktree and arguments.head != "HEAD":
        raise UserError("--worktree is the head: name at most a base")
    asked = Asked(
        base=arguments.base,
        head=arguments.head,
        worktree=arguments.worktree,
        by_commit=arguments.by == "commit",
        metrics=arguments.metric,
        outputs=arguments.output,
        exact=arguments.exact,
        runs=arguments.runs,
        minutes=arguments.minutes,
        fresh=arguments.fresh,
    )
    found = explain(asked, Progress(sys.stderr, arguments.verbose))
    if arguments.markdown:
        artifacts.write_text(as_markdown(found) + "\n", arguments.markdown)
    if arguments.html:
        from samebits.proof.explaining.page import render  # with Jinja, a tenth of a second

        artifacts.write_text(render(found), arguments.html)
    print(report.as_json(found) if arguments.json else text(found))
    return found.status


def _number(given: str) -> int:
    if not given.isascii() or not given.isdigit():
        raise ArgumentTypeError(f"{given}: a number of runs is 0 or more")
    return int(given)

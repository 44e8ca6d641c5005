"""samebits report."""

import sys
from argparse import ArgumentParser, Namespace

from samebits.commands import add_result_file
from samebits.errors import UserError
from samebits.git import commit_of, git
from samebits.proof.claims.claims import claims
from samebits.proof.explaining.explain import Asked, explain
from samebits.proof.explaining.text import folded
from samebits.proof.repository.commit import exported
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.running.progress import Progress
from samebits.proof.settings import Settings
from samebits.proof.telling import annotations, changes, report


def add_arguments(parser: ArgumentParser) -> None:
    """The base, and what more to say and to do."""
    parser.add_argument(
        "base", metavar="BASE", nargs="?", default="main", help="a branch, tag or commit (default: main)"
    )
    parser.add_argument(
        "--gate",
        action="store_true",
        help="exit 1 if a metric is worse than allowed, 2 if it is of other data",
    )
    parser.add_argument(
        "--explain", action="store_true", help="also run the pipeline to tell which change moved the metrics, in a fold"
    )
    add_result_file(parser, "--annotations", "also write the problems as GitHub annotations")


def run(arguments: Namespace) -> int:
    """Print Markdown: parameters and metrics against the base."""
    now = Repository.open()
    gates = Settings.load(now.root).gates
    if arguments.gate and not gates:
        raise UserError('--gate: the settings have no [gate]; it says how much a metric may lose, as "test.r2" = 0.005')
    with exported(arguments.base) as base:
        found = changes.since(base, now, gates)
    print(report.comparison(found, arguments.base))
    if arguments.explain:
        print(f"\n{_explained(arguments.base)}")
    if stale := claims().stale:
        print(f"\n{report.stale(stale)}")
    annotations.write(annotations.of_changes(found, arguments.base), arguments.annotations)
    if arguments.gate and found.of_other_data:
        return 2
    return 1 if arguments.gate and found.failed else 0


def _explained(base: str) -> str:
    """A fold of Markdown: why the metrics changed, or why that is not known."""
    changed = git("--no-optional-locks", "status", "--porcelain", "-z").strip(b"\0") != b""
    if not changed and commit_of(base) == commit_of("HEAD"):
        return "Nothing to explain: the base is HEAD, and nothing is changed."
    try:
        return folded(explain(Asked(base=base, worktree=changed), Progress(sys.stderr)))
    except UserError as error:
        return folded(error)

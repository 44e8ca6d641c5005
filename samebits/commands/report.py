"""samebits report."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits import artifacts
from samebits.proof import report
from samebits.proof.reproduce import Verdict
from samebits.results import bits


def add_arguments(parser: ArgumentParser) -> None:
    """The base, and what more to say and to do."""
    parser.add_argument(
        "base", metavar="BASE", nargs="?", default="main", help="a branch, tag or commit (default: main)"
    )
    parser.add_argument("--gate", action="store_true", help="exit 1 if a metric got worse than params.yaml allows")
    parser.add_argument("--verdict", metavar="FILE", nargs="+", default=[], help="what `check --json` printed")


def run(arguments: Namespace) -> int:
    """Print Markdown: parameters and metrics against the base, the chart of bits, verdicts of checks."""
    verdicts = [Verdict.from_plain(artifacts.read_json(file)) for file in arguments.verdict]
    comparison, failed = report.comparison(arguments.base)
    parts = [comparison]
    if Path(bits.CURVE).exists():
        parts.append(bits.chart())
    if verdicts:
        parts.append("\n".join(f"- {report.conclusion(each)}" for each in verdicts))
    print("\n\n".join(parts))
    return 1 if arguments.gate and failed else 0

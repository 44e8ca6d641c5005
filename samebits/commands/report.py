"""samebits report."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from samebits import artifacts
from samebits.errors import UserError
from samebits.proof import annotations, changes, report
from samebits.proof.pipeline import repository
from samebits.proof.settings import Settings
from samebits.proof.verdict import Verdict


def add_arguments(parser: ArgumentParser) -> None:
    """The base, and what more to say and to do."""
    parser.add_argument(
        "base", metavar="BASE", nargs="?", default="main", help="a branch, tag or commit (default: main)"
    )
    parser.add_argument("--gate", action="store_true", help="exit 1 if a metric got worse than the settings allow")
    parser.add_argument("--verdict", metavar="FILE", nargs="+", default=[], help="what `check --json` printed")
    parser.add_argument("--annotations", metavar="FILE", help="write what is wrong as workflow commands of GitHub, too")


def run(arguments: Namespace) -> int:
    """Print Markdown: parameters and metrics against the base, verdicts of checks."""
    verdicts = [_verdict(file) for file in arguments.verdict]
    repo = repository()
    gates = Settings.load(Path(repo.root_dir)).gates
    if arguments.gate and not gates:
        raise UserError('--gate: the settings have no [gate]; it says how much a metric may lose, as "test.r2" = 0.005')
    found = changes.since(repo, arguments.base, gates)
    parts = [report.comparison(found, arguments.base)]
    if verdicts:
        parts.append("\n".join(f"- {report.conclusion(each)}" for each in verdicts))
    print("\n\n".join(parts))
    annotations.write(annotations.of_changes(found, arguments.base), arguments.annotations)
    return 1 if arguments.gate and found.failed else 0


def _verdict(file: str) -> Verdict:
    try:
        return msgspec.json.decode(artifacts.read_bytes(file), type=Verdict)
    except msgspec.DecodeError as error:
        raise UserError(f"{file}: not what `samebits check --json` prints ({error})") from None

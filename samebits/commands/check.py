"""samebits check."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from samebits import artifacts
from samebits.commands import add_result_file
from samebits.proof import reproduce
from samebits.proof.repository.pipeline import repository
from samebits.proof.running.progress import Progress
from samebits.proof.statements import statement
from samebits.proof.telling import annotations, report

STATUS = {"reproduced": 0, "not reproduced": 1, "inconclusive": 2}


def add_arguments(parser: ArgumentParser) -> None:
    """Which commit, how thoroughly, and where the verdict goes."""
    parser.add_argument("stages", metavar="STAGE", nargs="*", help="check these and what they need (default: all)")
    parser.add_argument("--commit", metavar="REV", default="HEAD", help="the commit to check (default: HEAD)")
    parser.add_argument("--since", metavar="REV", help="do not run stages whose entry in dvc.lock is that of REV")
    parser.add_argument("--vary", action="store_true", help="run it in 20 or more environments, too")
    parser.add_argument("--strict", action="store_true", help="run each stage with only what it declares, too")
    parser.add_argument("--verbose", action="store_true", help="show what the stages print")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    add_result_file(parser, "--markdown", "write the verdict to a file, too")
    add_result_file(parser, "--statement", "write what was found as an in-toto Statement")
    add_result_file(parser, "--html", "write the verdict as a page to look at, too")
    add_result_file(parser, "--annotations", "write what is wrong as workflow commands of GitHub, too")
    parser.add_argument("--outputs", metavar="FOLDER", help="keep the outputs there, if they are what was promised")


def run(arguments: Namespace) -> int:
    """Run the pipeline of a commit from nothing, compare, print the verdict."""
    if arguments.outputs is not None:
        artifacts.check_writable(Path(arguments.outputs, ".samebits"))  # before a long run, not after
    asked = reproduce.Asked(
        arguments.commit, arguments.stages, arguments.since, arguments.vary, arguments.outputs, arguments.strict
    )
    verdict = reproduce.check(asked, Progress(sys.stderr, arguments.verbose))
    if arguments.markdown:
        artifacts.write_text(report.verdict(verdict, "github") + "\n", arguments.markdown)
    if arguments.html:
        from samebits.proof.telling import page  # with Jinja, a tenth of a second

        artifacts.write_text(page.render(verdict), arguments.html)
    if arguments.annotations:
        found = annotations.of_verdict(verdict, Path(repository().root_dir))
        annotations.write(found, arguments.annotations)
    if arguments.json:
        # a name of a file may be no text
        print(json.dumps(msgspec.to_builtins(verdict), indent=2, ensure_ascii=False).encode(errors="replace").decode())
    else:
        print(report.verdict(verdict, "simple"))
    if arguments.statement:
        statement.write(verdict, arguments.statement)
    return STATUS[verdict.conclusion]

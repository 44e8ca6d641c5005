"""samebits check."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits import artifacts
from samebits.commands import add_result_file
from samebits.errors import UserError
from samebits.proof import reproduce
from samebits.proof.repository.pipeline import repository
from samebits.proof.running.progress import Progress
from samebits.proof.statements import statement
from samebits.proof.telling import annotations, report

STATUS = {"reproduced": 0, "not reproduced": 1, "inconclusive": 2}


def add_arguments(parser: ArgumentParser) -> None:
    """Which commit, how thoroughly, and where the verdict goes."""
    parser.epilog = "Exit status: 0 reproduced, 1 not reproduced, 2 inconclusive or error."
    parser.add_argument(
        "stages", metavar="STAGE", nargs="*", help="check these stages and those that they need (default: all)"
    )
    parser.add_argument("--commit", metavar="REV", default="HEAD", help="the commit to check (default: HEAD)")
    parser.add_argument("--since", metavar="REV", help="skip stages whose dvc.lock entry is unchanged since REV")
    parser.add_argument("--vary", action="store_true", help="repeat the run in 20 or more environments")
    parser.add_argument("--strict", action="store_true", help="repeat each stage with only its declared inputs")
    parser.add_argument("--verbose", action="store_true", help="show all that the stages print")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    add_result_file(parser, "--markdown", "also write the verdict to a file")
    add_result_file(parser, "--statement", "also write the verdict as an in-toto Statement")
    add_result_file(parser, "--html", "also write the verdict as an HTML page")
    add_result_file(parser, "--annotations", "also write the problems as GitHub annotations")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="run N stages at a time; 0: one per CPU")
    parser.add_argument("--keep", metavar="FOLDER", help="unless it is reproduced, keep what the stages saw and wrote")
    parser.add_argument("--outputs", metavar="FOLDER", help="keep the outputs there if they are reproduced")


def run(arguments: Namespace) -> int:
    """Run the pipeline of a commit from nothing, compare, print the verdict."""
    for folder in (arguments.outputs, arguments.keep):
        if folder is not None:
            artifacts.check_writable(Path(folder, ".samebits"))  # before a long run, not after
    if arguments.jobs < 0:
        raise UserError(f"--jobs {arguments.jobs}: must be 0, for one stage per CPU, or more")
    asked = reproduce.Asked(
        revision=arguments.commit,
        stages=arguments.stages,
        since=arguments.since,
        vary=arguments.vary,
        outputs=arguments.outputs,
        strict=arguments.strict,
        jobs=arguments.jobs,
        keep=arguments.keep,
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
        print(report.as_json(verdict))
    else:
        print(report.verdict(verdict, "simple"))
    if arguments.statement:
        statement.write(verdict, arguments.statement)
    return STATUS[verdict.conclusion]

"""samebits check."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits import artifacts
from samebits.commands import add_result_file
from samebits.errors import UserError
from samebits.git import top_of
from samebits.proof import reproduce
from samebits.proof.repository.answers import NoRepositoryError
from samebits.proof.repository.commit import roots
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.running.progress import Progress
from samebits.proof.statements import statement
from samebits.proof.telling import annotations, report

OF_ONE = ("stages", "since", "statement", "html", "annotations", "outputs", "keep")  # arguments for one verdict alone
STATUS = {"reproduced": 0, "not reproduced": 1, "inconclusive": 2}


def add_arguments(parser: ArgumentParser) -> None:
    """Which commit, how thoroughly, and where the verdict goes."""
    parser.epilog = "Exit status: 0 reproduced, 1 not reproduced, 2 inconclusive or error."
    parser.add_argument(
        "stages", metavar="STAGE", nargs="*", help="check these stages and those that they need (default: all)"
    )
    parser.add_argument("--all", action="store_true", help="check every DVC repository of this git repository")
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
    if arguments.jobs < 0:
        raise UserError(f"--jobs {arguments.jobs}: must be 0, for one stage per CPU, or more")
    for folder in (arguments.outputs, arguments.keep):
        if folder is not None:
            artifacts.check_writable(Path(folder, ".samebits"))  # before a long run, not after
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
    progress = Progress(sys.stderr, arguments.verbose)
    if arguments.all:
        return _all(arguments, asked, progress)
    try:
        verdict = reproduce.check(asked, progress)
    except NoRepositoryError as error:
        raise _with_roots(error, arguments.commit) from None
    if arguments.markdown:
        artifacts.write_text(report.verdict(verdict, "github") + "\n", arguments.markdown)
    if arguments.html:
        from samebits.proof.telling import page  # with Jinja, a tenth of a second

        artifacts.write_text(page.render(verdict), arguments.html)
    if arguments.annotations:
        found = annotations.of_verdict(verdict, Repository.open().root)
        annotations.write(found, arguments.annotations)
    print(report.as_json(verdict) if arguments.json else report.verdict(verdict, "simple"))
    if arguments.statement:
        statement.write(verdict, arguments.statement)
    return STATUS[verdict.conclusion]


def _all(arguments: Namespace, asked: reproduce.Asked, progress: Progress) -> int:
    """Check every DVC repository of a git repository, a verdict each; the status of the worst."""
    for name in OF_ONE:
        if getattr(arguments, name):
            raise UserError(f"--all does not go with {'STAGE' if name == 'stages' else f'--{name}'}")
    top, verdicts = top_of(Path.cwd()), []
    for folder in roots(asked.revision):
        progress.say(f"{folder or './'}:")
        verdicts.append(reproduce.check(asked, progress, top / folder))
    if not verdicts:
        raise UserError(f"{asked.revision}: no DVC repository in this commit")
    if arguments.json:
        print("[" + ",\n".join(map(report.as_json, verdicts)) + "]")
    else:
        print("\n\n".join(f"{each.root}:\n{report.verdict(each, 'simple')}" for each in verdicts))
    if arguments.markdown:
        texts = [f"## {each.root}\n\n{report.verdict(each, 'github')}\n" for each in verdicts]
        artifacts.write_text("\n".join(texts), arguments.markdown)
    statuses = {STATUS[each.conclusion] for each in verdicts}
    return next(status for status in (1, 2, 0) if status in statuses)


def _with_roots(error: NoRepositoryError, revision: str) -> UserError:
    """That there is no DVC repository here, with those that the git repository has elsewhere."""
    if found := roots(revision):
        folders = ", ".join(each or "./" for each in found)
        return UserError(
            f"no DVC repository here; this git repository has {folders}: run in one of them, or with --all"
        )
    return error

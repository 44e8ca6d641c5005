"""samebits init."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits import markdown
from samebits.git import git
from samebits.markdown import printable
from samebits.proof.adoption import proposal
from samebits.proof.adoption.look import Look, look
from samebits.proof.pipeline import Pipeline, repository
from samebits.proof.settings import Settings, stored

WIDTHS = (None, 36, 52, 38)  # of the table's columns


def add_arguments(parser: ArgumentParser) -> None:
    """A workflow, and whether to write at all."""
    parser.add_argument("--workflow", choices=list(proposal.WORKFLOWS), help="write one that checks each push, too")
    parser.add_argument("--dry-run", action="store_true", help="write nothing, print the settings")


def run(arguments: Namespace) -> int:
    """Print what a check will need; write the settings for it where there are none, and the workflow."""
    pipeline = Pipeline.read(repository())
    top = Path(os.fsdecode(git("rev-parse", "--show-toplevel", cwd=pipeline.root)).strip())
    found = look(pipeline)
    rows = [[printable(each) for each in (need.kind, need.what, need.found, need.do)] for need in found.needs]
    print(markdown.table(rows, ["needs", "what", "is", "to do"], "simple", widths=WIDTHS), end="\n\n")
    written = _settings(pipeline, top, found, arguments.dry_run)
    if arguments.workflow and not arguments.dry_run:
        written += [name] if (name := proposal.workflow(arguments.workflow, top)) else []
    for name in written:
        print(f"Written: {name}")
    if not all(stage.entry for stage in pipeline.stages if stage.runs and stage.in_pipeline):
        print("Next: `dvc repro`, as dvc.lock does not record all stages; commit; `samebits lock`, `samebits check`")
    else:
        commit = f"commit {' and '.join(written)}; " if written else ""
        print(f"Next: {commit}`samebits lock`, then `samebits check`")
    return 0


def _settings(pipeline: Pipeline, top: Path, found: Look, dry: bool) -> list[str]:
    """Write the settings, or say why not; returns the names of the files that were written."""
    there = stored(pipeline.root, top)
    lacking = proposal.missing(found.settings, Settings.load(pipeline.root, top))
    if lacking == Settings():
        print(f"The settings in {there[0]} have all of it." if there else "No settings to write.")
        return []
    if there or dry:
        if there:
            print(f"The settings in {there[0]} are left as they are. What they do not have:\n")
        print(printable(proposal.text(lacking, found.reasons), "\n"))
        return []
    return [proposal.write(pipeline, lacking, found.reasons)]

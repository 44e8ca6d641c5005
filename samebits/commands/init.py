"""samebits init."""

from argparse import ArgumentParser, Namespace

from samebits import artifacts, markdown
from samebits.git import top_of
from samebits.markdown import printable
from samebits.proof.adoption import proposal
from samebits.proof.adoption.look import look
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.settings import Settings, stored

WIDTHS = (None, 36, 52, 38)  # of the table's columns


def add_arguments(parser: ArgumentParser) -> None:
    """A workflow, and whether to write at all."""
    parser.add_argument(
        "--workflow", choices=list(proposal.WORKFLOWS), help="also write a workflow that checks each push"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the settings, write nothing")


def run(arguments: Namespace) -> int:
    """Print what a check will need; write the settings for it where there are none, and the workflow."""
    pipeline = Pipeline.read(Repository.open())
    top = top_of(pipeline.root)
    there, settings = stored(pipeline.root, top), Settings.load(pipeline.root, top)
    found = look(pipeline)
    lacking = proposal.missing(found.settings, settings)
    workflow = None
    if arguments.workflow:
        makes = bool(settings.commands or (lacking.commands and not there))
        workflow = proposal.workflow(arguments.workflow, top, pipeline.root.resolve(), makes)
    rows = [(need.kind, need.what, need.found, need.do) for need in found.needs]
    print(markdown.table(rows, ["needs", "what", "is", "to do"], "simple", widths=WIDTHS), end="\n\n")
    written = []
    if lacking == Settings():
        print(f"The settings in {there[0]} have all of it." if there else "No settings to write.")
    elif there or arguments.dry_run:
        if there:
            print(f"The settings in {there[0]} are left as they are. What they do not have:\n")
        file = there[0] if there else proposal.place(pipeline)[0]
        print(printable(proposal.text(lacking, found.reasons, proposal.prefix(file)), "\n"))
    else:
        written.append(proposal.write(pipeline, lacking, found.reasons))
    if workflow and not arguments.dry_run:
        artifacts.write_text(workflow[1], workflow[0])
        written.append(f"{workflow[0].relative_to(top)} (its first lines say what to fill in)")
    for name in written:
        print(f"Written: {name}")
    print(_next(pipeline, bool(written)))
    return 0


def _next(pipeline: Pipeline, written: bool) -> str:
    """What to do now."""
    if all(stage.entry for stage in pipeline.stages if stage.runs and stage.in_pipeline):
        return f"Next: {'commit; ' if written else ''}`samebits lock`, then `samebits check`"
    return "Next: `dvc repro`, as dvc.lock does not record all stages; commit; `samebits lock`, then `samebits check`"

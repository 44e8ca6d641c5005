"""The one command line of the project."""

import os
import sys
from argparse import ArgumentParser
from importlib import import_module
from typing import NamedTuple, NoReturn

import samebits
from samebits.errors import UserError, run
from samebits.git import COMMIT


class Command(NamedTuple):
    """A subcommand, in samebits/commands/NAME.py: what it does, and the extra of the package that it needs."""

    help: str
    extra: str


COMMANDS = {
    "init": Command("list what a check of this DVC repository needs; write the settings for it", "check"),
    "lock": Command("check, without data, that dvc.lock records this tree", "check"),
    "check": Command("run a commit's pipeline from nothing, compare every output with the commit", "check"),
    "verify": Command("combine statements: which outputs are the same on several machines", "check"),
    "report": Command("compare parameters and metrics with a base revision, as Markdown", "check"),
    "claims": Command("find numbers in documents that are those of an earlier run", "check"),
    "explain": Command("measure which change moved a metric, by runs of hybrids of two commits", "check"),
    "merge": Command("merge dvc.lock and generated files stage by stage; git calls it", "check"),
    "new": Command("make a DVC repository of a table: parameters, pipeline, CI; run it", "pipeline"),
    "use": Command("look at a table; write the query that uses it into params.yaml", "pipeline"),
    "results": Command("print the metrics of the last run as a table", "pipeline"),
    "predict": Command("predict rows of CSV or JSON lines with the quantized model", "serve"),
    "serve": Command("serve predictions over HTTP (Open Inference Protocol)", "serve"),
    "image": Command("build, test and push the image of HEAD's model; verify an image", "image"),
}


def main() -> NoReturn:
    """Run the subcommand that the arguments name; exit with its status."""
    run(_main)


def _main() -> int:
    """Import only the subcommand that is asked for, and so only what it needs."""
    words = sys.argv[1:]
    if words == ["--info"]:
        words = ["predict", "--info"]  # for `docker run IMAGE --info`
    asked = words[0] if words else ""
    parser = ArgumentParser(prog="samebits", description=samebits.__doc__)
    parser.add_argument("--version", action="version", version=f"samebits {samebits.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    try:
        for name, command in COMMANDS.items():
            subparser = commands.add_parser(name, help=command.help, description=command.help)
            if name == asked:
                module = import_module(f"samebits.commands.{name}")
                module.add_arguments(subparser)
                return int(module.run(subparser.parse_args(words[1:])))  # of a misspelt option, it shows its usage
        parser.parse_args(words)
        parser.error("the command comes first")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if COMMIT in os.environ:
            raise UserError("this image can only predict and serve; for the rest, use the repository") from None
        if missing == "samebits":
            raise
        extra = f"[{COMMANDS[asked].extra}]"
        raise UserError(
            f"samebits {asked} needs {missing}, which is not installed: install samebits with the extra {extra} "
            f"(in a clone: make dev; source .venv/bin/activate)"
        ) from None


if __name__ == "__main__":
    main()

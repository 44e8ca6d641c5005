"""samebits merge."""

import posixpath
from argparse import ArgumentParser, Namespace
from pathlib import Path

from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.proof.merging.driver import merge_generated, merge_lock
from samebits.proof.merging.setup import install


def add_arguments(parser: ArgumentParser) -> None:
    """What git gives a merge driver, or that git shall be set up to call it."""
    parser.description = "Merge dvc.lock and generated files stage by stage. git calls this command."
    parser.add_argument("--install", action="store_true", help="set git up to call it in this clone")
    parser.add_argument(
        "versions",
        nargs="*",
        metavar="BASE OURS THEIRS PATH",
        help="what git passes: three versions of a file, and its path",
    )


def run(arguments: Namespace) -> int:
    """Set git up, or write the merged version of a file over OURS."""
    if arguments.install and not arguments.versions:
        install()
        return 0
    if arguments.install or len(arguments.versions) != 4:
        raise UserError("merge: git calls it, with four files; `samebits merge --install` sets git up, once a clone")
    base, ours, theirs = map(Path, arguments.versions[:3])
    path = arguments.versions[3]
    drive = merge_lock if posixpath.basename(path) == LOCK else merge_generated
    drive(base, ours, theirs, path)
    return 0

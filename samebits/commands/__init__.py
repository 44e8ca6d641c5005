"""The subcommands, a file each: `add_arguments` says what one takes, `run` does it and returns the exit status."""

import os
from argparse import ArgumentParser, ArgumentTypeError


def add_result_file(parser: ArgumentParser, option: str, help_: str) -> None:
    """An option that names a file to write at the end. What cannot be written is told before a long run, not after."""
    parser.add_argument(option, type=_result_file, metavar="FILE", help=help_)


def _result_file(path: str) -> str:
    """The path of a file that appears whole or not at all, in place of the one that is there; so it is no device."""
    if os.path.lexists(path) and not os.path.isfile(path):
        raise ArgumentTypeError(f"{path}: exists and is not a file")
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.lexists(folder):  # it will be made
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ArgumentTypeError(f"{path}: {folder} is not a writable folder")
    return path

"""The subcommands, one file each: `add_arguments` declares the arguments, `run` runs it and returns the exit status."""

import os
from argparse import ArgumentParser, ArgumentTypeError

MOST_SKIPPED = 1000  # lines above the header, or after the last row


def add_result_file(parser: ArgumentParser, option: str, help_: str) -> None:
    """Add an option that names a file to write at the end. A file that cannot be written is an error before the run."""
    parser.add_argument(option, type=_result_file, metavar="FILE", help=help_)


def add_model(parser: ArgumentParser) -> None:
    """Add the option that names the model to predict with."""
    from samebits.model import payload  # with numpy, which not every subcommand needs

    help_ = "the model, with card.json beside it (default: %(default)s)"
    parser.add_argument("--model", metavar="FILE", default=payload.FILE, help=help_)


def add_around(parser: ArgumentParser) -> None:
    """Add the options that name lines of a file that are no rows."""
    for option, where in (("--skip", "above the header"), ("--skip-footer", "after the last row")):
        help_ = f"how many lines {where} are not read (default: %(default)s)"
        parser.add_argument(option, type=_lines, metavar="LINES", default=0, help=help_)


def _lines(text: str) -> int:
    """How many lines."""
    if not (text.isdecimal() and int(text) <= MOST_SKIPPED):
        raise ArgumentTypeError(f"{text}: must be a whole number up to {MOST_SKIPPED:,}")
    return int(text)


def _result_file(path: str) -> str:
    """The path of a file to write, whole or not at all. It replaces an existing file, so it cannot be a device."""
    if os.path.lexists(path) and not os.path.isfile(path):
        raise ArgumentTypeError(f"{path}: exists and is not a file")
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.lexists(folder):  # it will be made
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ArgumentTypeError(f"{path}: {folder} is not a writable folder")
    return path

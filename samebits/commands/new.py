"""samebits new."""

import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from contextlib import chdir
from pathlib import Path

from samebits import params
from samebits.commands import use
from samebits.errors import UserError, warn
from samebits.project import pins, repository


def add_arguments(parser: ArgumentParser) -> None:
    """Where, of which table, and whether to run."""
    parser.add_argument("folder", metavar="FOLDER", help="the new repository; it must not exist, or be empty")
    parser.add_argument(
        "--table", metavar="TABLE", required=True, help=use.TABLE.replace(", a glob or a URL", " or a glob")
    )
    use.add_options(parser)
    parser.add_argument("--run", action="store_true", help="run the pipeline and commit; git must know your name")


def run(arguments: Namespace) -> int:
    """Make the repository as a whole or not at all; run it, if asked."""
    folder = Path(arguments.folder).absolute()
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{arguments.folder}: exists and is not an empty folder; name another one")
    if "://" in arguments.table:
        raise UserError(f"--table {arguments.table}: a URL; download the file first, so that the repository holds it")
    if arguments.run:
        repository.check_author()
    source = pins.origin()
    arguments.table = os.path.abspath(arguments.table)
    parent = _existing(folder)
    made = Path(tempfile.mkdtemp(prefix=".samebits-", dir=parent))
    try:
        repository.write(made, source, f"{sys.version_info.major}.{sys.version_info.minor}")
        with chdir(made):
            copies, told = use.take(arguments, write=True)
            large = use.large(copies)
            options = params.load()
        repository.name(made, folder.name, options)
        repository.initialize(made, large)
        made.chmod(0o755)
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made, folder)
    except OSError as error:
        raise UserError(f"{arguments.folder}: {error.strerror}; name a folder that can be written") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if not source.elsewhere:
        warn(
            f"samebits is installed from a folder of this machine: in {repository.PINS}, write from where others get it"
        )
    if arguments.run:
        repository.first_run(folder, options)
        print(f"Made and committed {arguments.folder}. {told} Read data.query there; then, in that folder:")
        print("  samebits check\n  samebits results --html page.html\n  samebits serve")
    else:
        print(f"Made {arguments.folder}. {told} Read and edit data.query there; then, in that folder:")
        print('  dvc repro\n  samebits results --write README.md\n  git add .\n  git commit -m "First run"')
    return 0


def _existing(folder: Path) -> Path:
    """The nearest folder around one that exists. Raises UserError where none can be made in it."""
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{folder}: {parent} is not a writable folder")
    return parent

"""samebits use."""

import contextlib
import filecmp
import glob
import os
import shlex
import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from samebits import artifacts, git, params
from samebits.errors import UserError, warn
from samebits.tables import edit, excel, use
from samebits.tables.features import count

FOLDER = Path("data/raw")  # what the stage `data` depends on
FORMATS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
FOR_DVC = 50 * 2**20  # bytes; hosts of git warn of larger files


def add_arguments(parser: ArgumentParser) -> None:
    """The table, the target, and whether to write."""
    parser.add_argument("table", metavar="TABLE", help="a path, a glob or a URL: CSV, Parquet, JSON or Excel")
    parser.add_argument("--target", metavar="COLUMN", required=True, help="the column to predict")
    parser.add_argument(
        "--yes", action="store_true", help="write params.yaml; without it, only show what it would contain"
    )


def run(arguments: Namespace) -> int:
    """Look at the table; show or write the section `data` of params.yaml that uses it."""
    data = params.load().data
    if arguments.yes:
        _check_committed()
    with _found(arguments.table) as (files, source):
        moves = _moves(files, source)
        new_source = _in_repository(source, moves)
        proposal = use.propose(source, arguments.target, data)
        text = artifacts.read_bytes(params.FILE).decode()
        changed = edit.with_table(
            text,
            params.FILE,
            f"by samebits use {_quoted(new_source)} --target {_quoted(arguments.target)}",
            source=new_source,
            target=arguments.target,
            split=proposal.split,
            query=proposal.query,
        )
        for note in proposal.notes:
            warn(note)
        if not files:
            warn(f"`make check` runs without network: bring {source} into {FOLDER}/ with `dvc import-url`")
        if not arguments.yes:
            print(edit.part(changed, params.FILE))
            copies = f", and copies the table into {FOLDER}/" if moves else ""
            print(f"`--yes` writes this into {params.FILE}{copies}.")
            return 0
        for file, to in moves:
            with artifacts.written(to) as copy, open(file, "rb") as original:
                shutil.copyfileobj(original, copy)
        artifacts.write_text(changed, params.FILE)
    of = f"{count(proposal.features, 'feature')} of {count(proposal.columns, 'column')}"
    print(f"{params.FILE}: {count(proposal.rows, 'row')}, {of}. Read and edit data.query, then run:")
    print("\n".join(f"  {line}" for line in _next([to for _, to in moves])))
    return 0


@contextlib.contextmanager
def _found(table: str) -> Iterator[tuple[list[Path], str]]:
    """The files of a table, none for a URL, and its source; the first sheet of Excel is a temporary CSV file."""
    if "://" in table:
        yield [], table
        return
    files = [Path(each) for each in ([table] if os.path.exists(table) else sorted(glob.glob(table, recursive=True)))]
    if files and files[0].is_dir():
        raise UserError(f"{table} is a folder; name its files, as {table}/*.csv")
    if any(not file.stat().st_size for file in files):
        raise UserError(f"{table}: the file is empty")
    if not files:
        raise UserError(f"{table}: no such file")
    if excel.is_workbook(table):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, f"{Path(table).stem}.csv")
            excel.to_csv(table, copy)
            yield [copy], str(copy)
        return
    name = table.lower().removesuffix(".gz").removesuffix(".zst")
    if not name.endswith(FORMATS):
        raise UserError(
            f"{table}: the name must end in one of {', '.join(FORMATS)}, also with .gz or .zst, or in .xlsx"
        )
    yield files, table


def _moves(files: list[Path], source: str) -> list[tuple[Path, Path]]:
    """Which files to copy where, so that the table lies in data/raw. Raises UserError if others are there."""
    inside = FOLDER.resolve()
    if not files or all(inside in file.resolve().parents for file in files):
        return []
    moves = [(file, FOLDER / file.name) for file in files]
    for file, to in moves:
        if to.exists() and not filecmp.cmp(file, to, shallow=False):
            raise UserError(f"{to} exists and differs from {file}; rename one of them")
    if len(files) > 1:
        there = {Path(each).name for each in glob.glob(str(FOLDER / Path(source).name))}
        names = {file.name for file in files}
        if len(names) < len(files) or there - names or glob.has_magic(str(Path(source).parent)):
            raise UserError(f"{source}: copy these {len(files)} files into a folder of {FOLDER}/ and name them there")
    return moves


def _in_repository(source: str, moves: list[tuple[Path, Path]]) -> str:
    """The source as params.yaml names it, relative to the project folder."""
    if moves:
        return str(FOLDER / Path(source).name)
    return source if "://" in source else os.path.relpath(source)


def _check_committed() -> None:
    """Raise UserError unless params.yaml, which will be overwritten, is committed."""
    try:
        changed = git.git("status", "--porcelain", "--", params.FILE).strip()
    except UserError:
        raise UserError(f"{params.FILE} is not in a git repository, which would keep its present content") from None
    if changed:
        raise UserError(
            f"{params.FILE} has uncommitted changes, which would be lost; commit them, or drop them with "
            f"`git checkout {params.FILE}`"
        )


def _quoted(word: str) -> str:
    """A word of a command, in a comment."""
    return shlex.quote(word) if word.isprintable() else ascii(word)


def _next(copies: list[Path]) -> list[str]:
    """The commands that follow."""
    large = [str(each) for each in copies if each.stat().st_size > FOR_DVC]
    # before the run: it writes two small files beside the table
    add = [f"dvc add {shlex.join(large)}   # too large for git"] if large else []
    return [*add, "make", f"git add {FOLDER}", 'git commit -am "Another table"', "make check"]

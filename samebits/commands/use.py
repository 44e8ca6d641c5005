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
from samebits.advice import edit, use
from samebits.advice.features import count
from samebits.advice.reader import Asked
from samebits.commands import add_around
from samebits.errors import UserError, warn
from samebits.tables import convert
from samebits.tables.diagnosis import clean

FOLDER = Path("data/raw")  # what the stage `data` depends on
TABLE = "a path, a glob or a URL: CSV, Parquet, JSON or Excel, also 'book.xlsx#Sheet 2' or 'a.zip#table.csv'"
SHOWN = 30  # columns that are left out
DATES = {"day-first": "day first", "month-first": "month first"}
FOR_DVC = 50 * 2**20  # bytes; hosts of git warn of larger files


def add_arguments(parser: ArgumentParser) -> None:
    """The table, the target, and whether to write."""
    parser.add_argument("table", metavar="TABLE", help=TABLE)
    add_options(parser)
    parser.add_argument(
        "--yes", action="store_true", help="write params.yaml; without it, only show what it would contain"
    )


def add_options(parser: ArgumentParser) -> None:
    """What to predict, and what the person knows of the table."""
    parser.add_argument("--target", metavar="COLUMN", required=True, help="the column to predict")
    parser.add_argument(
        "--missing",
        metavar="[COLUMN=]VALUE",
        action="append",
        default=[],
        help="a number or a text that stands for a missing value, in all columns or in one; may be repeated",
    )
    parser.add_argument(
        "--positive",
        metavar="VALUE",
        help="the value of the target that is 1; of more than two values, this one is compared with the rest",
    )
    parser.add_argument(
        "--model",
        choices=["linear", "logistic"],
        help="by default, logistic regression for a target of two values, least squares for other numbers",
    )
    add_around(parser)
    parser.add_argument("--dates", choices=[*DATES], help="how to read dates as 02/06/2016, where both ways fit")
    for option, what in (("--category", "levels"), ("--number", "a number")):
        parser.add_argument(
            option,
            metavar="COLUMN",
            action="append",
            default=[],
            help=f"take this column of numbers as {what}; may be repeated",
        )


def run(arguments: Namespace) -> int:
    """Look at the table; show or write the section `data` of params.yaml that uses it."""
    if arguments.yes:
        _check_committed()
    copies, told = take(arguments, write=arguments.yes)
    if arguments.yes:
        print(f"{told} Read and edit data.query, then run:")
        print("\n".join(f"  {line}" for line in _next(copies)))
    return 0


def take(arguments: Namespace, write: bool) -> tuple[list[Path], str]:
    """Write the section `data` of params.yaml that uses a table, copy this into data/raw, and say what was decided.

    write: whether to; else it is shown. Returns the copies, and what became of the table in a sentence. Raises
    UserError where the table cannot be used.
    """
    data = params.load().data
    with _found(arguments.table, convert.Around(arguments.skip, arguments.skip_footer)) as (files, source):
        moves = _moves(files, source)
        new_source = _in_repository(source, moves)
        proposal = use.propose(source, arguments.target, data, _asked(arguments))
        text = artifacts.read_bytes(params.FILE).decode()
        changed = edit.with_table(
            text,
            params.FILE,
            " ".join(
                ["by samebits use", *map(_quoted, [new_source, "--target", proposal.target, *_options(arguments)])]
            ),
            {
                "source": new_source,
                "target": proposal.target,
                "split": proposal.split,
                "query": proposal.query,
            },
            {"model": proposal.model, "labels": proposal.labels and list(proposal.labels)},
        )
        for note in proposal.warnings:
            warn(note)
        if not files:
            warn(f"`make check` runs without network: bring {source} into {FOLDER}/ with `dvc import-url`")
        if not write:
            print(edit.part(changed, params.FILE))
            print("".join(f"{each}\n" for each in proposal.told), end="")
            copies = f", and copies the table into {FOLDER}/" if moves else ""
            print(f"`--yes` writes this into {params.FILE}{copies}.")
            return [], ""
        for file, to in moves:
            with artifacts.written(to) as copy, open(file, "rb") as original:
                shutil.copyfileobj(original, copy)
        artifacts.write_text(changed, params.FILE)
    print("".join(f"{each}\n" for each in proposal.told), end="")
    for name, why in list(proposal.left_out.items())[:SHOWN]:
        print(f"left out: {clean(name)}: {clean(why)}")
    if len(proposal.left_out) > SHOWN:
        print(f"left out: {len(proposal.left_out) - SHOWN} more; data.query lists them")
    of = f"{count(proposal.features, 'feature')} of {count(proposal.columns, 'column')}"
    return [to for _, to in moves], f"{params.FILE}: {count(proposal.rows, 'row')}, {of}."


def large(copies: list[Path]) -> list[Path]:
    """The files that are too large for git."""
    return [each for each in copies if each.stat().st_size > FOR_DVC]


def _asked(arguments: Namespace) -> Asked:
    """What the person has said of the table."""
    missing = []
    for each in arguments.missing:
        column, equals, value = each.rpartition("=")
        missing.append((column if equals and column else None, value if equals and column else each))
    dates = DATES[arguments.dates] if arguments.dates else None
    return Asked(
        tuple(missing),
        dates,
        frozenset(arguments.category),
        frozenset(arguments.number),
        arguments.positive,
        arguments.model,
    )


def _options(arguments: Namespace) -> list[str]:
    """The options that decide about the query, as words of a command."""
    words = [word for each in arguments.missing for word in ("--missing", each)]
    for option in ("positive", "model", "dates"):
        if (value := getattr(arguments, option)) is not None:
            words += [f"--{option}", value]
    words += [word for each in arguments.category for word in ("--category", each)]
    return [*words, *(word for each in arguments.number for word in ("--number", each))]


@contextlib.contextmanager
def _found(table: str, around: convert.Around) -> Iterator[tuple[list[Path], str]]:
    """The files of a table, none for a URL, and its source; what DuckDB does not read is a temporary CSV file."""
    skips = around != convert.Around()
    if "://" in table:
        if skips:
            raise UserError(f"{table}: lines of a URL cannot be skipped; download the file first")
        yield [], table
        return
    table, part = convert.split(table)
    files = [Path(each) for each in ([table] if os.path.exists(table) else sorted(glob.glob(table, recursive=True)))]
    if files and files[0].is_dir():
        raise UserError(f"{table} is a folder; name its files, as {table}/*.csv")
    if any(not file.stat().st_size for file in files):
        raise UserError(f"{table}: the file is empty")
    if not files:
        raise UserError(f"{table}: no such file")
    if skips and len(files) > 1:
        raise UserError(f"{table}: lines can be skipped in one file only; there are {len(files)}")
    with tempfile.TemporaryDirectory() as folder:
        if len(files) == 1:
            copy = convert.readable(files[0], part, Path(folder), around)
            if copy != files[0]:
                files, table = [copy], str(copy)
        name = table.lower().removesuffix(".gz").removesuffix(".zst")
        if not name.endswith(convert.FORMATS):
            raise UserError(
                f"{table}: the name must end in one of {', '.join(convert.FORMATS)}, also with .gz, .zst, .bz2, .xz or "
                ".zip, in .txt or in .xlsx"
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
    # before the run: it writes two small files beside the table
    add = [f"dvc add {shlex.join(map(str, large(copies)))}   # too large for git"] if large(copies) else []
    return [*add, "make", f"git add {FOLDER}", 'git commit -am "Another table"', "make check"]

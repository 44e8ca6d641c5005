"""Markdown for people: tables, and generated parts of documents."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from samebits import artifacts
from samebits.errors import UserError


def table(
    rows: Sequence[Sequence[str]],
    headers: Sequence[str],
    tablefmt: str = "github",
    colalign: Sequence[str] | None = None,
    widths: Sequence[int | None] | None = None,
) -> str:
    """A table of texts, in Markdown or another format of tabulate; wider columns than `widths` are wrapped."""
    wrapping: dict[str, Any] = {"maxcolwidths": widths, "break_long_words": False, "break_on_hyphens": False}
    names, *cells = [[_cell(each, tablefmt) for each in row] for row in (headers, *rows)]
    return tabulate(cells, headers=names, tablefmt=tablefmt, disable_numparse=True, colalign=colalign, **wrapping)


def joined(lines: Iterable[str], tablefmt: str) -> str:
    """Join lines, in Markdown if their tables are; no text in them can begin a line of its own."""
    text = "\n".join(map(printable, lines))
    return escaped(text) if tablefmt == "github" else text


def printable(text: str, keep: str = "") -> str:
    """A text from outside, safe for a terminal: control characters, except those to keep, are escaped."""
    return "".join(each if each in keep or each.isprintable() else _written_out(each) for each in text)


def escaped(text: str) -> str:
    """Markdown in which texts from outside cannot open a tag, a comment, an image or a link."""
    return re.sub(r"([<\[!])(?=[^\s])", r"\\\1", printable(text, "\n"))


def _cell(text: str, tablefmt: str) -> str:
    """A text that cannot end its row or its column."""
    text = printable(text)
    return text.replace("|", "\\|") if tablefmt == "github" else text


def _written_out(character: str) -> str:
    return " " if character == "\t" else character.encode("unicode_escape").decode()


def between_markers(path: str | Path, name: str, text: str) -> str:
    """A Markdown file with `text` between its markers of that name. Raises UserError where they are missing."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
    before, found_begin, rest = artifacts.read_bytes(path).decode().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise UserError(f"{path}: the lines {begin} and {end} are missing; the generated text goes between them")
    return f"{before}{begin}\n{text}\n{end}{after}"

"""Jupyter notebooks: their cells of Markdown. What cells of code hold and print is not claimed, but run."""

import json
from collections.abc import Sequence
from dataclasses import replace

from samebits.proof.claims.passages import Document
from samebits.proof.claims.readers import markdown


def read(text: str) -> Document:
    """What stands in a file; lines are those of the file itself, which is JSON."""
    document, end = Document(), 0
    for cell in json.loads(text).get("cells", []):
        if cell.get("cell_type") != "markdown":
            continue
        source = cell.get("source", "")
        lines = source.splitlines(keepends=True) if isinstance(source, str) else source
        places, end = _places(lines, text, end)
        part = Document(headings=document.headings, block=document.block + 1)
        markdown.add("".join(lines), part)
        document.passages += [replace(each, line=places[each.line]) for each in part.passages]
        document.marks += [each._replace(line=places[each.line]) for each in part.marks]
        document.headings, document.block = part.headings, part.block
    return document


def _places(lines: Sequence[str], text: str, end: int) -> tuple[dict[int, int], int]:
    """The line of the file at which each line of a cell stands, and where the last one does. end: of the cell before.

    A cell that another program wrote in other escapes has the line at which the one before ended.
    """
    places = {}
    for number, each in enumerate(lines, 1):
        written = json.dumps(each.rstrip("\n"), ensure_ascii=False)[1:-1]
        end = max(end, text.find(written, end))
        places[number] = text.count("\n", 0, end) + 1
        end += len(written)
    return places, end

"""params.yaml with another table in its part `data`; every other byte stays."""

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

from samebits import params
from samebits.errors import UserError

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./*-]*")
NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # to some reader of YAML


def with_table(text: str, path: str, query_comment: str, **values: str) -> str:
    """The text of params.yaml with other values of data.source, data.target, data.split and data.query.

    A comment behind a value stays; that behind the query becomes `query_comment`. Raises UserError where the file is
    not laid out as lines of `key: value`.
    """
    before = params.read(text.encode(), path)
    expected = {**before, "data": {**before["data"], **values}}
    lines = text.splitlines(keepends=True)
    entries = _entries(text, path)
    for key, (node, first, last) in sorted(entries.items(), key=lambda entry: -entry[1][1]):
        if key not in values or values[key] == before["data"][key]:
            continue
        indent = re.match(" *", lines[first])[0]  # type: ignore[index]
        if key == "query":
            lines[first:last] = [_query(values[key], indent, query_comment)]
        else:
            start, end = node.start_mark, node.end_mark
            if (start.line, end.line) != (first, first):
                raise UserError(f"{path}: data.{key} must be on one line")
            line = lines[first]
            lines[first] = line[: start.column] + scalar(values[key]) + line[end.column :]
    changed = "".join(lines)
    if params.read(changed.encode(), path) != expected:
        raise UserError(f"{path}: the section `data` must consist of `key: value` lines")
    return changed


def part(text: str, path: str) -> str:
    """The lines of the part `data`."""
    ranges = [(first, last) for _, first, last in _entries(text, path).values()]
    lines = text.splitlines(keepends=True)
    return "".join(["data:\n", *lines[min(first for first, _ in ranges) : max(last for _, last in ranges)]])


def scalar(text: str) -> str:
    """A text in one line of YAML."""
    if PLAIN.fullmatch(text) and text.lower() not in NO_TEXT:
        return text
    escaped = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}
    letters = (letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)
    return f'"{"".join(escaped.get(raw, letter) for raw, letter in zip(text, letters, strict=True))}"'


def _entries(text: str, path: str) -> dict[str, tuple[Node, int, int]]:
    """Of each key of `data`: its value, its first line and the line after its last."""
    try:
        root = YAML(typ="rt").compose(text)
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    data = next((value for key, value in root.value if key.value == "data"), None)
    if not isinstance(data, MappingNode) or data.flow_style:
        raise UserError(f"{path}: the section `data` must consist of `key: value` lines")
    lines = text.splitlines(keepends=True)
    after = [key.start_mark.line for key, _ in root.value if key.start_mark.line > data.start_mark.line]
    starts = [key.start_mark.line for key, _ in data.value]
    ends = [*starts[1:], min(after, default=len(lines))]
    found: dict[str, Any] = {}
    for (key, value), first, end in zip(data.value, starts, ends, strict=True):
        column = key.start_mark.column
        last = end
        while last > first + 1 and _between(lines[last - 1], column):  # what stands above the next key belongs to it
            last -= 1
        found[key.value] = (value, first, last)
    return found


def _between(line: str, column: int) -> bool:
    """Whether a line is empty, or a comment no deeper than the keys."""
    rest = line.lstrip(" ")
    return not rest.strip() or (rest.startswith("#") and len(line) - len(rest) <= column)


def _query(query: str, indent: str, comment: str) -> str:
    """The entry `query` as a block of lines, or, where a name holds what such a block cannot, in one line."""
    if all(line.isprintable() for line in query.split("\n")):
        body = "".join(f"{indent}  {line}\n" for line in query.splitlines())
        return f"{indent}query: | # {comment}\n{body}"
    return f"{indent}query: {scalar(query)} # {comment}\n"

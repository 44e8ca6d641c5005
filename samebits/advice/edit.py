"""params.yaml with another table, and the model for its target; every other byte stays."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

from samebits import params
from samebits.errors import UserError

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./*-]*")
ABSENT = {"model": "linear", "labels": None}  # of `train`: what stands for a key that is not there
COMMENTS = {"model": "linear, or logistic for a target of 0 and 1", "labels": "what 0 and 1 of the target mean"}
NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # to some reader of YAML


def with_table(
    text: str, path: str, query_comment: str, data: Mapping[str, str], train: Mapping[str, str | Sequence[str] | None]
) -> str:
    """The text of params.yaml with other values of data.source, target, split and query, and of train.model and labels.

    A comment behind a value stays; that behind the query becomes `query_comment`. What `train` does not have is added
    to it behind the model, if it is not what stands for its absence anyway; labels that nobody needs are removed.
    Raises UserError where the file is not laid out as lines of `key: value`.
    """
    before = params.read(text.encode(), path)
    expected, changed = dict(before), text
    for section, values in (("data", data), ("train", train)):
        now = {**ABSENT, **before[section]}
        other = {key: value for key, value in values.items() if value != now[key]}
        expected[section] = {
            key: value for key, value in {**before[section], **other}.items() if value or key not in other
        }
        changed = _with(changed, path, section, other, query_comment)
    if params.read(changed.encode(), path) != expected:
        raise UserError(f"{path}: the sections `data` and `train` must consist of `key: value` lines")
    return changed


def part(text: str, path: str) -> str:
    """The lines of the part `data`, and those of `train` that a table decides and that say anything."""
    lines = text.splitlines(keepends=True)
    ranges = [(first, last) for _, first, last in _entries(text, path, "data").values()]
    shown = ["data:\n", *lines[min(first for first, _ in ranges) : max(last for _, last in ranges)]]
    train = params.read(text.encode(), path)["train"]
    if told := [key for key in ABSENT if train.get(key, ABSENT[key]) != ABSENT[key]]:
        entries = _entries(text, path, "train")
        shown += ["\ntrain:\n", *(line for key in told for line in lines[entries[key][1] : entries[key][2]])]
    return "".join(shown)


def _with(text: str, path: str, section: str, values: Mapping[str, str | Sequence[str] | None], comment: str) -> str:
    """The text with other values of a section."""
    if not values:
        return text
    lines = text.splitlines(keepends=True)
    entries = _entries(text, path, section)
    indent = " " * min(key.start_mark.column for key, _ in _section(text, path, section)[0].value)
    end = entries["model"][2] if "model" in entries else max(last for _, _, last in entries.values())
    added = [f"{indent}{key}: {_value(values[key])} # {COMMENTS[key]}\n" for key in values if key not in entries]
    for key, (node, first, last) in sorted(entries.items(), key=lambda entry: -entry[1][1]):
        if last == end and added:
            lines[end - 1 : end] = [lines[end - 1].rstrip("\n") + "\n", *added]
        if key not in values:
            continue
        if values[key] is None:
            del lines[first:last]
        elif key == "query":
            lines[first:last] = [_query(str(values[key]), indent, comment)]
        else:
            start, stop = node.start_mark, node.end_mark
            if (start.line, stop.line) != (first, first):
                raise UserError(f"{path}: {section}.{key} must be on one line")
            line = lines[first]
            lines[first] = line[: start.column] + _value(values[key]) + line[stop.column :]
    return "".join(lines)


def _value(value: str | Sequence[str] | None) -> str:
    """A text or a list of texts in one line of YAML."""
    assert value is not None
    return scalar(value) if isinstance(value, str) else f"[{', '.join(map(scalar, value))}]"


def scalar(text: str) -> str:
    """A text in one line of YAML."""
    if PLAIN.fullmatch(text) and text.lower() not in NO_TEXT:
        return text
    escaped = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}
    letters = (letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)
    return f'"{"".join(escaped.get(raw, letter) for raw, letter in zip(text, letters, strict=True))}"'


def _section(text: str, path: str, name: str) -> tuple[MappingNode, int | None]:
    """A section, and the line where the next one begins, if there is one."""
    try:
        root = YAML(typ="rt").compose(text)
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    found = next((value for key, value in root.value if key.value == name), None)
    if not isinstance(found, MappingNode) or found.flow_style:
        raise UserError(f"{path}: the section `{name}` must consist of `key: value` lines")
    after = [key.start_mark.line for key, _ in root.value if key.start_mark.line > found.start_mark.line]
    return found, min(after, default=None)


def _entries(text: str, path: str, section: str) -> dict[str, tuple[Node, int, int]]:
    """Of each key of a section: its value, its first line and the line after its last."""
    node, after = _section(text, path, section)
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in node.value]
    ends = [*starts[1:], len(lines) if after is None else after]
    found: dict[str, Any] = {}
    for (key, value), first, end in zip(node.value, starts, ends, strict=True):
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

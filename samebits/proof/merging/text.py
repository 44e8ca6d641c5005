"""A dvc.lock as text: the entries of its stages, which a merge copies byte for byte."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode


class Text:
    """The text of a lock.

    entries: the lines of each stage, by its name; none where they cannot be told apart. before, after: what stands
    around them. indent: that of the names.
    """

    def __init__(self, text: str) -> None:
        self.entries: dict[str, str] = {}
        self.before, self.after, self.indent = text, "", -1
        try:
            root = YAML(typ="safe").compose(text)
        except YAMLError:
            return
        if not isinstance(root, MappingNode) or root.flow_style:
            return
        keys = [key.value for key, _ in root.value]
        stages = root.value[keys.index("stages")][1] if "stages" in keys else None
        if not isinstance(stages, MappingNode) or stages.flow_style or not stages.value:
            return
        marks = [name.start_mark for name, _ in stages.value]
        starts, columns = [mark.index - mark.column for mark in marks], {mark.column for mark in marks}
        later = [key.start_mark.index for key, _ in root.value if key.start_mark.index > starts[-1]]
        alone = (text[mark.index - mark.column : mark.index].isspace() for mark in marks)
        if len(columns) != 1 or not all(alone):
            return
        end = min(later, default=len(text))
        self.before, self.after, self.indent = text[: starts[0]], text[end:], min(columns)
        for (name, _), start, stop in zip(stages.value, starts, [*starts[1:], end], strict=True):
            self.entries[name.value] = text[start:stop]

    def with_entries(self, entries: Iterable[str]) -> str:
        """The lock with other entries."""
        lines = (each if each.endswith("\n") else f"{each}\n" for each in entries)
        return f"{self.before}{''.join(lines)}{self.after}"


def written(lock: Mapping[str, Any]) -> str:
    """A lock whose text could not be copied, a line each value: where lines are folded, blanks get lost."""
    yaml, stream = YAML(), io.StringIO()
    yaml.default_flow_style, yaml.width = False, 2**31
    yaml.dump(lock, stream)
    return stream.getvalue()

"""How GitHub's runner reads what a step prints: which lines are commands to it, and what they say.

After ActionCommandManager.cs and ActionCommand.cs of actions/runner: `::name key=value,...::data` at the beginning of a
line, or, older, `##[name key=value;...]data` anywhere in it; none between `::stop-commands::TOKEN` and `::TOKEN::`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

NAMES = {
    *("error", "warning", "notice", "debug", "group", "endgroup", "echo", "add-matcher", "remove-matcher"),
    *("add-mask", "add-path", "set-env", "set-output", "save-state", "stop-commands"),
}
ESCAPED = {"%0D": "\r", "%0A": "\n"}
ESCAPED_IN_PROPERTIES = {**ESCAPED, "%3A": ":", "%2C": ","}


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


def obeyed(log: str) -> Iterator[Command]:
    """The commands that the runner obeys, in the order of a log."""
    token = None
    for line in log.splitlines():
        command = _command(line, NAMES | ({token} if token else set()))
        if command and token:
            token = None if command.name == token else token
        elif command and command.name == "stop-commands":
            token = command.data
        elif command:
            yield command


def _command(line: str, names: set[str]) -> Command | None:
    if found := re.match(r"\s*::(?P<name>[^ ]*?)(?: (?P<properties>.*?))?::(?P<data>.*)", line):
        separator, escapes = ",", ESCAPED_IN_PROPERTIES
    elif found := re.search(r"##\[(?P<name>[^ \]]*)(?: (?P<properties>[^\]]*))?\](?P<data>.*)", line):
        separator, escapes = ";", ESCAPED
    if not found or found["name"] not in names:
        return None
    pairs = (each.split("=", 1) for each in (found["properties"] or "").strip().split(separator) if "=" in each)
    return Command(found["name"], {key: _plain(value, escapes) for key, value in pairs}, _plain(found["data"], ESCAPED))


def _plain(text: str, escapes: dict[str, str]) -> str:
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return text.replace("%25", "%")

"""Expressions of GitHub's workflows: literals, contexts, operators and the functions that this project's workflows use.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(\d+)|(&&|\|\||==|!=|[!(),])|([A-Za-z_][\w.-]*))")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "always": lambda: True,
    "success": lambda: True,
    "failure": lambda: False,
    "cancelled": lambda: False,
    "format": lambda text, *arguments: re.sub(r"\{(\d+)\}", lambda found: as_text(arguments[int(found[1])]), text),
    "fromJSON": json.loads,
}
KNOWN = ("github", "runner")  # contexts of which every value that is asked for must be given


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """The value of an expression, with or without `${{ }}`, while nothing has failed.

    values: of the contexts, by their full names. What is not among them is empty, as on GitHub; a KeyError in `github`
    and `runner`, but for what the event brings, as each event brings something else.
    """
    inside = re.fullmatch(r"\s*\$\{\{(.*)\}\}\s*", expression, re.DOTALL)
    return _Parser(inside[1] if inside else expression, values).whole()


def fill(text: str, values: Mapping[str, Any]) -> str:
    """A text with the values of its expressions."""
    return re.sub(r"\$\{\{.*?\}\}", lambda found: as_text(evaluate(found[0], values)), text)


def as_text(value: Any) -> str:
    """As GitHub writes a value into a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Parser:
    """Recursive descent; each method reads as far as its operators bind."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        self.values = values
        self.tokens = list(TOKEN.finditer(text))
        assert "".join(each[0] for each in self.tokens).strip() == text.strip(), f"not an expression: {text}"

    def whole(self) -> Any:
        value = self._either()
        assert not self.tokens, f"not the end of an expression: {self.tokens[0][0]}"
        return value

    def _take(self, *operators: str) -> str | None:
        if self.tokens and self.tokens[0][3] in operators:
            return self.tokens.pop(0)[3]
        return None

    def _either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:
        value = self._single()
        while operator := self._take("==", "!="):
            value = (value == self._single()) is (operator == "==")
        return value

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            value = self._either()
            assert self._take(")")
            return value
        text, number, _, name = self.tokens.pop(0).groups()
        if text is not None:
            return text.replace("''", "'")
        if number:
            return int(number)
        return self._call(name) if self._take("(") else self._looked_up(name)

    def _call(self, name: str) -> Any:
        arguments = []
        while not self._take(")"):
            arguments.append(self._either())
            self._take(",")
        return FUNCTIONS[name](*arguments)

    def _looked_up(self, name: str) -> Any:
        if name in ("true", "false"):
            return name == "true"
        given = name.partition(".")[0] in KNOWN and not name.startswith("github.event.")
        return self.values[name] if given else self.values.get(name, "")

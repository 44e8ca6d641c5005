"""Statistics of a fit that print themselves as tables, whatever the model."""

import html
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

Column = tuple[str, str, str]  # of the table of coefficients: header, attribute, format


class Printed:
    """What summaries share. They are dataclasses with these fields, and say what stands in their tables."""

    coefficients: tuple[Any, ...]
    undecided: tuple[str, ...]
    notes: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """The summary as dicts and lists, for JSON."""
        return asdict(self)  # type: ignore[call-overload]

    def to_pandas(self) -> "pandas.DataFrame":
        """The coefficients as a DataFrame with their attributes as columns. It needs pandas."""
        import pandas

        return pandas.DataFrame([asdict(each) for each in self.coefficients]).set_index("name")

    def _repr_html_(self) -> str:
        """The printed table, in a notebook."""
        return f"<pre>{html.escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return "\n\n".join(filter(None, [self._title(), self._table(), pairs(self._facts()), self._remarks()]))

    def _title(self) -> str:
        raise NotImplementedError

    def _columns(self) -> list[Column]:
        raise NotImplementedError

    def _facts(self) -> list[tuple[str, str]]:
        """Names and printed numbers of the whole fit."""
        raise NotImplementedError

    def _assumed(self) -> str:
        """What the errors and tests assume; empty where there are none."""
        raise NotImplementedError

    def _table(self) -> str:
        columns = self._columns()
        cells = [["", *(header for header, _, _ in columns)]]
        for each in self.coefficients:
            cells.append([each.name, *(number(getattr(each, name), how) for _, name, how in columns)])
        return aligned(cells)

    def _remarks(self) -> str:
        lines = [*filter(None, [self._assumed()]), *self.notes]
        if self.undecided:
            lines.append(f"the last bit of these could not be decided: {', '.join(self.undecided)}")
        return "\n".join(lines)


def number(value: float | None, how: str) -> str:
    """A number in this format, "p" for a probability; nothing for None."""
    if value is None:
        return ""
    if how == "p":
        return f"{value:.3g}" if value else "<1e-323"  # a probability is never 0, but float64 may have no nearer number
    return format(value, how)


def pairs(named: list[tuple[str, str]]) -> str:
    """Names with their numbers, those that have one, in two columns."""
    shown = [pair for pair in named if pair[1]]
    half = (len(shown) + 1) // 2
    rows = [[*left, *right] for left, right in zip(shown[:half], [*shown[half:], ("", "")], strict=False)]
    names, numbers = zip(*shown, strict=True)
    left, right = max(map(len, names)), max(map(len, numbers))
    return "\n".join(f"{a:<{left}}  {b:>{right}}    {c:<{left}}  {d:>{right}}".rstrip() for a, b, c, d in rows)


def aligned(cells: list[list[str]]) -> str:
    """A table with a rule below its header; numbers are aligned at the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for name, *numbers in cells:
        padded = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])

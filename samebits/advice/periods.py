"""What comes round in a date or a time: months, weekdays, hours. Those that the target goes with become categories."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from samebits.advice.column import Column
from samebits.advice.decide import Decision

SHORTEST = {"month": 360, "weekday": 28, "hour": 3}  # days; over a shorter time, it tells the same as they

Sample = Callable[[Sequence[Column], str], Iterable[tuple[Column, np.ndarray, np.ndarray]]]


def chosen(decisions: Sequence[Decision], sample: Sample, y: str) -> list[Decision]:
    """The decisions with the periods that are categories.

    Months are, over a year or more. Weekdays and hours are where the target, the SQL y, goes with them, beyond a line
    in time, by more than their number costs. sample: gives some training rows of columns and y.
    """
    found = []
    for each in decisions:
        column, periods = each.column, list[str]()
        for name, levels in () if each.why or each.as_category else column.periods:
            if len(levels) < 2 or (column.kind == "date" and (column.high - column.low).days < SHORTEST[name]):
                continue
            if name == "month" or _helps(sample, column, column.period_sql[name], y):
                periods.append(name)
        found.append(replace(each, periods=tuple(periods)))
    return found


def told(decisions: Sequence[Decision]) -> Iterator[str]:
    """Which weekdays and hours are categories."""
    for each in decisions:
        if names := [f"{name}s" for name in each.periods]:
            yield f"{each.column.name}: its {' and '.join(names)} are categories, too"


def _helps(sample: Sample, column: Column, sql: str, y: str) -> bool:
    """Whether y goes with a period beyond a line in time, by the criterion of Schwarz (1978)."""
    (_, level, values), (_, when, _) = sample([replace(column, kind="number", value=sql), column], y)
    if not len(values) or not np.ptp(values):
        return False
    _, place = np.unique(level, return_inverse=True)
    rows = np.bincount(place)
    if np.ptp(when) and column.kind == "date":
        t = when - when.mean()
        values = values - t * (np.sum(t * values) / np.sum(t * t))
    values = values - values.mean()
    means = np.bincount(place, values) / rows
    left, whole = float(np.sum((values - means[place]) ** 2)), float(np.sum(values**2))
    return len(values) * np.log(whole / max(left, 1e-12 * whole)) > (len(rows) - 1) * np.log(len(values))

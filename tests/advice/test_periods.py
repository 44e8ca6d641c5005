"""Weekdays and hours of dates become categories where the target goes with them, and only there."""

import datetime
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.advice.test_use import Used

START = datetime.datetime(2022, 1, 1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def used(of: Callable[[datetime.datetime], float], at: str = "at", missing: int = 0) -> Used:
    """A table of 2,400 hours, with a target that depends on the time as `of` says, and noise."""
    noise = random.Random(5)
    lines = [f"{at},x,y"]
    for i in range(2400):
        time = START + datetime.timedelta(hours=i)
        shown = "" if i < missing else time.time() if at == "clock" else time.date() if at == "day" else time
        x = noise.random()
        lines.append(f"{shown},{x:.3f},{of(time) + x + noise.gauss(0, 1):.3f}")
    Path("t.csv").write_text("\n".join(lines) + "\n")
    return Used("t.csv", "y")


def test_hours_that_matter_are_columns_with_the_values_of_the_rows() -> None:
    found = used(lambda time: 9.0 * (time.hour in (7, 8, 17)))
    hours = {name: values for name, values in found.features.items() if name.startswith("at = hour ")}
    assert len(hours) == 23
    assert not [name for name in found.features if "day" in name]
    for name, values in hours.items():
        expected = [float((i % 24) == int(name.removeprefix("at = hour "))) for i in range(2400)]
        assert values == expected
    assert "at: its hours are categories, too" in found.proposal.told


def test_weekdays_that_matter_are_named() -> None:
    found = used(lambda time: 5.0 * (time.weekday() == 6), at="day")
    names = {name for name in found.features if name.startswith("day = ")}
    assert len(names) == 6
    assert names < {f"day = {START + datetime.timedelta(days=i):%A}" for i in range(7)}
    for name in names:
        days = [START + datetime.timedelta(hours=i) for i in range(2400)]
        assert found.features[name] == [float(f"day = {day:%A}" == name) for day in days]
    assert "day: its weekdays are categories, too" in found.proposal.told


@pytest.mark.parametrize("at", ["at", "day", "clock"])
def test_chance_and_a_trend_make_no_categories(at: str) -> None:
    found = used(lambda time: (time - START).days / 10, at=at)
    assert [name for name in found.features if name.startswith(at)] == [at]
    assert not found.proposal.told


def test_times_of_day_and_missing_ones() -> None:
    found = used(lambda time: 9.0 * (time.hour == 12), at="clock", missing=100)
    values = found.features["clock = hour 12"]
    assert values[:100] == [0.0] * 100
    assert values[100:] == [float(i % 24 == 12) for i in range(100, 2400)]

"""`samebits use` and a target of two values: which is 1, what params.yaml says, and what separates the classes."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from msgspec.structs import replace

from samebits import params
from samebits.advice import use
from samebits.advice.reader import Asked
from samebits.errors import UserError
from samebits.tables.table import Table
from tests.advice.test_use import (
    DATA,
    Used,
    commit,
    folder,
    mistake,
    noise,
    project_folder,
    run_use,
    used,
    write,
    write_parquet,
)
from tests.conftest import ROOT

__all__ = ["folder", "project_folder"]  # fixtures

X = noise(60)


def answers(zero: Any, one: Any, ones: int = 20) -> list[tuple[float, Any]]:
    """A table of 60 rows, of which so many are 1, in an order that tells nothing."""
    order = np.random.default_rng(7).permutation(60)
    return [(x, one if place < ones else zero) for x, place in zip(X, order.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("zero", "one"),
    [
        *(("no", "yes"), ("No", "Yes"), ("N", "Y"), ("F", "T"), ("False.", "True."), ("off", "on")),
        *(("benign", "malignant"), ("neg", "pos"), ("tested_negative", "tested_positive"), ("Absence", "Presence")),
        *(("Alive", "Dead"), ("ham", "spam"), ("nonspam", "spam"), ("no rain", "rain"), ("notckd", "ckd")),
        *(("<=50K", ">50K"), ("<=50K.", ">50K."), ("good", "bad"), ("non functional", "functional")),
        *((0, 1), (1, 2), (-1, 1), (0.5, 1.5), ("0", "1")),
    ],
)
@pytest.mark.parametrize("ones", [20, 40])
def test_words_and_numbers_say_which_value_is_1(zero: Any, one: Any, ones: int) -> None:
    rows = answers(zero, one, ones)
    result = used(["x", "y"], rows)
    assert result.y.tolist() == [float(value == one) for _, value in rows]
    assert result.proposal.model == "logistic"
    labels = result.proposal.labels or ("0", "1")
    assert labels == (str(zero), str(one))
    swaps = repr(labels[0]) if set(labels[0]) & set("<> ") else labels[0]
    counts = f"1 is {one} ({ones} rows), 0 is {zero} ({60 - ones} rows)"
    if labels == ("0", "1"):
        counts = f"1 in {ones} rows, 0 in {60 - ones} rows"
    assert result.proposal.told == [f"y: logistic regression; {counts}; --positive {swaps} swaps them"]
    assert not any("probability" in note for note in result.proposal.warnings)


@pytest.mark.parametrize(
    ("name", "zero", "one", "ones"),
    [
        ("diagnosis", "B", "M", 20),  # of fewer rows
        ("diagnosis", "M", "B", 20),
        ("sex", "female", "male", 30),  # of as many: the later
        ("survived", "died", "survived", 40),  # as the column is named
        ("status", "survived", "died", 20),
        ("No-show", "No", "Yes", 40),
        ("default", "paid", "default", 40),
    ],
)
def test_other_words_are_1_by_the_name_of_the_column_or_fewer_rows(name: str, zero: str, one: str, ones: int) -> None:
    rows = answers(zero, one, ones)
    result = used(["x", name], rows, name)
    assert result.y.tolist() == [float(value == one) for _, value in rows]


@pytest.mark.parametrize(
    ("zero", "one", "asked"), [("yes", "no", "no"), ("Yes", "No", "no"), (2, 1, "1"), (1, 0, "0.0")]
)
def test_the_person_says_which_value_is_1(zero: Any, one: Any, asked: str) -> None:
    rows = answers(zero, one)
    write(["x", "y"], rows)
    result = Used("table.csv", "y", Asked(positive=asked))
    assert result.y.tolist() == [float(value == one) for _, value in rows]
    assert result.proposal.labels == (str(zero), str(one))


@pytest.mark.parametrize("kind", ["text", "number"])
def test_one_of_many_values_is_compared_with_the_rest(kind: str) -> None:
    values = ["a", "b", "c"] if kind == "text" else [4, 5, 6]
    rows = [(x, values[i * i % 7 % 3]) for i, x in enumerate(X)]
    write(["x", "y"], rows)
    result = Used("table.csv", "y", Asked(positive=str(values[1])))
    assert result.y.tolist() == [float(value == values[1]) for _, value in rows]
    assert result.proposal.labels == (f"not {values[1]}", str(values[1]))
    if kind == "text":
        assert "--positive " in mistake(["x", "y"], rows)
    else:
        assert any("--positive 6" in note for note in used(["x", "y"], rows).proposal.warnings)


@pytest.mark.parametrize(
    ("rows", "asked", "told"),
    [
        (answers("no", "yes"), Asked(positive="maybe"), "--positive maybe: y has no such value; it has no, yes"),
        (answers(1, 2), Asked(positive="x"), "--positive x: y has no such value; it has 1, 2"),
        ([(x, x * x) for x in X], Asked(model="logistic"), "--target y: a number with 60 values; logistic regression"),
    ],
)
def test_what_cannot_be_is_told(rows: Any, asked: Asked, told: str) -> None:
    write(["x", "y"], rows)
    with pytest.raises(UserError) as caught:
        use.propose("table.csv", "y", DATA, asked)
    assert str(caught.value).startswith(told)


def test_a_linear_model_is_there_for_who_asks() -> None:
    rows = answers("no", "yes")
    write(["x", "y"], rows)
    result = Used("table.csv", "y", Asked(model="linear"))
    assert (result.proposal.model, result.proposal.labels) == ("linear", None)
    assert result.y.tolist() == [float(value == "yes") for _, value in rows]
    assert any("linear probability model" in note for note in result.proposal.warnings)


def test_rows_without_target_are_told() -> None:
    rows = [(x, None if i % 12 == 0 else value) for i, (x, value) in enumerate(answers("no", "yes"))]
    result = used(["x", "y"], rows)
    assert len(result.y) == 55
    assert result.proposal.told[1:] == ["left out: 5 rows without y"]


LABELS = ["no", "yes", "null", "1", 'a "b"', "[x, y]", "a: b # c", "größe", "two\nlines", "\x1b[31m", "{0} %s", "'"]


@pytest.mark.parametrize("label", LABELS)
def test_labels_may_be_any_text_and_go_with_the_table(label: str, project_folder: Path) -> None:
    before = Path("params.yaml").read_text()
    write_parquet(["x", "y"], answers("zero", label))
    run_use("table.parquet", "--target", "y", "--positive", label, "--yes")
    train = params.load().train
    assert (train.model, train.labels, train.threshold) == ("logistic", ["zero", label], 0.5)
    data = params.load().data
    assert set(Table.of(data.source, data.query, data.target).features) == {"x"}
    commit()
    write(["x", "MedHouseVal"], [(x, x * x) for x in X], "numbers.csv")
    run_use("numbers.csv", "--target", "MedHouseVal", "--yes")
    after = Path("params.yaml").read_text()
    assert after[after.index("\ncompute:") :] == before[before.index("\ncompute:") :]


@pytest.mark.parametrize("end", ["\n", "", "\n\n# end\n"])
def test_keys_that_are_not_there_are_added_behind_the_others(end: str, project_folder: Path) -> None:
    text = (
        Path("params.yaml").read_text().replace("  model: linear # linear, or logistic for a target of 0 and 1\n", "")
    )
    start, stop = text.index("train:"), text.index("\nquantize:")
    text = f"{text[:start]}{text[stop + 1 :]}\n{text[start:stop].rstrip()}{end}"
    Path("params.yaml").write_text(text)
    commit()
    write(["x", "y"], answers("no", "yes"))
    run_use("table.csv", "--target", "y", "--yes")
    after = Path("params.yaml").read_text()
    added = (
        "\n  model: logistic # linear, or logistic for a target of 0 and 1"
        '\n  labels: ["no", "yes"] # what 0 and 1 of the target mean\n'
    )
    assert after[after.index("\nquantize:") :] == text[text.index("\nquantize:") :].removesuffix(end) + added + end[1:]
    assert params.load().train.labels == ["no", "yes"]


def test_what_would_be_written_is_shown(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(["x", "y"], answers("no", "yes"))
    run_use("table.csv", "--target", "y", "--positive", "no")
    shown = capsys.readouterr().out
    assert '\ntrain:\n  model: logistic # linear, or logistic for a target of 0 and 1\n  labels: ["yes", "no"]' in shown
    assert "# by samebits use data/raw/table.csv --target y --positive no\n" in shown
    assert "y: logistic regression; 1 is no (40 rows)" in shown


def separated(note: str) -> bool:
    return note.startswith("separates the classes: ")


def test_a_column_that_separates_the_classes_is_told() -> None:
    rows = [(x, x > 0, "yes" if x > 0.1 else "no", noise(61)[i + 1]) for i, x in enumerate(X)]
    [note] = [each for each in used(["x", "flag", "y", "z"], rows).proposal.warnings if separated(each)]
    assert "x (all training rows)" in note
    assert "flag" in note  # which touches: no row of yes has false
    assert "z (" not in note
    assert "set train.alpha" in note


def test_a_level_of_one_class_is_told_and_of_few_rows_left_out() -> None:
    rng = np.random.default_rng(5)
    rows = []
    for i in range(400):
        smell = "foul" if i % 4 == 0 else "rare" if i % 50 == 1 else "none" if i % 3 else "sweet"
        rows.append((smell, "p" if smell == "foul" else "e" if smell == "rare" else "ep"[rng.integers(2)]))
    write(["smell", "y"], rows)
    result = Used("table.csv", "y")
    [note] = [each for each in result.proposal.warnings if separated(each)]
    foul = sum("foul" in row for row in rows)
    assert "smell = foul" in note
    assert "only p in " in note
    assert foul > 50


def test_a_column_that_orders_the_classes_nearly_is_told() -> None:
    y = [float(x + 0.02 * z > 0) for x, z in zip(noise(400), noise(800)[400:], strict=True)]
    rows = [(x, "yes" if t else "no") for x, t in zip(noise(400), y, strict=True)]
    notes = used(["x", "y"], rows).proposal.warnings
    assert any(note.startswith("x orders the rows as y does (area under the ROC curve 0.99") for note in notes)


def test_a_number_that_tells_more_as_categories_is_told() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(1, 5, 600)
    for risk, told in (({1: 0.3, 2: 0.05, 3: 0.8, 4: 0.9}, True), ({1: 0.03, 2: 0.15, 3: 0.5, 4: 0.85}, False)):
        y = ["yes" if u < risk[v] else "no" for u, v in zip(rng.uniform(size=600), x.tolist(), strict=True)]
        notes = used(["x", "y"], list(zip(x.tolist(), y, strict=True))).proposal.warnings
        assert any("of y's deviance" in note and "--category 'x'" in note for note in notes) == told


def test_rows_that_the_model_needs_are_told() -> None:
    write(["x", "y"], answers("no", "yes"))
    told = [note for note in use.propose("table.csv", "y", replace(DATA, keep_rows=40)).warnings if "keep_rows" in note]
    assert told == ["logistic regression needs all training rows: set data.keep_rows to 48 or more"]
    assert not any("keep_rows" in note for note in use.propose("table.csv", "y", replace(DATA, keep_rows=48)).warnings)


def test_the_models_are_those_of_params_yaml() -> None:
    assert get_args(params.Train.__annotations__["model"]) == ("linear", "logistic")
    assert params.load(ROOT / "params.yaml").train.model == "linear"

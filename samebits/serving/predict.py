"""Rows in, predictions out: any number of them, in the same order, with the same bits as on any other machine."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from typing import Literal, TextIO

import numpy as np

from samebits.errors import UserError, warn
from samebits.model.predictor import Predictor
from samebits.model.schema import Rows, Schema
from samebits.serving import rows
from samebits.serving.ranges import Ranges

MOST_TOLD = 10  # rows without a prediction


def predict(
    predictor: Predictor,
    blocks: Iterable[Rows],
    target: TextIO,
    schema: Schema | None = None,
    ranges: Literal["error", "warn", "off"] = "warn",
    strict: bool = False,
) -> int:
    """Write a line with the prediction for each row; a float64 as its shortest text, nothing where there is none.

    A line of several outputs, as a probability and a label, is one of CSV, its cells empty where there is none.

    Says on stderr which rows have none and what is unlike the training; returns the number of rows. schema: of the
    table, if the rows are raw.
    Raises UserError, after the predictions for the rows before it were written, at a row whose prediction is beyond
    float64; if `strict`, at the first row without one; if `ranges` is "error", at the first row unlike the training.
    """
    unlike = Ranges(predictor, schema)
    done = lost = 0
    for block in blocks:
        y = predictor.predict(block.X)
        is_row = np.isfinite(block.X).all(axis=1)
        problems = {}
        if (beyond := is_row & ~np.isfinite(y)).any():
            problems[int(beyond.argmax())] = "the prediction is beyond float64; are its units those of the training?"
        without = np.flatnonzero(~is_row).tolist()
        if strict and without:
            problems[without[0]] = _why(predictor, block, without[0])
        found = unlike.add(block) if ranges != "off" else {}
        if ranges == "error":
            problems |= found
        end = min(problems, default=len(y))
        without = [place for place in without if place < end]
        outputs = predictor.outputs(block.X[:end], y[:end])
        target.write(_table(outputs, without) if len(outputs) > 1 else _lines(y[:end], without, done))
        for place in without[: max(MOST_TOLD - lost, 0)]:
            print(f"row {done + place + 1}: no prediction: {_why(predictor, block, place)}", file=sys.stderr)
        lost, done = lost + len(without), done + end
        if problems:
            raise UserError(f"row {done + 1}: {problems[end]}")
    if lost:
        print(f"{lost:,} of {done:,} rows have no prediction", file=sys.stderr)
    for line in unlike.warnings():
        warn(line)
    return done


def _why(predictor: Predictor, block: Rows, place: int) -> str:
    if place in block.why:
        return block.why[place]
    return f"missing: {', '.join(predictor.features[j] for j in np.flatnonzero(~np.isfinite(block.X[place])))}"


def _table(outputs: Mapping[str, np.ndarray], without: list[int]) -> str:
    columns = [of.tolist() for of in outputs.values()]
    for place in without:
        for column in columns:
            column[place] = ""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue()


def _lines(y: np.ndarray, without: list[int], done: int) -> str:
    if done > rows.MANY and not without:
        from samebits.serving import floats

        return floats.write(y)
    texts = list(map(repr, y.tolist()))
    for place in without:
        texts[place] = ""
    return "".join(f"{text}\n" for text in texts)

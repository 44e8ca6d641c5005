"""Rows in, predictions out: any number of them, in the same order, with the same bits as on any other machine."""

from io import BufferedIOBase
from typing import TextIO

import numpy as np

from samebits.errors import UserError
from samebits.model.predictor import Predictor
from samebits.serving import rows


def predict(predictor: Predictor, source: BufferedIOBase, target: TextIO) -> None:
    """Write a line with the prediction for each row of CSV or JSON lines; a float64 as its shortest text.

    Raises UserError at the first wrong row, after the predictions for the rows before it were written.
    """
    done = 0
    for X in rows.blocks(source, predictor.features):
        y = predictor.predict(X)
        right = len(y) if (finite := np.isfinite(y)).all() else int(finite.argmin())
        target.write(_lines(y[:right], done))
        done += right
        if right < len(y):
            raise UserError(f"row {done + 1}: the prediction is beyond float64; are its units those of the training?")


def _lines(y: np.ndarray, done: int) -> str:
    if done > rows.MANY:
        from samebits.serving import floats

        return floats.write(y)
    return "".join(f"{value!r}\n" for value in y.tolist())

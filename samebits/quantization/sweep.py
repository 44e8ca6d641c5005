"""Quality against size: one trained model in every scheme, rounding and bit-width."""

from collections.abc import Callable
from typing import Any

import numpy as np

from samebits.exact.loss import Loss
from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.model.schemes import SCHEMES
from samebits.params import Rounding
from samebits.quantization.rounding import ROUNDINGS, Choice, Task, choose

BITS = range(2, 17)
FLOATS = {"float16": np.float16, "float32": np.float32, "float64": np.float64}

Key = tuple[str, Rounding, int]  # scheme, rounding, bits
Choices = dict[Key, Choice]
Scores = Callable[[LinearModel], dict[str, float]]  # what a curve shows of a model


def choices(loss: Loss, chosen: Key | None = None) -> Choices:
    """The quantization in every scheme, rounding and bit-width; only the search for the chosen one is thorough.

    The loss never rises, neither with bits nor from one rounding to the next.
    """
    found: Choices = {}
    for scheme in SCHEMES.values():
        task = Task.of(loss, scheme)
        for number, rounding in enumerate(ROUNDINGS):
            for bits in BITS:
                key = scheme.name, rounding, bits
                lesser = [(scheme.name, each, bits) for each in ROUNDINGS[:number][-1:]]
                earlier = [found[each] for each in [(*key[:2], bits - 1), *lesser] if each in found]
                found[key] = choose(task, bits, rounding, earlier, thorough=key == chosen)
    return found


def curve(found: Choices, loss: Loss, scores: Scores, chosen: Key) -> list[dict[str, Any]]:
    """A row for each choice: stored bits, its scores, whether it is the chosen one.

    Beside them the assignment's own, which rounds to nearest at each bit-width anew, and float copies of the model.
    """

    def row(name: str, rounding: str, bits: int, stored: int, copy: LinearModel, optimal: bool) -> dict[str, Any]:
        return {
            "scheme": name,
            "rounding": rounding,
            "bits": bits,
            "payload_bits": stored,
            **scores(copy),
            "optimal": optimal,
            "chosen": (name, rounding, bits) == chosen,
        }

    def row_of(choice: Choice, rounding: str) -> dict[str, Any]:
        quantized = choice.quantized
        name, bits, stored = quantized.scheme.name, quantized.bits, payload.payload_bits(quantized)
        return row(name, rounding, bits, stored, quantized.model, choice.optimal)

    task = Task.of(loss, SCHEMES["unified_affine"])
    rows = [row_of(choice, rounding) for (_, rounding, _), choice in found.items()]
    rows += [row_of(choose(task, bits, "nearest"), "as published") for bits in BITS]
    for name, dtype in FLOATS.items():
        with np.errstate(over="ignore"):
            parameters = loss.model.parameters.astype(dtype).astype(np.float64)
        if np.isfinite(parameters).all():
            bits = 8 * np.dtype(dtype).itemsize
            copy = LinearModel(parameters[:-1], float(parameters[-1]))
            rows.append(row(name, "nearest", bits, bits * len(parameters), copy, optimal=False))
    return rows

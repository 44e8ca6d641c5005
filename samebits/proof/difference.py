"""How two versions of a file of the pipeline differ, for a person who wants to know why."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samebits import artifacts
from samebits.errors import UserError

MOST = 5  # differences that are shown


def _pickle(content: bytes, path: str) -> Any:
    from samebits import pickles  # needs numpy

    return pickles.loads(content, path)


READERS: dict[str, Callable[[bytes, str], Any]] = {".joblib": _pickle, ".json": artifacts.parse_json}


def describe(path: str, promised: bytes, obtained: bytes) -> list[str]:
    """The values that differ, with their places and, of floats, by how many units in the last place (ulp)."""
    reader = READERS.get(Path(path).suffix)
    if not reader:
        return [f"{path}: {len(promised)} bytes promised, {len(obtained)} obtained, not the same"]
    try:
        found = list(_walk("", reader(promised, path), reader(obtained, path)))
    except UserError as error:
        return [str(error)]
    texts = [f"{path}: {text}" for text in found[:MOST]]
    if len(found) > MOST:
        texts.append(f"{path}: and {len(found) - MOST} more")
    return texts or [f"{path}: equal values, stored in other bytes"]


def _walk(place: str, promised: Any, obtained: Any) -> Iterator[str]:
    promised, obtained = (vars(each) if isinstance(each, SimpleNamespace) else each for each in (promised, obtained))
    if isinstance(promised, dict) and isinstance(obtained, dict):
        for key in [*promised, *(key for key in obtained if key not in promised)]:
            where = f"{place}.{key}" if place else str(key)
            if key not in obtained or key not in promised:
                yield f"{where} is only in the {'promised' if key in promised else 'obtained'} file"
            else:
                yield from _walk(where, promised[key], obtained[key])
    elif hasattr(promised, "dtype") and hasattr(obtained, "dtype"):
        yield from _arrays(place, promised, obtained)
    elif isinstance(promised, float) and isinstance(obtained, float):
        if promised != obtained:
            ulp = abs(promised - obtained) / math.ulp(promised)
            yield f"{place} is {promised!r} promised, {obtained!r} obtained ({ulp:.3g} ulp)"
    elif promised != obtained:
        yield f"{place or 'the value'} differs: {_short(promised)} promised, {_short(obtained)} obtained"


def _arrays(place: str, promised: Any, obtained: Any) -> Iterator[str]:
    import numpy as np

    if promised.shape != obtained.shape or promised.dtype != obtained.dtype:
        yield f"{place} is {promised.dtype}{promised.shape} promised, {obtained.dtype}{obtained.shape} obtained"
        return
    different = promised != obtained
    if different.any():
        count = f"{place}: {different.sum()} of {different.size} values differ"
        if promised.dtype.kind != "f":
            yield count
        else:
            there = promised[different]
            ulp = np.max(np.abs(there - obtained[different]) / np.spacing(np.abs(there)))
            yield f"{count}, by up to {ulp:.3g} ulp"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""npy: the version of the header and the order in memory do not count; shape and dtype, with its byte order, do."""

import io
import math
from typing import Any

import numpy as np

from samebits.proof.comparators import arrays
from samebits.proof.comparators.reading import Budget, UnreadableError


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The array."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = header(file)
    if dtype.hasobject:
        raise UnreadableError("an array of Python objects, which are never loaded")
    start, size = file.tell(), math.prod(shape)
    if len(content) - start != size * dtype.itemsize:
        raise UnreadableError("it has another size than it says")
    values = np.frombuffer(content, dtype, size, start) if size and dtype.itemsize else np.empty(size, dtype)
    return arrays.of(values.reshape(shape, order="F" if fortran_order else "C"))

"""Where numpy and joblib put the numbers of arrays in a pickle, and of which type they are."""

import math
import operator
import re
from typing import IO, Any

from samebits.proof.comparators.formats import UnreadableError
from samebits.proof.comparators.values import Parts

SCALAR = re.compile(r"[biufcSUmM]\d+")
_NOT_KNOWN = (TypeError, ValueError, AttributeError, KeyError, IndexError, UnreadableError)


def type_buffer(values: Any, dtype_at: int, buffer_at: int) -> None:
    """Where numpy keeps the bytes of an array, put its numbers."""
    if isinstance(values, Parts) and len(values.entries) > max(dtype_at, buffer_at):
        holder, at = values, buffer_at
        if isinstance(buffer := values.entries[buffer_at][1], Parts) and buffer.kind == "bytearray":
            holder, at = buffer, 0
        label, content = holder.entries[at]
        if isinstance(content, bytes):
            holder.entries[at] = label, _numbers(content, values.entries[dtype_at][1])


def array_of_joblib(state: Any, file: IO[bytes]) -> Any:
    """The numbers that joblib writes right after the object that describes them, within the pickle; reads them."""
    about = dict(state.entries) if isinstance(state, Parts) else {}
    try:
        dtype = _numpy(about["dtype"])
        shape = [operator.index(each) for _, each in about["shape"].entries]
    except _NOT_KNOWN:
        raise UnreadableError("an array of joblib whose type is not known here") from None
    if about.get("numpy_array_alignment_bytes") is not None:
        file.read(file.read(1)[0])
    start = file.tell()
    size, left = math.prod(shape) * dtype.itemsize, file.seek(0, 2) - start
    file.seek(start)
    if min(shape, default=0) < 0 or size > left:
        raise UnreadableError("it is cut off")
    return _numbers(file.read(size), about["dtype"])


def _dtype(value: Any) -> tuple[str, list[Any]]:
    """The code of a numpy.dtype, as f8, and its state."""
    if isinstance(value, Parts) and value.kind == "call of numpy dtype" and len(value.entries) == 3:
        arguments, state = (each for _, each in value.entries[1:])
        if isinstance(arguments, Parts) and arguments.entries and isinstance(state, Parts):
            code, states = arguments.entries[0][1], [each for _, each in state.entries]
            if isinstance(code, str) and len(states) >= 8:
                return code, states
    return "", []


def _numbers(content: bytes, dtype: Any) -> Any:
    """The numbers in the buffer of an array; the bytes, where their type is not surely known."""
    import numpy as np

    from samebits.proof.comparators import arrays

    try:
        return arrays.of(np.frombuffer(content, _numpy(dtype)))
    except _NOT_KNOWN:
        return content


def _numpy(value: Any) -> Any:
    import numpy as np

    code, states = _dtype(value)
    if SCALAR.fullmatch(code) and states[2] is None:
        return np.dtype(code.replace("M", "i").replace("m", "i")).newbyteorder(states[1].replace("|", "="))
    fields = {label: [each for _, each in entry.entries] for label, entry in states[4].entries}
    names = [name for _, name in states[3].entries]
    return np.dtype(
        {
            "names": names,
            "formats": [_numpy(fields[name][0]) for name in names],
            "offsets": [fields[name][1] for name in names],
            "itemsize": states[5],
        }
    )

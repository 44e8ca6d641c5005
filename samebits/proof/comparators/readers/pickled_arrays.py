"""Where numpy and joblib put the numbers of arrays in a pickle, and of which type they are."""

import math
import operator
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import IO, Any, Literal

from samebits.proof.comparators.reading import UnreadableError
from samebits.proof.comparators.values import Parts

How = Literal["call", "object", "object with keywords"]


class Global(str):
    """The name of a module and of something in it, with a space between them."""

    __slots__ = ()

    @property
    def of_numpy(self) -> bool:
        """Whether it is in numpy."""
        return self.partition(" ")[0].partition(".")[0] == "numpy"

    @property
    def name(self) -> str:
        """Without the module."""
        return self.rpartition(" ")[2]


@dataclass(frozen=True)
class Call:
    """That something is called, or made an object of. function: None for what another call gave."""

    how: How
    function: Global | None

    def __str__(self) -> str:
        return f"{self.how} of {self.function or 'what another call gave'}"


DTYPE = Call("call", Global("numpy dtype"))
WRAPPER = Global("joblib.numpy_pickle NumpyArrayWrapper")  # after which joblib writes the numbers
ARGUMENTS = {"scalar": (0, 1), "_frombuffer": (1, 0)}  # functions, and where their dtype and their bytes stand
SCALAR = re.compile(r"[biufcSUmM]\d+")
_NOT_KNOWN = (TypeError, ValueError, AttributeError, KeyError, IndexError, UnreadableError)


def type_arguments(call: Call, arguments: Any) -> None:
    """Put numbers where a function of numpy is given the bytes of an array."""
    if call.function and call.function.of_numpy and call.function.name in ARGUMENTS:
        _type_buffer(arguments, *ARGUMENTS[call.function.name])


def type_state(kind: Hashable, state: Any) -> None:
    """Put numbers where an array of numpy is given its bytes."""
    function = kind.function if isinstance(kind, Call) and kind.how == "call" else None
    if function and function.of_numpy and function.name == "_reconstruct":
        _type_buffer(state, dtype_at=2, buffer_at=4)


def _type_buffer(values: Any, dtype_at: int, buffer_at: int) -> None:
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
    if isinstance(value, Parts) and value.kind == DTYPE and len(value.entries) == 3:
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

"""Pickles, also those of joblib, which are never unpickled: nothing in them is imported, called or made.

The opcodes are read one by one (pickletools) into a tree that says what an unpickler would do: names of globals, calls
with their arguments, constants. Two pickles are equal where these trees, what is shared in them and the order of the
calls are: then they differ in framing, in protocol or in what they remember without need, and any unpickler does the
same with both. Where numpy or joblib put the numbers of an array, they are compared as numbers.
"""

import io
import math
import operator
import pickletools
import re
from typing import Any

from samebits.proof.comparators.compressed import unpack
from samebits.proof.comparators.formats import Budget, UnreadableError
from samebits.proof.comparators.values import Graph, Parts

OPCODES = 2_000_000
CONSTANTS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "UNICODE", "FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "NONE",
    "NEWTRUE", "NEWFALSE",
}  # fmt: skip
FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_TUPLE": "tuple", "EMPTY_LIST": "list", "EMPTY_DICT": "dict", "EMPTY_SET": "set"}
FROM_MARK = {"TUPLE": "tuple", "LIST": "list", "DICT": "dict", "FROZENSET": "frozenset"}
MARK = object()
SCALAR = re.compile(r"[biufcSUmM]\d+")
KEY, VALUE = ("key",), ("value",)  # labels, where a key is no text


class Global(str):
    """The name of a module and of something in it."""


def read(content: bytes, name: str, budget: Budget) -> Any:
    """What an unpickler would do."""
    if content.startswith(b"\x78"):  # no pickle begins so; joblib's compression does
        content = unpack(content, budget)
    return _Reading(content).graph()


def storages(content: bytes) -> dict[str, str]:
    """The types of the storages that a pickle of torch names, by their keys."""
    reading = _Reading(content)
    reading.graph()
    found: dict[str, str] = {}
    for each in reading.log:
        if isinstance(each, Parts) and each.kind == "persistent" and isinstance(each.entries[0][1], Parts):
            named = [value for _, value in each.entries[0][1].entries]  # as ("storage", type, key, device, size)
            if len(named) > 2 and named[0] == "storage" and isinstance(named[2], str):
                storage = str(named[1]).removeprefix("torch ").removeprefix("torch.storage ")
                if found.setdefault(named[2], storage) != storage:
                    raise UnreadableError("a storage of two types")
    return found


class _Reading:
    """A stack machine that makes trees.

    log: each object whenever it is made or changed, and the name of each global, once.
    """

    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        self.size = len(content)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.log: list[Parts | Global] = []
        self.globals: set[Global] = set()

    def graph(self) -> Graph:
        """The object that is left in the end. Raises UnreadableError where an opcode is not known here."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self.file)):
            if count > OPCODES:
                raise UnreadableError(f"more than {OPCODES:,} opcodes")
            if opcode.name in CONSTANTS:
                self._constant(opcode.name, argument)
            elif opcode.name in EMPTY:
                self._make(EMPTY[opcode.name], [])
            elif opcode.name in FROM_MARK:
                self._make(FROM_MARK[opcode.name], self._from_mark())
            elif opcode.name not in ("PROTO", "FRAME"):
                step = getattr(self, f"_{opcode.name.lower()}", None)
                if step is None:
                    raise UnreadableError(f"a pickle with the opcode {opcode.name}")
                step(argument)
        if len(self.stack) != 1 or self.file.tell() != self.size:
            raise UnreadableError("a pickle with more than one object")
        return Graph(self.stack[0], self.log)

    def _constant(self, name: str, argument: Any) -> None:
        if name == "BYTEARRAY8":
            self._make("bytearray", [bytes(argument)])
        else:
            self.stack.append(FIXED.get(name, argument))

    def _pop(self, count: int = 1) -> list[Any]:
        found = self.stack[len(self.stack) - count :]
        if len(found) != count or any(each is MARK for each in found):
            raise UnreadableError("a pickle with a stack that is too short")
        del self.stack[-count:]
        return found

    def _from_mark(self) -> list[Any]:
        at = next((index for index in range(len(self.stack) - 1, -1, -1) if self.stack[index] is MARK), None)
        if at is None:
            raise UnreadableError("a pickle without a mark")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def _make(self, kind: str, values: list[Any]) -> Parts:
        made = Parts(kind, [], shared=True)
        self.stack.append(made)
        self._add(made, values)
        return made

    def _add(self, made: Parts, values: list[Any]) -> None:
        """Add items, or keys and values, to an object."""
        if made.kind == "dict":
            entries: list[tuple[Any, Any]] = []
            for key, value in _pairs(values):
                entries += [(key, value)] if type(key) is str else [(KEY, key), (VALUE, value)]
        elif made.kind in ("set", "frozenset"):  # their order is that of hashes, which are not those of another process
            entries = [*made.entries, *(("", each) for each in values)]
            if all(isinstance(value, str | bytes | int) for _, value in entries):
                entries.sort(key=lambda entry: (type(entry[1]).__name__, entry[1]))
            made.entries = []
        else:
            numbered = made.kind in ("list", "tuple")
            entries = [(index if numbered else "", value) for index, value in enumerate(values, len(made.entries))]
        made.entries += entries
        self.log.append(made)

    def _top(self) -> Parts:
        if not self.stack or not isinstance(self.stack[-1], Parts):
            raise UnreadableError("a pickle that changes what cannot be changed")
        return self.stack[-1]

    def _mark(self, _: Any) -> None:
        self.stack.append(MARK)

    def _stop(self, _: Any) -> None:
        """The end."""

    def _append(self, _: Any) -> None:
        values = self._pop()
        self._extend(values)

    def _appends(self, _: Any) -> None:
        self._extend(self._from_mark())

    _additems = _appends

    def _extend(self, values: list[Any]) -> None:
        if self._top().kind not in ("list", "set"):
            values = [self._of("items", values)]
        self._add(self._top(), values)

    def _setitem(self, _: Any) -> None:
        self._set(self._pop(2))

    def _setitems(self, _: Any) -> None:
        self._set(self._from_mark())

    def _set(self, values: list[Any]) -> None:
        made = self._top()
        if made.kind == "dict":
            self._add(made, values)
        else:
            made.entries += [("", self._of("keys and values", values))]
            self.log.append(made)

    def _of(self, kind: str, values: list[Any]) -> Parts:
        self._make(kind, values)
        return self.stack.pop()

    def _tuple1(self, _: Any) -> None:
        self._make("tuple", self._pop(1))

    def _tuple2(self, _: Any) -> None:
        self._make("tuple", self._pop(2))

    def _tuple3(self, _: Any) -> None:
        self._make("tuple", self._pop(3))

    def _global(self, name: str) -> None:
        found = Global(name)
        self.stack.append(found)
        if found not in self.globals:
            self.globals.add(found)
            self.log.append(found)

    def _stack_global(self, _: Any) -> None:
        names = self._pop(2)
        if not all(isinstance(each, str) for each in names):
            raise UnreadableError("a pickle with a global of no name")
        self._global(" ".join(names))

    def _reduce(self, _: Any) -> None:
        self._call("call", self._pop(2))

    def _newobj(self, _: Any) -> None:
        self._call("object", self._pop(2))

    def _newobj_ex(self, _: Any) -> None:
        self._call("object with keywords", self._pop(3))

    def _binpersid(self, _: Any) -> None:
        self._make("persistent", self._pop())

    def _call(self, kind: str, values: list[Any]) -> None:
        function = values[0] if isinstance(values[0], Global) else "what another call gave"
        if function.startswith("numpy") and function.endswith(" scalar"):
            _type_buffer(values[1], dtype_at=0, buffer_at=1)
        if function.startswith("numpy") and function.endswith(" _frombuffer"):
            _type_buffer(values[1], dtype_at=1, buffer_at=0)
        self._make(f"{kind} of {function}", values)

    def _build(self, _: Any) -> None:
        (state,) = self._pop()
        made = self._top()
        if made.kind.startswith("call of numpy") and made.kind.endswith(" _reconstruct"):
            _type_buffer(state, dtype_at=2, buffer_at=4)
        made.entries.append(("", state))
        self.log.append(made)
        if made.kind.endswith(" joblib.numpy_pickle NumpyArrayWrapper"):
            made.entries.append(("array", self._array_of_joblib(state)))

    def _array_of_joblib(self, state: Any) -> Any:
        """The numbers that joblib writes right after the object that describes them, within the pickle."""
        about = dict(state.entries) if isinstance(state, Parts) else {}
        try:
            dtype = _numpy(about["dtype"])
            shape = [operator.index(each) for _, each in about["shape"].entries]
        except _NOT_KNOWN:
            raise UnreadableError("an array of joblib whose type is not known here") from None
        if about.get("numpy_array_alignment_bytes") is not None:
            self.file.read(self.file.read(1)[0])
        size = math.prod(shape) * dtype.itemsize
        content = self.file.read(size) if 0 <= size <= self.size else b""
        if len(content) != size:
            raise UnreadableError("it is cut off")
        return _numbers(content, about["dtype"])

    def _memoize(self, _: Any) -> None:
        self._put(len(self.memo))

    def _put(self, index: int) -> None:
        if not self.stack or self.stack[-1] is MARK:
            raise UnreadableError("a pickle that remembers nothing")
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _get(self, index: int) -> None:
        if index not in self.memo:
            raise UnreadableError("a pickle that asks for what it never remembered")
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise UnreadableError("a pickle with a key without a value")
    return list(zip(values[::2], values[1::2], strict=True))


def _type_buffer(values: Any, dtype_at: int, buffer_at: int) -> None:
    """Where numpy keeps the bytes of an array, put its numbers."""
    if isinstance(values, Parts) and len(values.entries) > max(dtype_at, buffer_at):
        holder, at = values, buffer_at
        if isinstance(buffer := values.entries[buffer_at][1], Parts) and buffer.kind == "bytearray":
            holder, at = buffer, 0
        label, content = holder.entries[at]
        if isinstance(content, bytes):
            holder.entries[at] = label, _numbers(content, values.entries[dtype_at][1])


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


_NOT_KNOWN = (TypeError, ValueError, AttributeError, KeyError, IndexError, UnreadableError)

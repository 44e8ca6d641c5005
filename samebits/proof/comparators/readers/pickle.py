"""Pickles, also those of joblib, which are never unpickled: nothing in them is imported, called or made.

The opcodes are read one by one (pickletools) into a tree that says what an unpickler would do: names of globals, calls
with their arguments, constants. Two pickles are equal where these trees, what is shared in them and the order of the
calls are: then they differ in framing, in protocol or in what they remember without need, and any unpickler does the
same with both. Where numpy or joblib put the numbers of an array, they are compared as numbers.
"""

import io
import pickle
import pickletools
from collections.abc import Hashable
from typing import Any

from samebits.proof.comparators.readers.compressed import unpack
from samebits.proof.comparators.readers.pickled_arrays import (
    WRAPPER,
    Call,
    Global,
    How,
    array_of_joblib,
    type_arguments,
    type_state,
)
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Exact, Graph, Parts

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
KEY, VALUE = ("key",), ("value",)  # labels, where a key is no text


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
        frame_end = 0
        start: Any  # of an opcode in the file
        argument: Any
        for count, (opcode, argument, start) in enumerate(pickletools.genops(self.file)):
            if count > OPCODES:
                raise UnreadableError(f"more than {OPCODES:,} opcodes")
            if opcode.name == "FRAME" and start >= frame_end:
                frame_end = self.file.tell() + argument
            elif start < frame_end < self.file.tell() or opcode.name == "FRAME":
                raise UnreadableError("a pickle with frames that do not fit")
            if opcode.name == "PROTO" and argument > pickle.HIGHEST_PROTOCOL:
                raise UnreadableError(f"a pickle of protocol {argument}")
            if opcode.name in CONSTANTS:
                self._constant(opcode.name, argument)
            elif opcode.name in EMPTY:
                self._make(EMPTY[opcode.name], [])
            elif opcode.name in FROM_MARK:
                self._make(FROM_MARK[opcode.name], self._from_mark())
            elif opcode.name not in ("PROTO", "FRAME"):
                step = getattr(self, f"op_{opcode.name.lower()}", None)
                if step is None:
                    raise UnreadableError(f"a pickle with the opcode {opcode.name}")
                step(argument)
        if len(self.stack) != 1 or self.stack[0] is MARK or self.file.tell() != max(self.size, frame_end):
            raise UnreadableError("a pickle with more than one object")
        return Graph(self.stack[0], self.log)

    def _constant(self, name: str, argument: Any) -> None:
        if name == "BYTEARRAY8":
            self._make("bytearray", [bytes(argument)])
        else:
            value = FIXED.get(name, argument)
            self.stack.append(Exact(value) if type(value) is int else value)

    def _take(self, count: int = 1) -> list[Any]:
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

    def _make(self, kind: Hashable, values: list[Any]) -> Parts:
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

    def op_mark(self, _: Any) -> None:
        self.stack.append(MARK)

    def op_stop(self, _: Any) -> None:
        """The end."""

    def op_append(self, _: Any) -> None:
        values = self._take()
        self._extend(values)

    def op_appends(self, _: Any) -> None:
        self._extend(self._from_mark())

    op_additems = op_appends

    def _extend(self, values: list[Any]) -> None:
        if self._top().kind not in ("list", "set"):
            values = [self._of("items", values)]
        self._add(self._top(), values)

    def op_setitem(self, _: Any) -> None:
        self._set(self._take(2))

    def op_setitems(self, _: Any) -> None:
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

    def op_tuple1(self, _: Any) -> None:
        self._make("tuple", self._take(1))

    def op_tuple2(self, _: Any) -> None:
        self._make("tuple", self._take(2))

    def op_tuple3(self, _: Any) -> None:
        self._make("tuple", self._take(3))

    def op_global(self, name: str) -> None:
        found = Global(name)
        self.stack.append(found)
        if found not in self.globals:
            self.globals.add(found)
            self.log.append(found)

    def op_stack_global(self, _: Any) -> None:
        names = self._take(2)
        if not all(isinstance(each, str) for each in names):
            raise UnreadableError("a pickle with a global of no name")
        self.op_global(" ".join(names))

    def op_reduce(self, _: Any) -> None:
        self._call("call", self._take(2))

    def op_newobj(self, _: Any) -> None:
        self._call("object", self._take(2))

    def op_newobj_ex(self, _: Any) -> None:
        self._call("object with keywords", self._take(3))

    def op_binpersid(self, _: Any) -> None:
        self._make("persistent", self._take())

    def _call(self, how: How, values: list[Any]) -> None:
        call = Call(how, values[0] if isinstance(values[0], Global) else None)
        type_arguments(call, values[1])
        self._make(call, values)

    def op_build(self, _: Any) -> None:
        (state,) = self._take()
        made = self._top()
        type_state(made.kind, state)
        made.entries.append(("", state))
        self.log.append(made)
        if isinstance(made.kind, Call) and made.kind.function == WRAPPER:
            made.entries.append(("array", array_of_joblib(state, self.file)))

    def op_memoize(self, _: Any) -> None:
        self.op_put(len(self.memo))

    def op_put(self, index: int) -> None:
        if not self.stack or self.stack[-1] is MARK:
            raise UnreadableError("a pickle that remembers nothing")
        self.memo[index] = self.stack[-1]

    op_binput = op_long_binput = op_put

    def op_get(self, index: int) -> None:
        if index not in self.memo:
            raise UnreadableError("a pickle that asks for what it never remembered")
        self.stack.append(self.memo[index])

    op_binget = op_long_binget = op_get


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise UnreadableError("a pickle with a key without a value")
    return list(zip(values[::2], values[1::2], strict=True))

"""Values of parameters: as their files have them, and as DVC writes them into dvc.lock."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import dpath

from samebits.artifacts import check_merged
from samebits.errors import UserError
from samebits.proof.repository import aliases
from samebits.proof.repository.contents import Contents
from samebits.proof.repository.of_dvc import dumps_yaml, is_yaml, params_in, parse_yaml

ABSENT = object()
REWRITES = 10  # of a lock: DVC writes it anew after each stage, and may fold a text elsewhere each time


@dataclass
class ParamsFiles:
    """The files of parameters of a repository; each is read and parsed once."""

    contents: Contents
    _parsed: dict[str, Any] = field(default_factory=dict)

    def values(self, path: str, keys: Iterable[str]) -> dict[str, Any] | None:
        """What a file has of some keys, with dots between their parts, or at its top level; None where there is none.

        Raises UserError where it cannot be read.
        """
        if path not in self._parsed:
            content = self.contents.content(path)
            self._parsed[path] = None if content is None else parsed(content, path)
        document, keys = self._parsed[path], list(keys)
        if document is None:
            return None
        if not keys:
            return dict(document)
        found = ((key, get(document, key)) for key in keys)
        return {key: value for key, value in found if value is not ABSENT}


def parsed(content: bytes, path: str) -> dict[str, Any]:
    """A file of parameters as DVC reads it. Raises UserError where it cannot."""
    check_merged(content, path)
    if is_yaml(path):
        aliases.refuse(content, path)
    try:
        document = params_in(content, path)
    except ValueError as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    if not isinstance(document, Mapping):
        raise UserError(f"{path}: holds no parameters; they are keys with values")
    return dict(document)


def get(document: Mapping[str, Any], key: str) -> Any:
    """The value of a key, as DVC finds it."""
    found: Any = document
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            break
        found = found[part]
    else:
        return found
    with suppress(KeyError, ValueError):  # DVC also knows numbers of items, and patterns
        return dpath.get(dict(document), key, separator=".")
    return ABSENT


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, NaN being equal to NaN."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def as_in_lock(recorded: Any, now: Any, *keys: str) -> bool:
    """Whether a value is what DVC, that wrote `now` to a lock, has there.

    That is not always the same: a tuple becomes a list, and of two blanks where a long text is folded one gets lost.
    keys: below that of the stage, where it stands in its entry.
    """
    for _ in range(REWRITES):
        if same(recorded, now):
            return True
        try:
            before, now = now, _rewritten(now, keys)
        except Exception:  # what DVC cannot write is in no lock
            return False
        if same(before, now) and type(before) is type(now):
            return False
    return False


def _rewritten(value: Any, keys: tuple[str, ...]) -> Any:
    """A value after DVC wrote and read a lock."""
    entry: Any = value
    for key in reversed(keys):
        entry = {key: entry}
    found = parse_yaml(dumps_yaml({"schema": "2.0", "stages": {"stage": entry}}), "dvc.lock")["stages"]["stage"]
    for key in keys:
        found = found[key]
    return found


def differences(then: Any, now: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, by their keys with dots; of lists of one length, the first item that does."""
    if same(then, now):
        return
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in sorted({*then, *now}, key=str):
            yield from differences(then.get(key, ABSENT), now.get(key, ABSENT), f"{name}.{key}")
    elif isinstance(then, list | tuple) and isinstance(now, list | tuple) and len(then) == len(now):
        at = next(at for at, pair in enumerate(zip(then, now, strict=True)) if not same(*pair))
        yield from differences(then[at], now[at], f"{name}[{at}]")
    else:
        yield name, then, now

"""The files of a hybrid: whole files of one side, and files of parameters and dvc.yaml put together from both."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from samebits.errors import UserError
from samebits.proof.explaining.factors import BOOKKEEPING, OUTS, Change, split_vars, value
from samebits.proof.explaining.side import Side
from samebits.proof.record.values import ABSENT, parsed, same
from samebits.proof.repository.of_dvc import dumps_yaml, is_yaml, parse_yaml, with_values

Books = Mapping[str, Any]  # a stage of a dvc.yaml


def composed(path: str, base: Side, head: Side, taken: Collection[Change], all_: Collection[Change]) -> bytes | None:
    """A file of which some values are those of the head; None where no side has any of it.

    taken: of all changes in it, those that are as at the head. Raises UserError where it cannot be put together.
    """
    stages = any(each.keys[0] == "stages" for each in all_)
    if path.endswith("dvc.lock"):
        return _lock(path, base, head, taken)
    if stages or path.endswith("dvc.yaml"):
        return _pipeline(path, base, head, taken)
    if len(taken) == len(all_):
        return head.content(path)
    return _params(path, base, head, taken) if taken else base.content(path)


def _params(path: str, base: Side, head: Side, taken: Iterable[Change]) -> bytes:
    wanted, now = deepcopy(base.document(path) or {}), head.document(path) or {}
    values = {each.keys: value(now, each.keys) for each in taken}
    for keys, each in values.items():
        _set(wanted, keys, each)
    content = base.content(path)
    try:
        new = {keys: each for keys, each in values.items() if each is not ABSENT}
        found = with_values(content, path, new, [keys for keys, each in values.items() if each is ABSENT])
        if same(parsed(found, path), wanted):
            return found
    except (ValueError, UserError):
        pass
    if path.endswith(".json"):
        return json.dumps(wanted, indent=2).encode()
    if is_yaml(path):  # its aliases stand for one value in several places
        return dumps_yaml(wanted).encode()
    raise UserError(f"{path}: some of its values cannot be changed without the others")


def _set(document: dict[str, Any], keys: Sequence[str], found: Any) -> None:
    for key in keys[:-1]:
        document = document[key]
    if found is ABSENT:
        document.pop(keys[-1], None)
    else:
        document[keys[-1]] = found


def _lock(path: str, base: Side, head: Side, taken: Iterable[Change]) -> bytes | None:
    """The lock of the base; of frozen stages, whose outputs are sources, some entries of the head."""
    if path not in base.files:
        return head.content(path)
    if not taken:
        return base.content(path)
    found = parse_yaml(base.content(path).decode(), path)
    now = parse_yaml(head.content(path).decode(), path)
    for each in taken:
        found["stages"][each.keys[1]] = now["stages"][each.keys[1]]
    return dumps_yaml(found).encode()


def _pipeline(path: str, base: Side, head: Side, taken: Collection[Change]) -> bytes | None:
    then, now = base.document(path) or {}, head.document(path) or {}
    names = {each.keys[1] for each in taken if each.keys[0] == "stages"}
    found = {key: each for key, each in (now or then).items() if key not in ("vars", "stages")}
    files, values = split_vars(now or then)
    _, values = deepcopy(split_vars(then))
    for each in taken:
        if each.keys[0] == "vars":
            _set(values, each.keys[1:], value(split_vars(now)[1], each.keys[1:]))
    if files or values:
        found["vars"] = [*files, *([values] if values else [])]
    one, other = then.get("stages") or {}, now.get("stages") or {}
    stages = {}
    for name in dict.fromkeys([*other, *one]):
        own, alien = (other.get(name), one.get(name)) if name in names else (one.get(name), other.get(name))
        if own is not None:
            others = _outs(each for side in (one, other) for at, each in side.items() if at != name)
            stages[name] = own if alien is None else _with_books(own, alien, others)
    if not stages:
        return None
    return dumps_yaml({**found, "stages": stages}).encode()


def _with_books(own: Books, other: Books, of_others: Collection[str]) -> Books:
    """A stage that reads and writes what both sides say that it does: what it does not is not there, and no harm.

    of_others: the outputs of other stages, which cannot be its own, too.
    """
    if "do" in own and "do" in other:
        return {**own, "do": _with_books(own["do"], other["do"], of_others)}
    if "do" in own or "do" in other:
        return own
    known = {*of_others, *_outs([own])}
    found = dict(own)
    for key in BOOKKEEPING:
        more = other.get(key)
        if not isinstance(more, list):
            continue
        there = list(own.get(key) or [])
        if key in OUTS:
            new = [each for each in more if _path(each) not in known]
        elif key == "deps":
            new = [each for each in more if _path(each) not in set(map(_path, there))]
        else:
            new = [each for each in more if each not in there]
        if new:
            found[key] = [*there, *new]
    return found


def _outs(stages: Iterable[Books]) -> set[str]:
    bodies = (each.get("do") or each for each in stages)
    return {_path(item) for each in bodies for key in OUTS for item in each.get(key) or []}


def _path(item: Any) -> str:
    return str(next(iter(item))) if isinstance(item, Mapping) else str(item)

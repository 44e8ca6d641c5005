"""Which entries of two locks stay in the merged one: against a model of DVC, for random pipelines and branches."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import hypothesis.strategies as st
from hypothesis import assume, given, settings

from samebits.proof.merging.rules import Merged, merge

EXAMPLES = int(os.environ.get("MERGES", 150))
NAMES = [f"s{each}" for each in range(5)]
FILES, PARAMS = ["f0", "f1", "f2"], ["p0", "p1", "p2"]
Lock = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """What a stage reads, and of what of it each output is made: a program need not use all that it reads."""

    version: int
    reads: frozenset[str]
    params: frozenset[str]
    outs: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True)
class Tree:
    """What git holds: the values of files and parameters, and the pipeline."""

    values: Mapping[str, int]
    stages: Mapping[str, Stage]


def run(tree: Tree, lock: Mapping[str, Any], noise: int | None = None) -> tuple[Lock, list[str]]:
    """What `dvc repro` does: the lock afterwards, and the stages that ran.

    noise: something else that gets into all outputs, where the programs are not deterministic.
    """
    made: dict[str, Any] = {}
    after, ran = Lock(), []
    for name in sorted(tree.stages):
        stage = tree.stages[name]
        inputs = {path: made[path] if path in made else tree.values[path] for path in stage.reads}
        params = {key: tree.values[key] for key in stage.params}
        wants = {
            "cmd": repr((stage.version, [(path, sorted(used)) for path, used in stage.outs])),
            "deps": [{"path": path, "md5": _md5(inputs[path])} for path in sorted(inputs)],
            "params": {"params.yaml": params},
        }
        old = lock.get(name, {})
        if wants != {key: old.get(key) for key in wants} or [path for path, _ in stage.outs] != _paths(old):
            ran.append(name)
            contents = [(path, {key: (inputs | params)[key] for key in sorted(used)}) for path, used in stage.outs]
            outs = [{"path": path, "md5": _md5((path, content, noise))} for path, content in contents]
            old = wants | {"outs": outs}
        after[name] = old
        made |= {out["path"]: out["md5"] for out in old["outs"]}
    return after, ran


def _md5(value: object) -> str:
    return value if isinstance(value, str) else sha256(repr(value).encode()).hexdigest()[:8]


def _paths(entry: Mapping[str, Any]) -> list[str]:
    return [out["path"] for out in entry.get("outs", [])]


@st.composite
def stages(draw: st.DrawFn, name: str, others: Mapping[str, Stage]) -> Stage:
    """A stage that reads files and outputs of others, of those before it."""
    made = [path for each, stage in others.items() if each < name for path, _ in stage.outs]
    reads = draw(st.frozensets(st.sampled_from(FILES + made), max_size=3))
    params = draw(st.frozensets(st.sampled_from(PARAMS), max_size=2))
    ends = draw(st.sampled_from(["x", "y", "xy"]))
    used = st.just(reads | params)
    if reads or params:
        used |= st.frozensets(st.sampled_from(sorted(reads | params)))
    return Stage(draw(st.integers(0, 1)), reads, params, tuple((f"{name}.{end}", draw(used)) for end in ends))


@st.composite
def bases(draw: st.DrawFn) -> Tree:
    found: dict[str, Stage] = {}
    for name in sorted(draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))):
        found[name] = draw(stages(name, found))
    return Tree(dict.fromkeys(FILES + PARAMS, 0), found)


@st.composite
def branches(draw: st.DrawFn, base: Tree) -> Tree:
    """A tree with a few changes: of files, parameters and stages, which may be new or gone."""
    values = draw(st.dictionaries(st.sampled_from(FILES + PARAMS), st.integers(0, 2), max_size=3))
    changed = dict(base.stages)
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True)):
        stage = draw(st.none() | stages(name, changed) | st.just(changed.get(name)))
        if stage is None:
            changed.pop(name, None)
        else:
            changed[name] = stage
    return replace(base, values={**base.values, **values}, stages=changed)


def of_both(base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """What git makes of two versions of files that do not conflict."""
    merged = {key: theirs.get(key) if ours.get(key) == base.get(key) else ours.get(key) for key in {*ours, *theirs}}
    return {key: merged[key] for key in sorted(merged) if merged[key] is not None}


@st.composite
def forks(draw: st.DrawFn) -> tuple[Tree, Tree, Tree, Tree]:
    """Base, ours, theirs and what git makes of them, without a conflict."""
    base = draw(bases())
    ours = draw(branches(base))
    theirs = draw(branches(draw(st.sampled_from([base, replace(base, values=ours.values)]))))  # which may know of ours
    values = {  # both may change one, but to the same
        key: ours.values[key] if base.values[key] != ours.values[key] else value
        for key, value in theirs.values.items()
        if value != base.values[key]
    }
    changed = {name for name in NAMES if ours.stages.get(name) != base.stages.get(name)}
    kept = {name: stage for name, stage in base.stages.items() if name in changed}
    pipeline = kept | {name: stage for name, stage in theirs.stages.items() if name not in changed}
    theirs = Tree({**base.values, **values}, dict(sorted(pipeline.items())))
    merged = Tree(of_both(base.values, ours.values, theirs.values), of_both(base.stages, ours.stages, theirs.stages))
    assume(all(map(valid, (ours, theirs, merged))))
    return base, ours, theirs, merged


def valid(tree: Tree) -> bool:
    """Whether every file that a stage reads is there."""
    made = {path for stage in tree.stages.values() for path, _ in stage.outs}
    return all(path in made or path in FILES for stage in tree.stages.values() for path in stage.reads)


def unforeseen(was: Lock, mine: Lock, yours: Lock, lock: Mapping[str, Any]) -> set[str]:
    """Stages that read what both sides made otherwise, by a stage that must run; it may come out as on one side."""
    found = set()
    for name in {*mine} & {*yours}:
        for path in {path for side in (mine, yours) for path in _read(side[name])}:
            made = path not in FILES and path.partition(".")[0] not in lock
            if made and len({_read(side.get(name, {})).get(path) for side in (was, mine, yours)}) == 3:
                found.add(name)
    return found


def _read(entry: Mapping[str, Any]) -> dict[str, str]:
    return {dep["path"]: dep["md5"] for dep in entry.get("deps", [])}


def merged_lock(found: Merged, ours: Lock, theirs: Lock) -> Lock:
    return {name: (ours if side == "ours" else theirs)[name] for name, side in found.taken.items()}


@given(forks())
@settings(max_examples=EXAMPLES, deadline=None)
def test_repro_makes_of_a_merged_lock_what_a_forced_run_makes_and_runs_no_stage_that_a_side_ran(fork: Any) -> None:
    base, ours, theirs, tree = fork
    was, mine, yours = (run(each, {})[0] for each in (base, ours, theirs))
    lock = merged_lock(merge(was, mine, yours), mine, yours)
    after, ran = run(tree, lock)
    assert after == run(tree, {})[0]
    needed = {name for name in tree.stages if after[name] not in (mine.get(name), yours.get(name))}
    assert needed <= {*ran} <= needed | unforeseen(was, mine, yours, lock)
    assert set(lock) <= set(tree.stages)


@given(forks(), st.tuples(st.integers(0, 2), st.integers(0, 2)), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_entry_of_a_merged_lock_read_what_another_in_it_did_not_write(fork: Any, noise: Any, known: bool) -> None:
    base, ours, theirs, _ = fork
    was, mine, yours = (run(tree, {}, each)[0] for tree, each in zip((base, ours, theirs), (0, *noise), strict=True))
    found = merge(was if known else None, mine, yours)
    lock = merged_lock(found, mine, yours)
    written = {out["path"]: out["md5"] for entry in lock.values() for out in entry["outs"]}
    for entry in lock.values():
        for dep in entry["deps"]:
            assert written.get(dep["path"], dep["md5"]) == dep["md5"]
    assert set(found.left) & set(lock) == set()
    swapped = merge(was if known else None, yours, mine)
    if len({*noise}) == 1:
        assert merged_lock(swapped, yours, mine) == lock


def entry(reads: Mapping[str, str], writes: Mapping[str, str], cmd: str = "run", **params: Any) -> dict[str, Any]:
    """An entry of a lock; hashes by path."""
    deps, outs = ([{"path": path, "md5": md5} for path, md5 in each.items()] for each in (reads, writes))
    return {"cmd": cmd, "deps": deps, "params": {"params.yaml": params}, "outs": outs}


def stays(base: Any, ours: Any, theirs: Any) -> dict[str, str]:
    """The side whose entry stays, by stage."""
    found = merge(base, ours, theirs)
    assert sorted([*found.taken, *found.left]) == sorted({*ours, *theirs})
    return dict(found.taken)


def test_of_a_stage_that_only_one_side_ran_again_with_other_bytes_that_run_stays() -> None:
    """As git takes the files that only one side changed."""
    was, again = {"s": entry({}, {"o": "1"})}, {"s": entry({}, {"o": "2"})}
    assert stays(was, was, again) == {"s": "theirs"}
    assert stays(was, again, was) == {"s": "ours"}
    assert stays(was, again, {"s": entry({}, {"o": "3"})}) == {"s": "ours"}


def test_a_side_that_has_the_changes_of_the_other_and_more_stays_down_its_chain() -> None:
    locks = [
        {"make": entry({}, {"o": made}, p=p, q=q), "use": entry({"o": made}, {"u": made})}
        for made, p, q in (("1", 1, 1), ("2", 2, 1), ("3", 2, 2))
    ]
    assert stays(*locks) == {"make": "theirs", "use": "theirs"}
    locks = [dict(reversed(lock.items())) for lock in locks]  # DVC puts what ran last at the end
    assert stays(locks[0], locks[2], locks[1]) == {"make": "ours", "use": "ours"}


def test_of_a_stage_that_both_changed_in_other_ways_no_run_stays() -> None:
    was = {"s": entry({"f": "1", "g": "1"}, {"o": "1"})}
    theirs = {"s": entry({"f": "2", "g": "1"}, {"o": "2"})}
    for ours in (
        entry({"f": "1", "g": "2"}, {"o": "3"}),
        entry({"f": "1"}, {"o": "3"}, "other"),
        entry({"f": "1", "g": "1", "h": "1"}, {"o": "1"}),
        entry({"f": "1", "g": "1"}, {"o": "1", "p": "1"}),
        entry({"f": "1", "g": "1"}, {"o": "1"}, p=1),
    ):
        assert stays(was, {"s": ours}, theirs) == {}
        assert stays(was, theirs, {"s": ours}) == {}


def test_the_later_stage_leaves_where_its_dep_comes_from_the_other_sides_run_of_a_stage_that_is_not_deterministic() -> (
    None
):
    was, ours, theirs = (
        {"make": entry({}, {"o": made}, p=p), "use": entry({"o": made}, {"u": made}, q=q)}
        for made, p, q in (("1", 1, 1), ("2", 2, 1), ("3", 2, 2))
    )
    assert stays(was, ours, theirs) == {"make": "ours"}


def test_a_new_stage_that_read_what_the_other_side_changed_must_run() -> None:
    """What the other side changed, its own stages tell."""
    was, new = ({name: entry({"f": "1"}, {name: "1"}, p=1)} for name in ("s", "t"))
    for ours in ({"s": entry({"f": "2"}, {"s": "1"}, p=1)}, {"s": entry({"f": "1"}, {"s": "1"}, p=2)}):
        assert stays(was, ours, {**was, **new}) == {"s": "ours"}
        assert stays(was, {**was, **new}, ours) == {"s": "theirs"}
        assert stays(was, was, {**was, **new}) == {"s": "ours", "t": "theirs"}
    old = {"t": entry({}, {"u": "1"})}
    also = {"t": entry({"f": "1"}, {"u": "1"})}
    assert stays({**was, **old}, {"s": entry({"f": "2"}, {"s": "1"}, p=1), **old}, {**was, **also}) == {"s": "ours"}


def test_a_parameter_within_another_counts_for_itself() -> None:
    was, ours, theirs = ({"s": entry({}, {"o": o}, all={"a": a, "b": b})} for o, a, b in ("111", "221", "322"))
    assert stays(was, ours, theirs) == {"s": "theirs"}


def test_a_path_is_of_two_files_where_the_stages_run_in_two_folders() -> None:
    """A lock does not say in which; what its own side contradicts is another file."""
    was, ours, theirs = (
        {"a": entry({}, {"data.csv": a}, p=a), "b": entry({"data.csv": "b"}, {"o": b}, q=b)}
        for a, b in ("11", "21", "12")
    )
    assert stays(was, ours, theirs) == {"a": "ours", "b": "theirs"}


def test_a_folder_and_a_file_in_it_are_of_one_chain() -> None:
    def lock(made: str, used: str) -> Lock:
        return {"make": entry({}, {"folder": made}, p=made), "use": entry({"folder/file": "1"}, {"u": used}, q=used)}

    assert stays(lock("1", "1"), lock("2", "1"), lock("1", "2")) == {"make": "ours"}


def test_stages_that_need_one_another_in_the_two_pipelines_together_leave() -> None:
    ours = {"a": entry({}, {"x": "1"}), "b": entry({"x": "1"}, {"y": "1"})}
    theirs = {"b": entry({}, {"y": "2"}, "other"), "a": entry({"y": "2"}, {"x": "2"}, "other")}
    assert stays({}, ours, theirs) == {}
    assert stays({}, {"a": entry({"y": "2"}, {"x": "1"})}, {"b": entry({"x": "1"}, {"y": "1"})}) == {"b": "theirs"}


def test_without_a_base_only_what_both_say_stays() -> None:
    both = entry({}, {"o": "1"})
    assert stays(None, {"s": both, "a": both}, {"s": both, "b": both}) == {"s": "ours"}


def test_what_one_side_took_out_and_the_other_left_is_gone_and_need_not_run() -> None:
    was = {"s": entry({}, {"o": "1"}), "t": entry({}, {"p": "1"})}
    found = merge(was, {"s": was["s"]}, was)
    assert (found.taken, found.left) == ({"s": "ours"}, [])
    found = merge(was, {"s": was["s"]}, {**was, "t": entry({}, {"p": "2"}, "other")})
    assert (found.taken, found.left) == ({"s": "ours"}, ["t"])

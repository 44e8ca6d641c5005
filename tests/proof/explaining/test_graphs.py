"""On random graphs of tiny stages with known effects, additive effects are found exactly."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proof.explaining.planted import Two, check_sums, effects

pytestmark = [pytest.mark.posix_shell, pytest.mark.slow]

CODE = "v=$(($(sed -n 's/^p{at}: //p' params.yaml) + {constant}))\n"
CODE += "for f in $@; do v=$((v + $(cat $f))); done\necho $v > o{at}\n"
SCORE = 'echo "{\\"score\\": $(cat $1)}" > metrics.json'


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[list[int]], list[int], list[int]]:
    """Of each node, the nodes before it that it reads; how its parameter and a constant in its code change."""
    count = draw(st.integers(2, 4))
    before = [draw(st.lists(st.integers(0, at - 1), unique=True)) if at else [] for at in range(count)]
    before[-1] = sorted({*before[-1], *(at for at in range(count - 1) if not any(at in each for each in before))})
    changes = st.lists(st.integers(-20, 20), min_size=count, max_size=count)
    return before, draw(changes), draw(changes)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(graphs())
def test_additive_effects_are_those_of_the_paths(graph: tuple[list[list[int]], list[int], list[int]]) -> None:
    before, params, constants = graph
    count = len(before)
    ways = [0] * count  # from a node to the last
    ways[-1] = 1
    for at in reversed(range(count)):
        for maker in before[at]:
            ways[maker] += ways[at]
    with tempfile.TemporaryDirectory() as folder:
        repo = Two(Path(folder, "repo"))
        repo.write("params.yaml", "".join(f"p{at}: {at}\n" for at in range(count)))
        stages: dict[str, object] = {}
        for at, makers in enumerate(before):
            repo.write(f"s{at}.sh", CODE.format(at=at, constant=100))
            outs = [f"o{each}" for each in makers]
            command = " ".join(["sh", f"s{at}.sh", *outs])
            stages[f"n{at}"] = {"cmd": command, "deps": [f"s{at}.sh", *outs], "params": [f"p{at}"], "outs": [f"o{at}"]}
        last = f"o{count - 1}"
        metrics = [{"metrics.json": {"cache": False}}]
        repo.write("score.sh", SCORE)
        stages["score"] = {"cmd": f"sh score.sh {last}", "deps": [last, "score.sh"], "metrics": metrics}
        repo.pipeline(stages=stages)
        repo.base()
        repo.write("params.yaml", "".join(f"p{at}: {at + each}\n" for at, each in enumerate(params)))
        for at, each in enumerate(constants):
            repo.write(f"s{at}.sh", CODE.format(at=at, constant=100 + each))
        repo.head()
        found = repo.explained()
    check_sums(found)
    expected = {f"p{at} {at} -> {at + each}": each * ways[at] for at, each in enumerate(params) if each}
    expected |= {f"s{at}.sh": each * ways[at] for at, each in enumerate(constants) if each}
    assert (effects(found) if found.metrics else {}) == (expected if sum(expected.values()) else {})

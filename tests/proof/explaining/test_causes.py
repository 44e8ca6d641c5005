"""Planted causes: each is named with its effect, rows add up, and no more runs than allowed."""

from collections.abc import Callable

import pytest

from samebits.proof.explaining.text import text
from tests.proof.explaining.planted import PARAMS, TRAIN, Two, changed, check_sums, effects, stages

pytestmark = pytest.mark.posix_shell


def one_parameter(repo: Two) -> None:
    repo.replace("params.yaml", "a: 1", "a: 5")


def two_parameters(repo: Two) -> None:
    repo.write("params.yaml", "# a comment\na: 5\nb: 10\nc: 300\n")


def effects_that_cancel(repo: Two) -> None:
    repo.write("params.yaml", "a: 6\nb: 5\nc: 101\n")


def code(repo: Two) -> None:
    repo.replace("train.sh", "a + b", "a + b + 7")
    repo.replace("params.yaml", "c: 100", "c: 90")


def code_of_the_same_bytes(repo: Two) -> None:
    repo.replace("train.sh", "echo", ":\necho")
    repo.replace("params.yaml", "c: 100", "c: 90")


def two_interact(repo: Two) -> None:
    repo.replace("train.sh", "a + b", "a * b")
    repo.write("params.yaml", "a: 3\nb: 10\nc: 100\n")  # 1 + 10, 3 + 10, 1 * 10, 3 * 10


def three_interact(repo: Two) -> None:
    repo.write("params.yaml", "a: 2\nb: 30\nc: 105\n")  # and c is additive
    repo.replace("train.sh", "a + b", "a * b * b")


def a_script_with_the_parameter_that_it_needs(repo: Two) -> None:
    repo.replace("train.sh", "echo", "d=$(sed -n 's/^d: //p' params.yaml)\ntest -n \"$d\" || exit 1\necho")
    repo.replace("train.sh", "a + b", "a + b + d")
    repo.write("params.yaml", PARAMS.replace("c: 100", "c: 90") + "d: 5\n")
    stages(repo, train=changed("train", params=["a", "b", "d"]))


def a_script_with_the_module_that_it_needs(repo: Two) -> None:
    repo.write("helper.sh", "more=30\n")
    repo.replace("train.sh", "echo", ". ./helper.sh\necho")
    repo.replace("train.sh", "a + b", "a + b + more")
    stages(repo, train=changed("train", deps=["train.sh", "helper.sh"]))
    repo.replace("params.yaml", "c: 100", "c: 90")


def an_argument_of_a_command(repo: Two) -> None:
    repo.write("train.sh", TRAIN.replace("b=$(", "b=${1:-0} #"))
    stages(repo, train=changed("train", cmd="sh train.sh 20"))


def a_new_stage(repo: Two) -> None:
    repo.write("prepare.sh", "echo 40 > prepared\n")
    prepare = {"cmd": "sh prepare.sh", "deps": ["prepare.sh"], "outs": ["prepared"]}
    stages(repo, prepare=prepare, train=changed("train", deps=["train.sh", "prepared"]))
    repo.replace("train.sh", "a + b", "a + b + $(cat prepared)")
    repo.replace("params.yaml", "c: 100", "c: 90")


def a_stage_renamed(repo: Two) -> None:
    stages(repo, train=None, fit=changed("train", cmd="sh train.sh && expr $(cat model) + 1 > m && mv m model"))


def a_stage_that_makes_what_another_made(repo: Two) -> None:
    write = "sh train.sh && echo '{\"score\": 7}' > metrics.json"
    stages(repo, train=changed("train", cmd=write, metrics=[{"metrics.json": {"cache": False}}]), evaluate=None)


def a_file_that_no_stage_declares(repo: Two) -> None:
    repo.write("helper.sh", "more=30\n")
    repo.replace("params.yaml", "c: 100", "c: 90")


def a_new_metric(repo: Two) -> None:
    repo.replace("evaluate.sh", "}", ', \\"more\\": 5}')


def nothing_that_a_stage_reads(repo: Two) -> None:
    repo.write("README.md", "text")
    repo.write("docs/more.md", "text")
    repo.replace("params.yaml", "a: 1", "a: 5")


NEEDS = "train: `sh train.sh`: it exited with status 1"
CAUSES: list[tuple[Callable[[Two], None], dict[str, float]]] = [
    (one_parameter, {"a 1 -> 5": 4}),
    (two_parameters, {"a 1 -> 5": 4, "c 100 -> 300": 200}),
    (code, {"train.sh": 7, "c 100 -> 90": -10}),
    (code_of_the_same_bytes, {"c 100 -> 90": -10}),
    (two_interact, {"a 1 -> 3": 2, "train.sh": -1, "a 1 -> 3 & train.sh": 18}),
    (
        three_interact,
        {
            "a 1 -> 2": 1,
            "b 10 -> 30": 20,
            "c 100 -> 105": 5,
            "train.sh": 89,
            "a 1 -> 2 & train.sh": 99,
            "b 10 -> 30 & train.sh": 780,
            "a 1 -> 2 & b 10 -> 30 & train.sh": 800,
        },
    ),
    (a_script_with_the_parameter_that_it_needs, {"c 100 -> 90": -10, "train.sh with d none -> 5": 5}),
    (a_script_with_the_module_that_it_needs, {"c 100 -> 90": -10, "helper.sh with train.sh": 30}),
    (
        an_argument_of_a_command,
        {"stage train: cmd `sh train.sh` -> `sh train.sh 20` & train.sh": 20, "train.sh": -10},
    ),
    (a_new_stage, {"c 100 -> 90": -10, "stage prepare (new) with prepare.sh, train.sh": 40}),
    (a_stage_renamed, {"stage train (gone) with stage fit (new)": 1}),
    (
        a_stage_that_makes_what_another_made,
        {"stage train: cmd, outs with stage evaluate (gone)": -104},
    ),
    (nothing_that_a_stage_reads, {"a 1 -> 5": 4}),
    (a_file_that_no_stage_declares, {"c 100 -> 90": -10}),
    (a_new_metric, {}),
]


@pytest.mark.parametrize(("cause", "expected"), CAUSES, ids=[cause.__name__ for cause, _ in CAUSES])
def test_a_planted_cause_is_found(repo: Two, cause: Callable[[Two], None], expected: dict[str, float]) -> None:
    cause(repo)
    repo.head()
    found = repo.explained()
    print(text(found))
    check_sums(found)
    assert found.status == 0
    if expected:
        assert effects(found) == expected

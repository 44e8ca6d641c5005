"""Repositories of every shape that DVC knows: what lock and check say of each when sound, and with one thing forged."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.proof.repositories import Repository, kinds, simple, verdicts

Forge = Callable[[Repository], object]


class Shape(NamedTuple):
    """A repository, sound as `build` makes it. forged: of it with one thing changed, what lock finds and what check."""

    build: Callable[[Path], Repository]
    forge: Forge
    lock: set[tuple[str, str]]
    check: set[tuple[str, str]]


def flip(stage: str, part: str, path: str) -> Forge:
    """Give a file another hash in the lock."""

    def edit(stages: dict) -> None:
        [item] = [each for each in stages[stage][part] if each["path"] == path]
        item["md5"] = "0" * 32 + (".dir" if item["md5"].endswith(".dir") else "")

    return lambda repo: repo.edit_lock(edit)


def folder_of_data(top: Path) -> Repository:
    repo = Repository(top)
    for name in "ab":
        repo.write(f"data/{name}.txt", f"{name}\n")
    repo.add("data")
    repo.pipeline(stages={"one": {"cmd": "cp data/a.txt out.txt", "deps": ["data/a.txt"], "outs": ["out.txt"]}})
    repo.run()
    return repo


def folder_as_output(top: Path) -> Repository:
    repo = Repository(top)
    repo.pipeline(
        stages={
            "make": {"cmd": "mkdir -p out/deep && echo 1 > out/a && echo 2 > out/deep/b", "outs": ["out"]},
            "use": {"cmd": "cat out/a out/deep/b > sum.txt", "deps": ["out/a", "out/deep"], "outs": ["sum.txt"]},
        }
    )
    repo.run()
    return repo


def folders_of_pipelines(top: Path) -> Repository:
    repo = Repository(top)
    repo.pipeline("first/dvc.yaml", stages={"make": {"cmd": "echo 1 > a.txt", "outs": ["a.txt"]}})
    repo.pipeline(
        "second/dvc.yaml",
        stages={"use": {"wdir": "../work", "cmd": "cp ../first/a.txt b.txt", "deps": ["../first/a.txt"], "outs": ["b.txt"]}},
    )
    repo.write("work/note.txt", "here\n")
    repo.run()
    return repo


SHAPES = {
    "data in a .dvc file": Shape(
        simple,
        lambda repo: repo.replace("data/table.txt.dvc", repo.lock("data/table.txt.dvc")["outs"][0]["md5"], "0" * 32),
        {("select", "dependency-changed")},
        {("select", "dependency-changed"), ("select", "missing-source")},
    ),
    "a folder of data": Shape(
        folder_of_data, flip("one", "deps", "data/a.txt"), {("one", "dependency-changed")}, {("one", "dependency-changed")}
    ),
    "a folder as output": Shape(
        folder_as_output, flip("make", "outs", "out"), {("use", "cannot-tell")}, {("make", "computes-otherwise")}
    ),
    "pipelines in folders": Shape(
        folders_of_pipelines,
        lambda repo: repo.replace("second/dvc.yaml", "cp ../first/a.txt b.txt", "cat ../first/a.txt > b.txt"),
        {("second/dvc.yaml:use", "command-changed")},
        {("second/dvc.yaml:use", "command-changed")},
    ),
    "a root of DVC below that of git": Shape(
        lambda top: simple(top, "inner/project"),
        lambda repo: repo.replace("select.sh", "head", "head "),
        {("select", "code-changed")},
        {("select", "code-changed")},
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_sound_repository_is_reproduced_and_a_forged_one_is_not(shape: Shape, tmp_path: Path) -> None:
    repo = shape.build(tmp_path / "repo")
    assert repo.problems() == []
    verdict = repo.check()
    assert (verdict.problems, set(verdicts(verdict).values())) == ([], {"same"})
    assert verdict.conclusion == "reproduced"
    assert repo.git("status", "--porcelain") == ""
    shape.forge(repo)
    repo.commit("forged")
    assert kinds(repo.problems()) == shape.lock
    verdict = repo.check()
    assert kinds(verdict) == shape.check
    assert verdict.conclusion == "not reproduced"

"""Of which files of a commit the environment of a stage may be made."""

from pathlib import Path

import pytest

from samebits.proof.judging.pinned import Tree
from samebits.proof.repository.stages import Item, Stage


def stage(tree: Path, *deps: str, wdir: str = ".") -> Stage:
    items = [Item(dep, dep, None, True, False, None, None, None, False) for dep in deps]
    return Stage("one", "dvc.yaml", "true", ["true"], tree / wdir, items, [], [], None, False, True, False)


def tree(top: Path, below: str = ".", **files: str) -> Tree:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    (top / below).mkdir(parents=True, exist_ok=True)
    return Tree(top / below, top)


@pytest.mark.parametrize(
    ("path", "deps", "wdir", "setup", "counts"),
    [
        ("requirements.txt", [], ".", "", True),
        ("src/requirements.txt", [], ".", "", False),
        ("src/requirements.txt", ["src/train.py"], ".", "", True),
        ("src/requirements.txt", ["src"], ".", "", True),
        ("src/requirements.txt", ["src/models/train.py"], ".", "", True),
        ("src/requirements.txt", [], "src", "", True),
        ("docs/requirements.txt", ["src/train.py", "data.csv"], ".", "", False),
        ("docs/requirements.txt", ["docs/requirements.txt"], ".", "", True),
        ("docs/requirements.txt", [], ".", "pip install -r docs/requirements.txt", True),
        ("docs/requirements.txt", [], ".", "pip install --requirement='docs/requirements.txt'", True),
        ("src/constraints.txt", ["src/train.py"], ".", "", True),
        ("src/environment.yml", ["src/train.py"], ".", "", True),
        ("src/poetry.lock", ["src/train.py"], ".", "", True),
    ],
)
def test_files_that_lie_near_a_stage_or_are_named_count(
    tmp_path: Path, path: str, deps: list[str], wdir: str, setup: str, counts: bool
) -> None:
    tree(tmp_path, **{path: "numpy==1.26\n", "src/train.py": "", "src/models/train.py": ""})
    found = Tree(tmp_path, tmp_path, [setup]).of_stage(stage(tmp_path, *deps, wdir=wdir))
    assert list(found) == ([path] if counts else [])
    assert list(Tree(tmp_path, tmp_path).anywhere()) == [path]


def test_files_that_others_include_count_wherever_they_lie(tmp_path: Path) -> None:
    one = tree(
        tmp_path,
        **{
            "requirements.txt": "-r env/base.txt\n--constraint=env/limits.txt # why\n-rsame.txt\n",
            "env/base.txt": "numpy==1.26\n-r ../requirements.txt\n-r more.txt\n",
            "env/limits.txt": "scipy==1.10\n",
            "env/more.txt": "pandas==2.0\n",
            "same.txt": "torch==2.0\n",
            "env/other.txt": "dvc==1.0\n",
        },
    )
    found = one.of_stage(stage(tmp_path))
    assert {name for each in found.values() for name in each} == {"numpy", "scipy", "pandas", "torch"}


def test_nothing_outside_of_the_commit_is_read(tmp_path: Path) -> None:
    outside = tmp_path / "constraints.txt"
    outside.write_text("numpy==1.26\n")
    one = tree(tmp_path / "top", "inner", **{"inner/requirements.txt": f"-r ../../constraints.txt\n-c {outside}\n"})
    (tmp_path / "top" / "requirements-linked.txt").symlink_to(outside)
    assert list(one.of_stage(stage(one.root, "../../constraints.txt"))) == ["requirements.txt"]
    assert list(one.anywhere()) == ["requirements.txt"]

"""The examples in docstrings, run in a copy of the project with its models."""

import doctest
import os
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import BIN, ROOT, Project

MODULES = [path for path in sorted((ROOT / "samebits").rglob("*.py")) if ">>> " in path.read_text()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what DVC uses
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_gives_what_it_says(path: Path, trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained.root)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert doctest.testmod(module).failed == 0


def test_the_public_doors_have_examples() -> None:
    doors = {"exact/estimator", "exact/ridge_cv", "model/predictor", "model/schemes", "proof/reproduce"}
    doors |= {"proof/record/recorded", "quantization/rounding"}
    assert {str(path.relative_to(ROOT / "samebits").with_suffix("")) for path in MODULES} >= doors

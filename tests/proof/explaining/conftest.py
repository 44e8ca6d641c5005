"""A repository to plant a cause in."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import made_once
from tests.proof.explaining.planted import Two, usual


@pytest.fixture
def repo(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """A copy of the usual repository."""
    made = made_once(tmp_path_factory, "explained", usual)  # type: ignore[arg-type]
    shutil.copytree(made.root, tmp_path / "repo", symlinks=True)
    return Two.there(tmp_path / "repo")

"""The pattern of a rule, against what git itself takes from a .gitignore."""

import subprocess
from pathlib import Path

import pytest

from samebits.proof.settings import Rule

PATTERNS = ["a", "eval/*.json", "*", "**", "**/m.json", "eval/**", "a/**/b", "?.txt", "e*/m*", "eval/"]
PATHS = ["a", "a/b", "a/x/b", "a/x/y/b", "b.txt", "cc.txt", "eval/m.json", "eval/x/m.json", "m.json", "x/a", ".hidden"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_what_it_means_to_git(tmp_path: Path, pattern: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(f"/{pattern}\n")
    for path in PATHS:
        command = ["git", "check-ignore", "-q", "--no-index", path]
        ignored = subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
        assert Rule(path=pattern, compare="equal").fits(path) == ignored, path


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("eval/*.json", "eval/m.json", True),
        ("eval/*.json", "eval/x/m.json", False),  # * stays within a folder
        ("eval/**/m.json", "eval/x/y/m.json", True),  # ** does not
        ("eval/**/m.json", "eval/m.json", True),
        ("models", "models/x/m.zip", True),  # a folder holds what is in it
        ("models/", "models/m.zip", True),
        ("./m.json", "m.json", True),
        ("m.json", "eval/m.json", False),  # from the folder of the settings on
        ("!m.json", "m.json", False),
        ("#m.json", "#m.json", True),
        ("a[1].json", "a[1].json", True),  # these stand for themselves
        ("a\\", "a\\", True),
        ("a ", "a ", True),
    ],
)
def test_a_pattern_begins_at_the_settings(pattern: str, path: str, fits: bool) -> None:
    assert Rule(path=pattern, compare="equal").fits(path) == fits


@pytest.mark.parametrize(
    ("pattern", "folder", "may"),
    [
        ("data/*.zip", "data", True),
        ("data", "data/x", True),
        ("**/m.json", "data", True),
        ("models/*.zip", "data", False),
    ],
)
def test_a_pattern_may_fit_what_is_in_a_folder(pattern: str, folder: str, may: bool) -> None:
    assert Rule(path=pattern, compare="equal").may_fit_in(folder) == may

"""The command line as a whole; what a subcommand does is tested in its room."""

import os
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest

from samebits.__main__ import COMMANDS
from tests.conftest import ROOT, Project

EXTRAS = {
    **dict.fromkeys(("init", "lock", "check", "verify", "report", "claims", "explain", "merge"), "check"),
    **dict.fromkeys(("predict", "serve"), "serve"),
    "image": "image",
}


def test_each_subcommand_is_a_file() -> None:
    files = {path.stem for path in (ROOT / "samebits" / "commands").glob("*.py")} - {"__init__"}
    assert set(COMMANDS) == files


@pytest.mark.parametrize("name", COMMANDS)
def test_without_its_packages_a_subcommand_says_which_extra_has_them(project: Project, name: str) -> None:
    done = project.run("python", "-S", "-m", "samebits", name, check=False)  # -S: no package that was installed
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: samebits {name} needs ")
    extra = EXTRAS.get(name, "pipeline")
    assert done.stderr.endswith(
        f"which is not installed: install samebits with the extra [{extra}] "
        "(in a clone: make dev; source .venv/bin/activate)\n"
    )


@pytest.mark.parametrize("command", [["check", "--html"], ["lock", "--annotations"], ["verify", "-", "--markdown"]])
def test_a_file_that_cannot_be_written_is_told_before_anything_runs(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "gone").symlink_to("nowhere")
    parser = ArgumentParser()
    import_module(f"samebits.commands.{command[0]}").add_arguments(parser)
    for path in ("file", "new", "new/folder/file"):
        parser.parse_args([*command[1:], str(tmp_path / path)])
    for path, message in (
        (".", "is not a file"),
        ("gone", "is not a file"),
        ("file/new", "is not a writable folder"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args([*command[1:], str(tmp_path / path)])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args([*command[1:], os.devnull])


def test_help_needs_nothing(project: Project) -> None:
    text = project.run("python", "-S", "-m", "samebits", "--help").stdout
    assert all(f"    {name} " in text for name in COMMANDS)


def test_a_misspelt_subcommand_is_an_error_with_the_right_ones(project: Project) -> None:
    done = project.run("python", "-m", "samebits", "chekc", check=False)
    assert done.returncode == 2
    assert "invalid choice: 'chekc' (choose from 'init', 'lock', 'check'," in done.stderr


def test_a_misspelt_option_is_an_error_with_the_right_ones(project: Project) -> None:
    done = project.run("python", "-m", "samebits", "check", "--comit", "HEAD", check=False)
    assert done.returncode == 2
    assert "usage: samebits check [-h] [--all]" in done.stderr
    assert "unrecognized arguments: --comit" in done.stderr

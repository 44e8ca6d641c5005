"""What a release needs: its notes, and a README that an index can show."""

import base64
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from samebits import __version__
from tests.conftest import ROOT
from tools import changelog, dist


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The files that name a version."""
    (tmp_path / "samebits").mkdir()
    (tmp_path / "samebits" / "__init__.py").write_text('__version__ = "1.2.0"  # here\n')
    (tmp_path / "CITATION.cff").write_text("version: 1.2.0\n")
    text = "# Changelog\n\n## 1.2.0\n\n- New.\n\n### More\n\n- Old.\n\n## 1.2\n\n- No.\n"
    (tmp_path / "CHANGELOG.md").write_text(text)
    return tmp_path


def test_the_notes_are_the_section_of_the_version(release: Path) -> None:
    assert changelog.notes("v1.2.0", release) == "- New.\n\n### More\n\n- Old."
    (release / "CHANGELOG.md").write_text("## Unreleased\n\n- New.\n\n## 1.2.0 (2026-01-02)\n- Last.")
    assert changelog.notes("v1.2.0", release) == "- Last."


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("samebits/__init__.py", '__version__ = "1.3.0"', "tag v1.2.0, but samebits/__init__.py has version 1.3.0"),
        ("CITATION.cff", "version: 1.1.0\n", "tag v1.2.0, but CITATION.cff has version 1.1.0"),
        ("CHANGELOG.md", "## Unreleased\n\n- New.\n\n## 1.2.01\n\n- Else.\n", "says nothing under `## 1.2.0`"),
        ("CHANGELOG.md", "## 1.2.0\n\n## 1.1.0\n\n- Old.\n", "says nothing under `## 1.2.0`"),
    ],
)
def test_a_release_whose_files_do_not_agree_is_an_error(release: Path, file: str, text: str, told: str) -> None:
    (release / file).write_text(text)
    with pytest.raises(SystemExit, match=re.escape(told)):
        changelog.notes("v1.2.0", release)


def test_this_version_has_notes() -> None:
    command = [sys.executable, str(ROOT / "tools" / "changelog.py"), f"v{__version__}"]
    assert re.search("^- ", subprocess.run(command, capture_output=True, text=True, check=True).stdout, re.MULTILINE)


def test_no_link_of_the_readme_is_dead_on_an_index() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = dist.absolute(readme, "https://github.com/OWNER/samebits", "v9.9.9")
    paths = re.findall(r"\]\(https://github\.com/OWNER/samebits/(blob|raw)/v9\.9\.9/([^)#]+)", shown)
    assert ("raw", "docs/bits.svg") in paths
    assert ("blob", "docs/exact.md") in paths
    assert all((ROOT / path).is_file() for _, path in paths)
    assert all(link.startswith(("https://", "#")) for link in re.findall(r"\]\(([^)]+)\)", shown))


BUILD = "import sys; sys.path.insert(0, 'tools'); import backend; print(backend.build_wheel(sys.argv[1]))"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What an sdist has, in a folder."""
    for name in ("samebits", "tools"):
        shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "source")
    return tmp_path / "source"


def built(source: Path, to: Path, compiler: str) -> Path:
    to.mkdir()
    environment = os.environ | {"CC": compiler}
    command = [sys.executable, "-c", BUILD, str(to)]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=True)
    return to / done.stdout.splitlines()[-1]


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_a_wheel_has_compiled_moments_and_two_builds_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    first, second = (built(source, tmp_path / name, "cc") for name in "ab")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    tag = first.name.removesuffix(".whl").split("-", 2)[2]
    assert re.fullmatch(r"py3-none-(linux|macosx|win)\w+", tag)
    with zipfile.ZipFile(first) as wheel:
        [record] = [name for name in wheel.namelist() if name.endswith("/RECORD")]
        for path, digest, size in csv.reader(wheel.read(record).decode().splitlines()):
            if path != record:
                content = wheel.read(path)
                made = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
                assert (digest, int(size)) == (f"sha256={made}", len(content))
        assert f"Tag: {tag}\n" in wheel.read(record.replace("RECORD", "WHEEL")).decode()
        assert {"samebits/exact/compiled/planes.so", "samebits/model/dots.so"} < set(wheel.namelist())


def test_a_wheel_without_a_compiler_is_for_all_platforms(source: Path, tmp_path: Path) -> None:
    wheel = built(source, tmp_path / "wheels", "no-such-compiler")
    assert wheel.name == f"samebits-{__version__}-py3-none-any.whl"
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")]

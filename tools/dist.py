"""Build wheels and sdist of HEAD twice, compare every byte, put them into dist: python tools/dist.py REPOSITORY.

A wheel with the compiled library is compared, too, but not kept: an index takes only those that cibuildwheel builds.

REPOSITORY is the URL under which the links of README.md lead to the files of the release: a package index shows it, but
not what it links to.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from samebits import __version__

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
TWINE = "twine==7.0.0"
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s]+)\)")
PICTURES = (".svg", ".png")
# Two builds must not differ though their surroundings do
SURROUNDINGS = (
    ("first", 0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"}),
    ("a second one", 0o077, {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
)


def main(repository: str) -> None:
    """Build, compare, inspect the wheel. Raises SystemExit if something is wrong."""
    if not (at := address(repository)):
        sys.exit(
            f"error: {repository or 'no repository'}: the links of README.md need the URL of the repository: REPOSITORY=https://..."
        )
    time = _git("log", "-1", "--format=%ct")
    with tempfile.TemporaryDirectory(prefix="dist-") as folder:
        builds = []
        for name, umask, environment in SURROUNDINGS:
            clone = Path(folder) / name / "samebits"
            _git("clone", "--quiet", str(ROOT), str(clone))
            readme = clone / "README.md"
            readme.write_text(absolute(readme.read_text(), at, f"v{__version__}"))
            command = ["uv", "build", "--quiet", "--out-dir", str(clone / "dist")]
            machine = os.environ | environment | {"SOURCE_DATE_EPOCH": time}
            for more in (["--wheel"], []):
                no_compiler = {} if more else {"CC": "false"}
                subprocess.run(command + more, cwd=clone, env=machine | no_compiler, umask=umask, check=True)
            builds.append({path.name: path for path in (clone / "dist").glob("samebits-*")})
        first, second = ({name: path.read_bytes() for name, path in build.items()} for build in builds)
        if first != second or len(first) != 3:
            different = [name for name in first.keys() | second.keys() if first.get(name) != second.get(name)]
            sys.exit(f"error: two builds differ in {', '.join(sorted(different)) or 'the number of files'}")
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        for path in builds[0].values():
            if path.name.endswith(("-any.whl", ".tar.gz")):
                shutil.copy(path, DIST)
            if path.suffix == ".whl":
                _look_into(path)
    subprocess.run(["uv", "tool", "run", "--quiet", TWINE, "check", "--strict", *DIST.iterdir()], check=True)
    print(f"{', '.join(sorted(first))}: two builds gave the same bytes")


def address(repository: str) -> str:
    """The address on the web of what git calls the origin of a clone; empty where it has none."""
    found = re.sub(r"^git@([^:]+):", r"https://\1/", repository).removesuffix(".git")
    return found if found.startswith("https://") else ""


def absolute(readme: str, repository: str, tag: str) -> str:
    """A README whose links lead to a tag of a repository of GitHub."""

    def link(found: re.Match[str]) -> str:
        kind = "raw" if found[1].endswith(PICTURES) else "blob"
        return f"]({repository}/{kind}/{tag}/{found[1]})"

    return LINK.sub(link, readme)


def _look_into(wheel: Path) -> None:
    """Raise SystemExit unless a wheel holds exactly the package files that git tracks, and its platform's libraries."""
    tracked = set(_git("ls-files", "samebits").split("\n"))
    if not wheel.name.endswith("-any.whl"):
        tracked |= {"samebits/exact/compiled/planes.so", "samebits/model/dots.so"}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    if held != tracked:
        sys.exit(f"error: {wheel.name} and git differ in {', '.join(sorted(held ^ tracked))}")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(*(sys.argv[1:] or [""]))

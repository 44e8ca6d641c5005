"""Print what CHANGELOG.md says of a release, the notes for its page: python tools/changelog.py v1.2.3.

It ends with an error where the tag is not the version in samebits/__init__.py and CITATION.cff, or has no section.
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """The section of a tag. Raises SystemExit where it is not that of the release that the files describe."""
    version = tag.removeprefix("v")
    versions = {
        "samebits/__init__.py": _of_package(root),
        "CITATION.cff": yaml.safe_load((root / "CITATION.cff").read_text())["version"],
    }
    for name, there in versions.items():
        if tag != f"v{there}":
            sys.exit(f"error: tag {tag}, but {name} has version {there}; its tag is v{there}")
    changelog = (root / "CHANGELOG.md").read_text()
    found = re.search(rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        sys.exit(f"error: CHANGELOG.md says nothing under `## {version}`; what is unreleased goes there")
    return found[1].strip()


def _of_package(root: Path) -> str:
    found = re.search(r'^__version__ = "(.+?)"', (root / "samebits" / "__init__.py").read_text(), re.MULTILINE)
    return found[1] if found else "none"


if __name__ == "__main__":
    print(notes(sys.argv[1]))

"""Print what CHANGELOG.md says of a release, the notes for its page: python tools/changelog.py v1.2.3.

It ends with an error where the tag is not that of the version in pyproject.toml and CITATION.cff, or has no section.
"""

import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """The section of a tag. Raises SystemExit where it is not that of the release that the files describe."""
    version = tag.removeprefix("v")
    versions = {
        "pyproject.toml": tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"],
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


if __name__ == "__main__":
    print(notes(sys.argv[1]))

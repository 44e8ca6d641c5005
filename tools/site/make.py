"""Build the site of docs/ into site/: python -m tools.site.make REPOSITORY [URL], in the environment of `make docs`.

docs/ is written for readers on the code host. For the site, README.md becomes its first page and a notebook a page; a
comment `<!-- api: NAME -->` becomes the documentation of NAME; a link to a file that is no page leads to REPOSITORY.
URL is the address of the site.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tools.dist import LINK, address

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
README, DOCS, OUT = ROOT / "README.md", ROOT / "docs", ROOT / "site"
WORK = ROOT / ".venv" / "docs" / "work"
PLACEHOLDER = "https://github.com/OWNER/samebits"  # in a clone whose origin has no address on the web
FENCE = re.compile(r" *(```|~~~)")
API = re.compile(r"^<!-- api: (\S+) -->$")


def main(repository: str, url: str = "") -> None:
    """Write the pages, then build. Raises SystemExit if a link is broken or a page loads something from elsewhere."""
    repository = address(repository) or PLACEHOLDER
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.rmtree(OUT, ignore_errors=True)
    for source in sources():
        target = WORK / "docs" / place(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_page(source):
            target.write_text(page(source, repository))
        else:
            shutil.copy(source, target)
    shutil.copy(HERE / "wide.css", WORK / "docs")
    settings = (HERE / "zensical.toml").read_text()
    for name, value in {"REPOSITORY": repository, "ROOT": str(ROOT), "URL": url}.items():
        settings = settings.replace(f'"{name}"', json.dumps(value))
    (WORK / "zensical.toml").write_text(settings)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    if status := subprocess.run(command, cwd=WORK, check=False).returncode:
        sys.exit(status)
    shutil.move(WORK / "site", OUT)
    for each in OUT.rglob("*.html"):
        if found := loaded_from_elsewhere(each.read_text()):
            sys.exit(f"error: {each.relative_to(ROOT)} loads from elsewhere: {found[0]}")
    print(f"Wrote {(OUT / 'index.html').relative_to(ROOT)}")


def sources() -> list[Path]:
    """The files that the site consists of."""
    return [README, *filter(Path.is_file, DOCS.rglob("*"))]


def is_page(source: Path) -> bool:
    """Whether a file becomes a page; others stay as they are."""
    return source.suffix in (".md", ".ipynb")


def place(source: Path) -> PurePosixPath:
    """The path in the site of a file of the repository."""
    if source == README:
        return PurePosixPath("index.md")
    path = PurePosixPath(source.relative_to(DOCS).as_posix())
    return path.with_suffix(".md") if path.suffix == ".ipynb" else path


def page(source: Path, repository: str) -> str:
    """A document of the repository as a page of the site. Raises SystemExit where a link of it is broken."""
    text, lines = source.read_text(), []
    for line, is_code in told_apart(markdown(json.loads(text)) if source.suffix == ".ipynb" else text):
        if not is_code:
            line = LINK.sub(lambda found: f"]({link(source, found[1], repository)})", line)
            line = API.sub(r"::: \1", line)
        lines.append(line)
    return "\n".join(lines) + "\n"


def told_apart(text: str) -> Iterator[tuple[str, bool]]:
    """The lines of Markdown, each with whether it belongs to a block of code."""
    fenced = False
    for line in text.splitlines():
        fence = bool(FENCE.match(line))
        fenced ^= fence
        yield line, fenced or fence


def link(source: Path, to: str, repository: str) -> str:
    """The target in the site of a relative link in a document."""
    path, hash_, anchor = to.partition("#")
    target = Path(os.path.normpath(source.parent / path))
    if not target.exists():
        sys.exit(f"error: {source.relative_to(ROOT)}: a link to {path}, which does not exist")
    if target == README or (target.is_file() and target.is_relative_to(DOCS)):
        return os.path.relpath(place(target), place(source).parent).replace(os.sep, "/") + hash_ + anchor
    return f"{repository}/{'tree' if target.is_dir() else 'blob'}/main/{target.relative_to(ROOT).as_posix()}"


def loaded_from_elsewhere(html: str) -> list[str]:
    """The tags of a page that make a browser load something from another host."""
    tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", html)
    return [tag for tag in tags if re.search(r"(?:src|href)=[\"']?(?:https?:)?//", tag) and "canonical" not in tag]


def markdown(notebook: dict[str, Any]) -> str:
    """A notebook as Markdown: its text, its code and what the code printed."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        printed = "".join(line for output in cell.get("outputs", []) for line in output.get("text", []))
        parts += [f"```text\n{printed.rstrip()}\n```"] if printed else []
    return "\n\n".join(parts)


if __name__ == "__main__":
    main(*sys.argv[1:])

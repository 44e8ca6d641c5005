"""The documents against the tree: where their links lead, and what they name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDERS = ("benchmarks", "docs", "samebits", "stages", "tests", "tools")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_anchor_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert ROOT in target.parents, link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_of_the_docs_is_linked() -> None:
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    assert {page for page in PAGES if page.parent == ROOT / "docs"} <= linked


def test_a_heading_has_the_anchor_that_a_code_host_gives_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# DVC's own `example`\n\n## A_b, c - d\n\n```\n# code\n```\n\n## A_b, c - d\n[a](#b)\n`[x](y)`\n")
    assert anchors(page) == {"dvcs-own-example", "a_b-c---d", "a_b-c---d-1"}
    assert links(page) == ["#b"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_in_the_tree_that_a_page_names_exists(page: Path) -> None:
    for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", page.read_text()):
        named = ROOT / path
        assert named.exists() or (named.stem == "NAME" and named.parent.is_dir()), path


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def test_the_architecture_page_draws_the_rooms_of_the_tree() -> None:
    [drawing] = re.findall(r"^samebits/$(.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    drawn = {name for line in drawing.splitlines() for name in re.split(r"\s{2,}", line.strip())[0].split()}
    assert all((ROOT / "samebits" / name).exists() for name in drawn)
    assert {f"{path.parent.name}/" for path in (ROOT / "samebits").glob("*/__init__.py")} <= drawn


def test_the_architecture_page_lists_the_modules_of_the_tree() -> None:
    top, room, listed = ROOT / "samebits", "", set[str]()
    for first, modules, _ in rows("| room | modules |"):
        room = first or room
        folder = "" if room == "ground floor" else f"{room.strip('`')}/"
        listed |= {f"{folder}{module}.py" for module in re.findall(r"`(\w+)`", modules)}
    there = {
        path.relative_to(top).as_posix() for pattern in ("*.py", "*/*.py", "*/*/*.py") for path in top.glob(pattern)
    }
    assert listed == {path for path in there if not re.match(r"commands/|proof/|.*__\w+__\.py", path)}
    rooms = {first.strip("`") for first, _ in rows("| room of `proof` |")}
    assert rooms == {path.parent.name for path in top.glob("proof/*/__init__.py")}


def test_the_data_flow_of_the_architecture_page_names_modules() -> None:
    found = re.findall(r"`(\w+/\w+)`", table("| stage | reads |"))
    assert len(found) > 10
    assert all((ROOT / "samebits" / f"{each}.py").exists() for each in found)


def test_the_extension_points_of_the_architecture_page_exist() -> None:
    text = table("| new | write |")
    found = re.findall(r"(`[\w.]+`(?:(?:, | or | and )`[\w.]+`)*) in `(samebits/[\w/]+\.py)`", text)
    assert len(found) == text.count(" in `samebits/") > 8
    for names, path in found:
        defined = set(definitions(ast.parse((ROOT / path).read_text())))
        assert defined.issuperset(re.findall(r"`([\w.]+)`", names)), path


def table(header: str) -> str:
    """A table of the architecture page, by how its first line begins."""
    [found] = re.findall(rf"^{re.escape(header)}.*?(?=\n\n)", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    return found


def rows(header: str) -> list[list[str]]:
    """The cells of a table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table(header).splitlines()[2:]]


def definitions(module: ast.Module) -> Iterator[str]:
    """The names that a module defines, and those of its classes after a dot."""
    for node in module.body:
        for name in names_of(node):
            yield name
            if isinstance(node, ast.ClassDef):
                yield from (f"{name}.{inner}" for each in node.body for inner in names_of(each))


def names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def links(page: Path) -> list[str]:
    """The relative links of a page, in prose."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub and GitLab make them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if number == 0 else f"{slug}-{number}" for slug, count in found.items() for number in range(count + 1)}


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)

"""What `make docs` makes of the documents."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.site import make


def test_every_page_is_once_in_the_menu_of_the_site() -> None:
    def leaves(menu: object) -> Iterator[str]:
        if isinstance(menu, str):
            yield menu
        elif isinstance(menu, dict | list):
            for each in menu.values() if isinstance(menu, dict) else menu:
                yield from leaves(each)

    menu = tomllib.loads((ROOT / "tools" / "site" / "zensical.toml").read_text())["project"]["nav"]
    assert Counter(leaves(menu)) == Counter(str(make.place(each)) for each in make.sources() if make.is_page(each))


def test_links_lead_within_the_site_where_they_can_and_else_to_the_repository() -> None:
    def to(source: str, link: str) -> str:
        return make.link(ROOT / source, link, "https://example.com/us/repo")

    assert to("README.md", "docs/proof.md#strict") == "proof.md#strict"
    assert to("README.md", "docs/bits.svg") == "bits.svg"
    assert to("docs/proof.md", "ci.md") == "ci.md"
    assert to("docs/proof.md", "../README.md") == "index.md"
    assert (
        to("docs/ci.md", "../.github/workflows/ci.yml")
        == "https://example.com/us/repo/blob/main/.github/workflows/ci.yml"
    )
    assert to("README.md", "data/raw/") == "https://example.com/us/repo/tree/main/data/raw"
    with pytest.raises(SystemExit, match=r"docs/ci\.md: a link to \.\./nothing\.yml, which does not exist"):
        to("docs/ci.md", "../nothing.yml")


def test_a_page_of_the_site_keeps_code_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "ROOT", tmp_path)
    monkeypatch.setattr(make, "DOCS", tmp_path)
    (tmp_path / "one.md").write_text(
        "# One\n\n<!-- api: a.B -->\n\n```python\nx = f[a](two.md)\n<!-- api: a.B -->\n```\n"
    )
    assert make.page(tmp_path / "one.md", "") == (
        "# One\n\n::: a.B\n\n```python\nx = f[a](two.md)\n<!-- api: a.B -->\n```\n"
    )
    cells = [
        {"cell_type": "markdown", "source": ["# Two\n", "\n", "[One](one.md#one)"]},
        {"cell_type": "code", "source": ["print(1)"], "outputs": [{"text": ["1\n"]}]},
        {"cell_type": "code", "source": ["pass"], "outputs": []},
    ]
    (tmp_path / "two.ipynb").write_text(json.dumps({"cells": cells}))
    assert make.page(tmp_path / "two.ipynb", "") == (
        "# Two\n\n[One](one.md#one)\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\npass\n```\n"
    )


def test_what_a_page_loads_from_elsewhere_is_seen() -> None:
    here = '<link rel="canonical" href="https://a.b/"><script src="c.js"></script><a href="https://d.e/">f</a>'
    elsewhere = [
        '<script src="https://g.h/i.js">',
        "<link rel=stylesheet href='//j.k/l.css'>",
        "<img src=http://m.n/o>",
    ]
    assert make.loaded_from_elsewhere(here + "".join(elsewhere)) == elsewhere

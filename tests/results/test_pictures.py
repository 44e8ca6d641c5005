import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser import emulate
from tests.conftest import ROOT, Project

PLOTS = [
    (name, plot) for each in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"] for name, plot in each.items()
]
PENALTY = "cross-validated error against the penalty"  # empty where alpha is a number
INTERVALS = "standardised coefficients and their 95 % intervals"  # empty of a ridge fit, which has none
CLASSES = {"ROC curve of the quantized model", "calibration of the quantized model", "probabilities by class"}  # empty
DRAWN = {name for name, _ in PLOTS} - {PENALTY} - CLASSES
WIDTH, HEIGHT = 560, 380  # of the frame of docs/bits.svg
SVG = "{http://www.w3.org/2000/svg}"


class Picture:
    """What `samebits results --picture` draws."""

    def __init__(self, project: Project) -> None:
        project.run("python", "-m", "samebits", "results", "--picture", "bits.svg")
        self.svg = ElementTree.parse(project.root / "bits.svg").getroot()
        self.texts = [str(each.text) for each in self.svg.iter(f"{SVG}text")]

    def points(self, mark: str) -> list[tuple[float, float]]:
        """Where the points of a group of marks stand, from the top left of the frame."""
        groups = [each for each in self.svg.iter(f"{SVG}g") if mark in each.get("class", "").split()]
        moves = [each.get("transform", "") for group in groups for each in group.iter(f"{SVG}path")]
        found = [re.fullmatch(r"translate\(([-0-9.]+),\s*([-0-9.]+)\)", move) for move in moves]
        return [(float(each[1]), float(each[2])) for each in found if each]


def changed(project: Project, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Picture:
    path = project.root / "plots" / "bits.json"
    path.write_text(json.dumps([{**row, **change(row)} for row in json.loads(path.read_text())]))
    return Picture(project)


def heights(picture: Picture, scheme: int = 0) -> list[float]:
    """Those of the 15 best codes of a scheme, by bits."""
    points = picture.points("mark-symbol")
    return [y for _, y in points[15 * scheme : 15 * (scheme + 1)]]


def test_the_picture_shows_the_loss_on_a_logarithmic_axis(project: Project) -> None:
    picture = Picture(project)
    assert {"1e-2", "1e-4", "1e-6", "1e-8"} <= {each.replace("\N{MINUS SIGN}", "-") for each in picture.texts}
    assert "the assignment, as published" in picture.texts  # the whole name
    assert "8 bits" in picture.texts
    assert "all of R2 lost: no better than the mean" in picture.texts
    rows = [row for row in json.loads((project.root / "plots" / "bits.json").read_text()) if row["rounding"] == "exact"]
    highest, lowest = (pick(rows, key=lambda row: row["train_loss"]) for pick in (max, min))
    assert (highest["scheme"], lowest["scheme"]) == ("unified_affine", "per_channel_pow2")
    by_bits = heights(picture, scheme=2)  # per_channel_pow2
    assert by_bits == sorted(by_bits)  # the loss never rises
    assert by_bits[-1] - by_bits[0] > HEIGHT / 3  # 2 bits and 16 are far apart


@pytest.mark.parametrize("unit", [1e-9, 1e3])
def test_the_ranges_are_those_of_the_data(project: Project, unit: float) -> None:
    other = {"test_r2": 0.9, "train_r2": 0.9}
    picture = changed(
        project, lambda row: {"train_loss": row["train_loss"] * unit, "payload_bits": row["bits"], **other}
    )
    points = picture.points("mark-symbol")
    assert len(points) >= 5 * 15
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert max(y for _, y in points) - min(y for _, y in points) > HEIGHT / 2


@pytest.mark.parametrize("loss", [0.0, -1e-9])
def test_what_loses_nothing_stands_at_the_bottom_and_is_named(project: Project, loss: float) -> None:
    assert "down here: nothing lost" not in Picture(project).texts
    picture = changed(project, lambda row: {"train_loss": loss} if row["bits"] >= 12 else {})
    assert "down here: nothing lost" in picture.texts
    by_bits = heights(picture, scheme=2)
    assert len(set(by_bits[10:])) == 1
    assert max(by_bits[:10]) < by_bits[10] <= HEIGHT
    assert changed(project, lambda _: {"train_loss": 0.0, "train_r2": -1.0}).points("mark-symbol")


def test_no_plot_lays_one_series_on_another() -> None:
    assert [name for name, plot in PLOTS if any(isinstance(fields, list) for fields in plot["y"].values())] == []


def test_the_page_of_the_plots_is_fresh(project: Project) -> None:
    page = project.root / "samebits" / "results" / "templates" / "page.html"
    before = page.read_bytes()
    page.unlink()
    subprocess.run([sys.executable, project.root / "tools/plots_page/make.py"], check=True)
    assert page.read_bytes() == before, "run `make readme`"
    assert len(before) < 1_000_000


def test_the_page_of_the_plots_needs_no_network_and_says_its_charset(project: Project) -> None:
    project.run("dvc", "plots", "show", "--out", "page")
    head, *_ = (page := (project.root / "page" / "index.html").read_text()).partition("<script>")
    assert '<meta charset="utf-8">' in head
    assert not re.findall(r"<(?:script|iframe)[^>]* src=|<link|@import", page)
    assert page.count("vegaEmbed('#") == len(PLOTS)
    assert "University of Washington Interactive Data Lab" in head  # the licences are there


def opened(browser: webdriver.Chrome, page: Path) -> list[str]:
    """The texts of a page's pictures, once they are drawn."""
    browser.get(page.as_uri())
    WebDriverWait(browser, 20).until(lambda driver: len(driver.find_elements(By.TAG_NAME, "svg")) == len(DRAWN))
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    return browser.execute_script("return [...document.querySelectorAll('svg text')].map((each) => each.textContent)")


@pytest.mark.container
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_without_network_draws_all_plots(
    project: Project, browser: webdriver.Chrome, width: int, scheme: str
) -> None:
    project.run("dvc", "plots", "show", "--out", "page")
    emulate(browser, width, scheme)
    texts = opened(browser, project.root / "page" / "index.html")
    assert set(texts) & {PENALTY, *DRAWN} == DRAWN
    assert "\N{MINUS SIGN}1" in texts
    assert not any("\N{LATIN SMALL LETTER A WITH CIRCUMFLEX}" in each for each in texts)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    paper = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    assert paper.startswith("rgba(255, 255, 255") == (scheme == "light")


@pytest.mark.container
def test_a_browser_tells_revisions_apart(reproduced: Project, browser: webdriver.Chrome) -> None:
    project = reproduced
    project.git("checkout", "-q", "-b", "four-bits")
    project.replace("params.yaml", "bits: 8", "bits: 4")
    project.run("dvc", "repro")
    project.run("dvc", "plots", "diff", "main", "--out", "page")
    emulate(browser, 1200, "light")
    texts = opened(browser, project.root / "page" / "index.html")
    assert {"8 bits", "4 bits"} <= set(texts)
    assert all(texts.count(rev) >= len(DRAWN) for rev in ("main", "workspace"))
    drawn = browser.execute_script("return [...document.querySelectorAll('svg')].map((each) => each.outerHTML)")
    assert all(f'"{colour}"' in each for each in drawn for colour in ("#945dd6", "#13adc7"))  # DVC's own of the two


@pytest.mark.container
def test_a_browser_draws_the_curve_of_the_penalty(reproduced: Project, browser: webdriver.Chrome) -> None:
    project = reproduced
    project.replace("params.yaml", "alpha: 0.0", "alpha: [0, 0.5, 8, 100, 1000]")
    project.run("dvc", "repro")
    project.run("dvc", "plots", "show", "--out", "page")
    emulate(browser, 1200, "light")
    texts = opened(browser, project.root / "page" / "index.html")
    assert {"alpha = 8", "0"} <= set(texts)
    assert set(texts) & {PENALTY, *DRAWN} == {PENALTY, *DRAWN} - {INTERVALS}

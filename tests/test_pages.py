"""Pages as a browser shows them: on a phone, in the dark, on paper."""

import base64
import re
from pathlib import Path

import pytest
from selenium import webdriver

from samebits.proof.telling import page
from samebits.proof.verdict import Verdict
from tests.browser import emulate
from tests.proof.test_page import HOSTILE, of_graph, verdict_of

pytestmark = pytest.mark.container

# For each element with a text of its own: the text, its colour and the colours behind it, from the nearest on
COLOURS = """
const colour = (text) => { const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const texts = [...element.childNodes].filter((node) => node.nodeType == Node.TEXT_NODE);
  const own = texts.map((node) => node.textContent.trim()).join("");
  if (!own || !element.checkVisibility() || ["title", "desc", "style"].includes(element.tagName)) continue;
  const drawn = element instanceof SVGElement, style = getComputedStyle(element), behind = [];
  if (drawn) behind.push(colour(getComputedStyle(document.querySelector("svg rect")).fill));
  for (let each = element; each && !drawn; each = each.parentElement)
    behind.push(colour(getComputedStyle(each).backgroundColor));
  found.push([own, colour(drawn ? style.fill : style.color), behind]);
}
return found;
"""


def many() -> Verdict:
    nodes: dict[str, tuple[list[str], list[str]]] = {
        f"stage-{number}": ([f"folder/out-{number - 1}.json"] if number % 7 else [], [f"folder/out-{number}.json"])
        for number in range(60)
    }
    return of_graph(nodes)


def shown(browser: webdriver.Chrome, checked: Verdict, folder: Path) -> None:
    (folder / "page.html").write_text(page.render(checked))
    browser.get((folder / "page.html").as_uri())


@pytest.mark.parametrize("word", ["word", *HOSTILE])
def test_nothing_runs_and_nothing_is_wider_than_a_phone(browser: webdriver.Chrome, tmp_path: Path, word: str) -> None:
    emulate(browser, 375, "light")
    shown(browser, verdict_of(word), tmp_path)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_a_large_graph_scrolls_by_itself(browser: webdriver.Chrome, tmp_path: Path) -> None:
    emulate(browser, 375, "light")
    shown(browser, many(), tmp_path)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
    wide, seen = browser.execute_script(
        "const g = document.querySelector('.graph'); return [g.scrollWidth, g.clientWidth]"
    )
    assert wide > 2 * seen
    heights = "return [...document.querySelectorAll('svg text')].map((each) => each.getBoundingClientRect().height)"
    assert min(browser.execute_script(heights)) > 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser: webdriver.Chrome, tmp_path: Path, scheme: str) -> None:
    """A contrast of 4.5, as WCAG 2.2 asks for under 1.4.3."""
    emulate(browser, 1200, scheme)
    shown(browser, verdict_of("word"), tmp_path)
    found = browser.execute_script(COLOURS)
    assert len(found) > 60
    assert {text: contrast(ink, behind) for text, ink, behind in found if contrast(ink, behind) < 4.5} == {}
    dark = luminance(browser.execute_script(COLOURS)[0][2][-2]) < 0.5
    assert dark == (scheme == "dark")


def test_on_paper_all_is_there(browser: webdriver.Chrome, tmp_path: Path) -> None:
    emulate(browser, 1200, "dark")
    shown(browser, many(), tmp_path)
    options = {"preferCSSPageSize": True, "printBackground": True}
    paper = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", options)["data"])
    sizes = re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", paper)
    assert len(sizes) > 2
    assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}  # A4, in points
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    emulated = {"width": 688, "height": 1000, "deviceScaleFactor": 1, "mobile": False}  # what the margins of A4 leave
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulated)
    try:
        widest = (
            "return Math.max(...[...document.querySelectorAll('body *')].map((e) => e.getBoundingClientRect().right))"
        )
        assert browser.execute_script(widest) <= 688
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def contrast(ink: list[int], behind: list[list[int]]) -> float:
    """Of a colour on others, each on the next, the last on white."""
    ground = [255.0, 255.0, 255.0]
    for *colour, alpha in reversed(behind):
        ground = [(one * alpha + other * (255 - alpha)) / 255 for one, other in zip(colour, ground, strict=True)]
    lighter, darker = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[int] | list[float]) -> float:
    linear = [each / 255 / 12.92 if each <= 10 else ((each / 255 + 0.055) / 1.055) ** 2.4 for each in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

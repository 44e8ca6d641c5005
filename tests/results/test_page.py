"""The results as a page: what it says, where its pictures come from, and that no name adds to it but words."""

import base64
import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests import pages
from tests.browser import emulate
from tests.conftest import ROOT, Project

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=//example.com/x onerror=alert(1)>',
    "{{ 7 * 7 }}<DVC_METRIC_TITLE>",
    "' onmouseover='alert(1)",
    "名前",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "w" * 500,
]


class Parsed(pages.Parsed):
    """A page with the rows of its tables."""

    def __init__(self, text: str) -> None:
        self.rows: list[list[str]] = []
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if {"td", "th"} & {*self.within}:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        shown = [text for tag, text in self.texts if tag not in ("script", "style")]
        return " ".join(" ".join(shown).split())

    def scripts(self) -> list[str]:
        return [text for tag, text in self.texts if tag == "script"]

    def drawings(self) -> Any:
        [found] = [text for text in self.scripts() if text.startswith("{")]
        return json.loads(found)

    def row(self, name: str, cells: int) -> list[str]:
        [found] = [row[1:] for row in self.rows if row[0] == name and len(row) == cells + 1]
        return found


def page_of(project: Project) -> Parsed:
    project.run("python", "-m", "samebits", "results", "--html", "page.html")
    return Parsed((project.root / "page.html").read_text())


@contextmanager
def changing(path: Path) -> Iterator[Any]:
    value = json.loads(path.read_text())
    yield value
    path.write_text(json.dumps(value))


def size(number: int) -> float:
    """Of the coefficient of a feature; no two are equal, and they do not come in order."""
    return (number * 7919 % 1000 + 1) / 100


def write_csv(path: Path, rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def rename(project: Project, names: list[str]) -> None:
    """Results of as many features as there are names, of different sizes, and of a target with the last name."""
    with changing(project.root / "metrics/coefficients.json") as fit:
        intercept, first, *_ = fit["coefficients"]
        features = [{**first, "name": name, "std_ratio": size(number)} for number, name in enumerate(names)]
        fit.update(coefficients=[intercept, *features], target=names[-1])
    effects = [(name, 0.5, 0.4, 0.6) for name in names]
    write_csv(project.root / "plots/intervals.csv", [("feature", "effect", "low", "high"), *effects])
    parameters = [(name, side, 0.5) for side in ("before", "after") for name in (*names, "(intercept)")]
    write_csv(project.root / "plots/coefficients.csv", [("parameter", "quantization", "value"), *parameters])
    ranges = {name: {"min": 0.0, "mean": 0.5, "max": 1.0} for name in names}
    (project.root / "models").mkdir(exist_ok=True)
    (project.root / "models/card.json").write_text(json.dumps({"features": ranges}))


def test_a_page_says_what_the_files_hold(project: Project) -> None:
    page = page_of(project)
    metrics = json.loads((project.root / "metrics/evaluate.json").read_text())
    assert page.text.startswith("A linear model of MedHouseVal")
    assert f"{metrics['float']['r2']:.4f}" in page.text
    assert f"{metrics['bytes']} bytes" in page.text
    difference = f"{metrics['quant']['r2'] - metrics['float']['r2']:+.2g}".replace("-", "\N{MINUS SIGN}")
    assert f"{difference} against float64, on the same rows" in page.text
    assert f"On the training rows, quantization loses {metrics['loss_ppm']:.3g} millionths of R2." in page.text
    fit = json.loads((project.root / "metrics/coefficients.json").read_text())
    for each in fit["coefficients"]:
        estimate, error, t, p, low, high, *_ = page.row(each["name"], 9)
        told = [float(text.lstrip("< ")) for text in (estimate, error, t, low, high)]
        assert told == pytest.approx([each[key] for key in ("estimate", "std_error", "t", "low", "high")], rel=1e-3)
        assert p == "< 1e-323" if each["p_value"] == 0 else float(p) == pytest.approx(each["p_value"], rel=1e-2)
    assert "assume errors that are independent, of the same variance and normal" in page.text
    with (project.root / "plots/coefficients.csv").open() as file:
        for row in csv.DictReader(file):
            cells = page.row(row["parameter"], 4)
            assert float(cells[0 if row["quantization"] == "before" else 1]) == float(row["value"])
    [quantized] = [row for row in page.rows if row[0] == "8 bits, per_channel_pow2, exact"]
    assert float(quantized[1]) == pytest.approx(metrics["quant"]["r2"], abs=1e-7)
    headings = [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1


def test_a_page_says_where_it_comes_from(project: Project) -> None:
    page = page_of(project)
    assert project.git("rev-parse", "HEAD").strip() in page.text
    assert "as in the commit" in page.text
    assert "dvc.lock is the record of a run of this tree" in page.text
    assert hashlib.sha256((project.root / "dvc.lock").read_bytes()).hexdigest() in page.text
    assert "numpy 2" in page.text
    for stage, entry in yaml.safe_load((project.root / "dvc.lock").read_text())["stages"].items():
        for out in entry.get("outs", []):
            here = "the same" if (project.root / out["path"]).exists() else "not here"
            assert [stage, out["path"], out["md5"], f"{out['size']:,}", here] in page.rows
    project.replace("metrics/torch.json", "{", "{ ")
    project.replace("params.yaml", "bits: 8", "bits: 7")
    page = page_of(project)
    assert "has changes that no commit holds: metrics/torch.json , params.yaml" in page.text
    assert "dvc.lock is not the record of a run of this tree" in page.text
    assert [row[-1] for row in page.rows if row[1] == "metrics/torch.json"] == ["differs"]


def test_the_pictures_are_those_of_dvc_yaml(project: Project) -> None:
    plots = [item for each in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"] for item in each.items()]
    empty = ("penalty.json", "roc.csv", "calibration.csv", "scores.csv")  # of this model
    by_title = {title: plot for title, plot in plots if not any(name in str(plot) for name in empty)}
    page = page_of(project)
    captions = ["".join(text for tag, text in page.texts if tag == "figcaption")]
    for title, plot in by_title.items():
        assert title[1:] in captions[0]
        assert any(plot["x_label"] in json.dumps(spec) for spec in page.drawings()["specs"])
    assert len(page.drawings()["specs"]) == len(by_title)
    assert page.drawings()["data"]["plots/bits.json"] == json.loads((project.root / "plots/bits.json").read_text())
    assert '"rev"' not in json.dumps([each.get("encoding", {}).get("color") for each in page.drawings()["specs"]])
    project.replace("dvc.yaml", "loss of quantization:", "a title of mine <b>:\n      x_label: mine\n      # was loss:")
    project.replace("dvc.yaml", "      x_label: stored bits of all parameters\n", "")
    page = page_of(project)
    assert "A title of mine <b>" in page.text
    assert '"title": "mine"' in json.dumps(page.drawings()["specs"])


def test_what_is_not_there_leaves_no_hole(project: Project) -> None:
    page = page_of(project)
    assert "The penalty" not in page.text
    assert "Features in the training rows" not in page.text
    with changing(project.root / "metrics/coefficients.json") as fit:
        for each in fit["coefficients"]:
            each.update(dict.fromkeys(("std_error", "t", "p_value", "low", "high", "vif", "std_ratio")))
        none = ("adjusted_r2", "residual_std", "df_residual", "f", "f_p_value", "log_likelihood", "aic", "bic")
        fit.update(dict.fromkeys(none), alpha=2.5, condition_number=None, notes=["a note <b>"])
    (project.root / "plots/intervals.csv").write_text("feature,effect,low,high\n")
    curve = [{"alpha": alpha, "error": 2 + alpha, "spread": 0.5, "chosen": alpha == 2.5} for alpha in (0.0, 2.5)]
    (project.root / "plots/penalty.json").write_text(json.dumps(curve))
    page = page_of(project)
    assert "Ridge regression with alpha = 2.5, solved exactly" in page.text
    assert page.row("MedInc", 2)[0] == "0.448675"
    assert not {"t", "VIF", "97.5 %"} & {header for row in page.rows for header in row}
    assert "adjusted R2" not in page.text
    assert "assume errors" not in page.text
    assert "a note <b>" in page.text
    assert "Of 2 penalties, cross-validation over 5 folds chose alpha = 2.5." in page.text
    assert page.row("0", 2) == ["2", "0.5"]
    files = [spec["data"]["name"] for spec in page.drawings()["specs"]]
    assert "plots/penalty.json" in files
    assert "plots/intervals.csv" not in files


def test_of_very_many_features_the_largest_stand_first(project: Project) -> None:
    names = [f"feature {number}" for number in range(300)]
    rename(project, names)
    page = page_of(project)
    largest = sorted(names, key=lambda name: size(names.index(name)), reverse=True)[:30]
    assert [row[0] for row in page.rows if len(row) == 10][:31] == ["", "(intercept)", *largest[:29]]
    assert {row[0] for row in page.rows if len(row) == 10} >= {*names}
    drawn = page.drawings()["data"]
    assert [row["feature"] for row in drawn["plots/intervals.csv"]] == largest
    assert {row["parameter"] for row in drawn["plots/coefficients.csv"]} == {"(intercept)", *largest}


def test_no_name_changes_the_tags_of_a_page_and_nothing_is_loaded(project: Project) -> None:
    rename(project, [f"name {number}" for number in range(len(HOSTILE))])
    harmless = page_of(project)
    rename(project, HOSTILE)
    page = page_of(project)
    assert [(tag, [*given]) for tag, given in page.tags] == [(tag, [*given]) for tag, given in harmless.tags]
    assert {row[0] for row in page.rows} >= {*HOSTILE[:6], "\\u202egnp.exe", HOSTILE[7]}
    assert [row["feature"] for row in page.drawings()["data"]["plots/intervals.csv"]][:6] == HOSTILE[:6]
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in (project.root / "page.html").read_text()
    assert not {"img", "link", "iframe", "object", "base", "form"} & {*dict(page.tags)}
    assert not [name for _, given in page.tags for name in given if name == "src" or name.startswith("on")]
    links = [given["href"] or "" for _, given in page.tags if "href" in given]
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= {given.get("id") for _, given in page.tags}
    [style] = [text for tag, text in page.texts if tag == "style"]
    assert not re.search(r"url\(|@import|//", style)
    [policy] = [given["content"] for _, given in page.tags if "http-equiv" in given]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.scripts()[1:]]
    assert len(hashes) == 2
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


def test_the_same_tree_gives_the_same_page(project: Project) -> None:
    page_of(project)
    before = (project.root / "page.html").read_bytes()
    page_of(project)
    assert (project.root / "page.html").read_bytes() == before
    assert len(before) < 1_200_000
    assert project.git("status", "--porcelain") == ""


def test_results_that_are_not_there_are_a_mistake_of_one_line(project: Project) -> None:
    (project.root / "metrics/coefficients.json").unlink()
    line = project.mistake("python", "-m", "samebits", "results", "--html", "page.html")
    assert "metrics/coefficients.json: No such file or directory; `dvc repro` writes" in line
    assert not (project.root / "page.html").exists()


def test_the_widths_are_the_best_codes_of_the_chosen_scheme(project: Project) -> None:
    curve = json.loads((project.root / "plots/bits.json").read_text())
    best = [row for row in curve if row["scheme"] == "per_channel_pow2" and row["rounding"] == "exact"]
    expected = {
        str(row["bits"]): [
            str((row["payload_bits"] + 7) // 8),
            f"{row['train_loss']:.3g}",
            f"{row['test_r2']:.7f}",
            "proved" if row["optimal"] else "",
        ]
        for row in best
    }
    page = page_of(project)
    assert {row[0]: row[1:] for row in page.rows if len(row) == 5 and row[0] in expected} == expected
    assert len(expected) == 15


def test_large_errors_are_numbers_that_one_reads(project: Project) -> None:
    for rmse, told in {74548.34: "74,550", 1234567.8: "1,235,000", 0.7456: "0.7456"}.items():
        with changing(project.root / "metrics/evaluate.json") as metrics:
            metrics["quant"]["rmse"] = rmse
        assert f"8 bits {told} typical error" in page_of(project).text


@pytest.mark.container
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_a_browser_draws_it_without_a_word(
    project: Project, browser: webdriver.Chrome, width: int, scheme: str
) -> None:
    rename(project, [*HOSTILE, *(f"name {number}" for number in range(90))])
    page_of(project)
    emulate(browser, width, scheme)
    browser.get((project.root / "page.html").as_uri())
    drawn = len({*browser.find_elements(By.CSS_SELECTOR, "[data-drawing]")})
    assert drawn == 6  # those of the residuals need the features of the sample
    WebDriverWait(browser, 30).until(
        lambda driver: len(driver.find_elements(By.CSS_SELECTOR, "[data-drawing] svg")) == drawn
    )
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ink = "return getComputedStyle(document.querySelector('svg .role-axis-title text')).fill"
    assert browser.execute_script(ink) == {"light": "rgb(28, 36, 48)", "dark": "rgb(230, 233, 238)"}[scheme]

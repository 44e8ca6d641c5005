"""The results of the last run as a page to look at."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from samebits import artifacts, html, params
from samebits.markdown import printable
from samebits.results import diagnostics, kinds, plots, provenance, table
from samebits.results.kinds import Kind
from samebits.results.plots import Plot, Rows

MOST = 30  # features beside the intercept that a picture and a table show; the rest of a table is folded
INTERCEPT = "(intercept)"
CARD = "models/card.json"
POINTS = "training rows"  # the name of their data
SECTIONS = {  # by the file that a plot shows
    "plots/intervals.csv": "coefficients",
    "plots/roc.csv": "predictions",
    "plots/calibration.csv": "predictions",
    "plots/scores.csv": "predictions",
    "plots/predictions.csv": "predictions",
    "plots/penalty.json": "penalty",
    "plots/bits.json": "bits",
    "plots/coefficients.csv": "parameters",
}


class Table(NamedTuple):
    """Texts under headers; of each row, the first is its name."""

    headers: Sequence[str]
    rows: list[list[str]]

    @property
    def first(self) -> list[list[str]]:
        """The rows that are seen at once."""
        return self.rows[: MOST + 1]

    @property
    def rest(self) -> list[list[str]]:
        """The rows that are folded."""
        return self.rows[len(self.first) :]


class Query(NamedTuple):
    """What the comments of data.query say: warnings, and columns that are left out, each with why."""

    warnings: list[str]
    left_out: list[tuple[str, str]]

    @classmethod
    def of(cls, query: str) -> "Query":
        """What `samebits use` wrote into a query."""
        warnings = re.findall(r"^\s*-- warning: (.+)$", query, re.MULTILINE)
        return cls(warnings, re.findall(r"^\s*-- left out: (.+?): (.+)$", query, re.MULTILINE))


class Scripts(NamedTuple):
    """What draws: a library with its licences, and how this page calls it; what a browser may run, for its policy."""

    licences: str
    library: str
    own: str

    @property
    def allowed(self) -> str:
        """The hashes of the scripts, as a Content-Security-Policy names them."""
        digests = [hashlib.sha256(each.encode()).digest() for each in (self.library, self.own)]
        return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)


def render(record: Sequence[str], order: np.ndarray | None = None) -> str:
    """The page of what metrics/ and plots/ hold.

    record: lines that say whether dvc.lock is the record of this tree. order: (n,), the places of the training rows in
    the table, from 0, in the order in which they are kept, where that is known.
    """
    fit = artifacts.read_json("metrics/coefficients.json")
    ranks = by_influence(fit["coefficients"])
    kind = kinds.of(fit)
    drawn = [
        each for each in plots.drawn(partial(_prepared, ranks=ranks)) if (each.file, each.field) not in kind.hidden
    ]
    sections: dict[str, list[tuple[int, Plot]]] = {name: [] for name in (*SECTIONS.values(), "others")}
    for place, plot in enumerate(drawn):
        sections[SECTIONS.get(plot.file, "others")].append((place, plot))
    for of in sections.values():
        of.sort(key=lambda each: [*SECTIONS].index(each[1].file) if each[1].file in SECTIONS else 0)
    scripts = _scripts()
    options, metrics = params.load(), artifacts.read_json("metrics/evaluate.json")
    labels = options.train.classes
    found = diagnostics.of(fit, order)
    drawings = {plot.file: plot.spec["data"]["values"] for plot in drawn}
    specs = [*map(_lean, drawn)]
    residuals: list[tuple[int, str]] = []
    if found and found.points:
        drawings[POINTS] = found.points
        for title, spec in diagnostics.specifications():
            if "leverage" in found.points[0] or "everage" not in title:
                residuals.append((len(specs), title))
                specs.append({**spec, "data": {"name": POINTS}})
    return html.render(
        "results/page.html",
        kind=kind,
        alpha=fit["alpha"] if "alpha" in fit else _alpha(options.train.alpha),
        options=options,
        splits=params.SPLITS,
        settings=artifacts.read_bytes(params.FILE).decode(),
        counts=artifacts.read_json("metrics/data.json"),
        metrics=metrics,
        quantize=artifacts.read_json("metrics/quantize.json"),
        fit=fit,
        facts=facts(fit, found.facts if found else {}, kind),
        query=Query.of(options.data.query),
        looks=found.features if found else [],
        width=4 * diagnostics.BARS,
        duplicates=found.duplicates if found else None,
        residuals=residuals,
        points=len(found.points) if found else 0,
        number=number,
        features=_features() if Path(CARD).exists() else None,
        coefficients=coefficients(fit, ranks, kind),
        models=Table(*table.of_models()),
        confusion=confusion(metrics["quant"]["confusion"], labels) if "confusion" in metrics["quant"] else None,
        labels=labels,
        rows=table.rows(),
        penalty=penalty(artifacts.read_json("plots/penalty.json"), kind),
        bits=bits(artifacts.read_json("plots/bits.json"), kind),
        parameters=parameters(plots.read("plots/coefficients.csv"), ranks),
        sections=sections,
        cut=len(ranks) > MOST + 1,
        most=MOST,
        drawings=_json({"data": drawings, "specs": specs}),
        scripts=scripts,
        record=record,
        commit=provenance.commit(),
        changed=provenance.changed(),
        outputs=list(provenance.outputs()),
        digests={path: provenance.sha256(path) for path in (artifacts.LOCK, params.FILE, provenance.PINS)},
        pins=provenance.pins(),
    )


def by_influence(coefficients: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The place of each name: of few, as they come; of many, by falling size, standardised where that is known."""
    names = [each["name"] for each in coefficients]
    if len(names) > MOST + 1:
        known = any(each["std_ratio"] for each in coefficients)
        sizes = {
            each["name"]: abs(each["estimate"] * ((each["std_ratio"] or 0) if known else 1)) for each in coefficients
        }
        names.sort(key=lambda name: math.inf if name == INTERCEPT else sizes[name], reverse=True)
    return {name: place for place, name in enumerate(names)}


def coefficients(fit: dict[str, Any], ranks: dict[str, int], kind: Kind) -> Table:
    """The estimates and what is known of them; a column of which nothing is known is left out."""
    known = [each for each in kind.coefficients if any(each.value(row) is not None for row in fit["coefficients"])]
    ordered = sorted(fit["coefficients"], key=lambda each: ranks[each["name"]])
    cells = [[row["name"], *(number(each.value(row), each.how) for each in known)] for row in ordered]
    return Table(["", *(each.header for each in known)], cells)


def facts(fit: dict[str, Any], residuals: dict[str, float], kind: Kind) -> dict[str, str]:
    """What is known of the whole fit, by name."""
    found = {name: number(fit[key], how) for name, (key, how) in kind.facts.items()}
    found |= {name: number(value, ".4g") for name, value in residuals.items()}
    return {name: text for name, text in found.items() if text}


def confusion(counts: Mapping[str, int], labels: Sequence[str]) -> Table:
    """How many test rows of a class get which."""
    rows = [("tn", "fp"), ("fn", "tp")]
    cells = []
    for place, (label, keys) in enumerate(zip(labels, rows, strict=True)):
        right, both = counts[keys[place]], sum(counts[key] for key in keys)
        share = f"{100 * right / both:.1f} %" if both else ""
        cells.append([label, *(f"{counts[key]:,}" for key in keys), share])
    return Table(["actual", *(f"predicted {label}" for label in labels), "right"], cells)


def penalty(curve: Rows, kind: Kind) -> Table:
    """The penalties that were tried."""
    rows = [
        [number(each["alpha"], ".6g"), number(each["error"], ".7g"), number(each["spread"], ".3g")] for each in curve
    ]
    return Table(["alpha", kind.error, "spread of the folds"], rows)


def bits(curve: Rows, kind: Kind) -> Table:
    """The best codes of each width, in the scheme that was chosen."""
    scheme = next((row["scheme"] for row in curve if row["chosen"]), None)
    best = [row for row in curve if row["scheme"] == scheme and row["rounding"] == "exact"]
    rows = [
        [
            str(row["bits"]),
            str((row["payload_bits"] + 7) // 8),
            *(number(each.value(row), each.how) for each in kind.widths),
            "proved" if row["optimal"] else "",
        ]
        for row in sorted(best, key=lambda row: row["bits"])
    ]
    headers = ["bits a weight", "parameters, bytes", *(each.header for each in kind.widths), "best codes"]
    return Table(headers, rows)


def parameters(rows: Rows, ranks: dict[str, int]) -> Table:
    """The parameters before and after quantization."""
    before, after = ([each for each in rows if each["quantization"] == side] for side in ("before", "after"))
    cells = []
    for one, other in sorted(zip(before, after, strict=True), key=lambda pair: ranks[pair[0]["parameter"]]):
        was, became = float(one["value"]), float(other["value"])
        relative = number((became - was) / abs(was), "+.2%") if was else ""
        cells.append([one["parameter"], repr(was), repr(became), number(became - was, "+.3g"), relative])
    return Table(["", "float64", "quantized", "change", "relative"], cells)


def number(value: float | None, how: str) -> str:
    """A number as a text; none where there is none.

    how: as for `format`; p for a probability, which is never 0; s for four significant digits.
    """
    if value is None:
        return ""
    if how == "p":
        return number(value, ".3g") if value else "< 1e-323"
    if how == "s":
        return format(float(f"{value:.4g}"), ",.9g")
    return format(value, how)


def _alpha(setting: object) -> float:
    """The penalty: that of the settings, or the one that cross-validation chose."""
    if isinstance(setting, float):
        return setting
    return float(artifacts.read_json("metrics/train.json")["cross_validation"]["alpha"])


def _features() -> Table:
    """The ranges of the features, from the card of the model."""
    ranges = artifacts.read_json(CARD)["features"]
    cells = [[name, *(number(each[key], ".6g") for key in ("min", "mean", "max"))] for name, each in ranges.items()]
    return Table(["feature", "least", "mean", "greatest"], cells)


def _prepared(rows: Rows, ranks: dict[str, int]) -> Rows:
    """The rows of a picture: of very many features those that matter most, and no character that nobody sees."""
    key = next((key for key in ("feature", "parameter") if rows and key in rows[0]), None)
    if key and len(ranks) > MOST + 1:
        rows = [row for row in rows if ranks.get(row[key], MOST + 1) <= MOST]
        rows.sort(key=lambda row: ranks[row[key]])
    return [{name: printable(of) if isinstance(of, str) else of for name, of in row.items()} for row in rows]


def _lean(plot: Plot) -> dict[str, Any]:
    """A specification whose title and data stand elsewhere on the page."""
    kept = {key: of for key, of in plot.spec.items() if key not in ("title", "$schema")}
    return {**kept, "data": {"name": plot.file}}


def _json(value: Any) -> str:
    """JSON in which nothing ends the element that holds it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _scripts() -> Scripts:
    held = (plots.TEMPLATES / "page.html").read_text("utf-8")  # it holds the library that draws
    licences = re.search(r"<!--(.*?)-->", held, re.DOTALL)
    library = re.search(r"<script>(.*?)</script>", held, re.DOTALL)
    assert licences, held[:99]
    assert library, held[:99]
    return Scripts(licences[1].strip(), library[1], (Path(__file__).parent / "page.js").read_text("utf-8"))

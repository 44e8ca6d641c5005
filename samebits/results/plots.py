"""The plots of dvc.yaml, from its templates, labels and data, as `dvc plots show` draws them of one revision."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dvc_render.vega import VegaRenderer
from ruamel.yaml import YAML

from samebits import artifacts

Rows = list[dict[str, Any]]
TEMPLATES = Path(__file__).parent / "templates"  # of the plots, and of the page that `dvc plots` writes


class Plot(NamedTuple):
    """A plot: the file and the field that it shows, and its specification in Vega-Lite, with its data in it."""

    title: str
    file: str
    field: str
    spec: dict[str, Any]


def drawn(prepare: Callable[[Rows], Rows] = list) -> Iterator[Plot]:
    """The plots of one field of one file, where it has rows. prepare: gives the rows that a picture shows."""
    for each in YAML(typ="safe").load(artifacts.read_bytes("dvc.yaml")).get("plots") or []:
        for title, plot in each.items() if isinstance(each, Mapping) else ():
            sources = plot.get("y") if plot else None
            if not isinstance(sources, Mapping) or len(sources) != 1:
                continue
            [(file, field)] = sources.items()
            if isinstance(field, str) and (rows := prepare(read(file))):
                shown = {**plot, "y": field, "title": title, "template_dir": str(TEMPLATES)}
                spec = VegaRenderer(rows, title, **shown).get_filled_template()
                yield Plot(title, file, field, _of_one_revision(spec))


def read(file: str) -> Rows:
    """The rows of a CSV file, as texts, or of a JSON file."""
    if file.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(artifacts.read_bytes(file).decode())))
    return list(artifacts.read_json(file))


def _of_one_revision(spec: Any) -> Any:
    """A part of a specification without what tells revisions apart, where there is one."""
    if isinstance(spec, list):
        return [_of_one_revision(each) for each in spec]
    if not isinstance(spec, dict):
        return spec
    if _is_of_revisions(spec.get("facet")):
        spec = {key: of for key, of in spec.items() if key not in ("facet", "columns", "spec")} | spec["spec"]
    kept = {key: of for key, of in spec.items() if not _is_of_revisions(of) and not (key == "color" and of == {})}
    if kept.get("for") == "offset":
        del kept["for"]  # a row is not divided among revisions
    return {key: of if key == "values" else _of_one_revision(of) for key, of in kept.items()}


def _is_of_revisions(channel: Any) -> bool:
    return isinstance(channel, dict) and channel.get("field") == "rev"

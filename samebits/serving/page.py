"""The page for people: one file without external parts, the model's card inside."""

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from samebits.model.predictor import FOR_THE_PAGE, Predictor
from samebits.model.schema import Schema
from samebits.serving.tensors import datatype


@dataclass(frozen=True)
class Page:
    """HTML, and the Content-Security-Policy that lets only its own script and style run."""

    text: str
    policy: str


def render(name: str, predictor: Predictor, schema: Schema | None) -> Page:
    """The page for a model served under `name`. schema: of the table, if the server takes raw rows."""
    html = files("samebits.serving").joinpath("page.html").read_text("utf-8")
    script, style = (html.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("script", "style"))
    data = {
        **predictor.info(),
        **{key: predictor.card[key] for key in FOR_THE_PAGE},
        "name": name,
        "head": predictor.head,
        "columns": _columns(schema) if schema else None,
    }
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; connect-src 'self'"
    text = html.replace('"DATA"', json.dumps(data).replace("<", "\\u003c"))  # so that no </script> ends it
    return Page(text, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def _columns(schema: Schema) -> dict[str, Any]:
    """What the page asks for: by the names of the table's columns, what is known of them, and how they are sent."""
    return {name: {**vars(of), "datatype": datatype(of.type)} for name, of in schema.columns.items() if of.needed}


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

"""The page for people: one file without external parts, the model's card inside."""

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files

from samebits.model.predictor import FOR_THE_PAGE, Predictor


@dataclass(frozen=True)
class Page:
    """HTML, and the Content-Security-Policy that lets only its own script and style run."""

    text: str
    policy: str


def render(name: str, predictor: Predictor) -> Page:
    """The page for a model served under `name`."""
    html = files("samebits.serving").joinpath("page.html").read_text("utf-8")
    script, style = (html.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("script", "style"))
    data = {
        **predictor.info(),
        **{key: predictor.card[key] for key in FOR_THE_PAGE},
        "name": name,
        "head": predictor.head,
    }
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; connect-src 'self'"
    text = html.replace('"DATA"', json.dumps(data).replace("<", "\\u003c"))  # so that no </script> ends it
    return Page(text, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

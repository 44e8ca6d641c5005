"""Pages for people: one file each, in one frame and style, that loads nothing and in which no text opens a tag."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from samebits.markdown import printable


def render(template: str, **values: object) -> str:
    """A page. template: its path in this package; it extends `page.html`, which says what it may fill in."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """A text from outside without invisible characters, such as those that change the text direction."""
    return printable(value, "\n") if isinstance(value, str) and not isinstance(value, Markup) else value

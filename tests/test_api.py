"""The public names, and the page of the documents that describes them."""

import inspect
import re
import subprocess
import sys
from importlib import import_module

import pytest
from msgspec import StructMeta

from samebits import proof
from samebits.proof import verdict
from tests.conftest import ROOT

DOORS = ("samebits", "samebits.proof")
PAGE = ROOT / "docs" / "api.md"
ON_PAGE = re.findall(r"^### (\w+)$.*?^<!-- api: (\S+) -->$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def public() -> set[str]:
    return {f"{door}.{name}" for door in DOORS for name in import_module(door).__all__}


def test_every_public_name_is_on_the_page() -> None:
    parts = {f"{verdict.__name__}.{name}" for name, each in vars(verdict).items() if isinstance(each, StructMeta)}
    parts -= {f"{verdict.__name__}.{name}" for name in proof.__all__}
    assert public() | parts <= {path for _, path in ON_PAGE}


@pytest.mark.parametrize(("heading", "path"), ON_PAGE)
def test_what_the_page_describes_exists_and_is_documented(heading: str, path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    assert heading == name == found.__name__
    assert inspect.getdoc(found)


@pytest.mark.parametrize("door", DOORS)
def test_dir_lists_the_public_names_before_anything_is_imported(door: str) -> None:
    code = f"import sys, {door} as door; assert {{'sklearn', 'dvc'}}.isdisjoint(sys.modules); print(*dir(door))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(import_module(door).__all__) <= set(done.stdout.split())
    with pytest.raises(AttributeError, match=f"module '{door}' has no attribute 'nothing'"):
        _ = import_module(door).nothing

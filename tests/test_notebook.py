"""The notebook of the documents, run as a student would."""

import json
import platform
import re
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.notebook import run

NOTEBOOK = ROOT / "docs" / "why-your-laptop-disagrees-with-ci.ipynb"
WRITTEN_WITH = (3, 11)  # of Python: another one pickles otherwise
HASHES = r"\b[0-9a-f]{10}\b" if sys.version_info[:2] == WRITTEN_WITH else r"\b[0-9a-f]{10,}\b"  # of commits, or all
OF_THIS_RUN = rf"\(machine .*\)|{HASHES}"


@pytest.mark.slow
@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="it names kernels of x86-64")
def test_the_notebook_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To run it anew: python tools/notebook.py docs/why-your-laptop-disagrees-with-ci.ipynb."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    notebook = json.loads(NOTEBOOK.read_text())
    printed = run(notebook)
    models = {name: re.findall(r"^(\w{32})  model\.joblib$", printed[name], re.MULTILINE) for name in ("two", "exact")}
    assert [len(set(found)) for found in models.values()] == [2, 1]
    assert [len(found) for found in models.values()] == [2, 2]
    assert "Data and pipelines are up to date." in printed["forge"]
    assert "exit status 1" in printed["forged"]
    stored = {
        cell["id"]: "".join(line for each in cell["outputs"] for line in each["text"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    }
    del stored["two"], printed["two"]  # only what is exact is the same on every machine
    for name, text in stored.items():  # where a machine cannot do all that a check needs, its verdict says more
        assert set(re.sub(OF_THIS_RUN, "", text).splitlines()) <= set(
            re.sub(OF_THIS_RUN, "", printed[name]).splitlines()
        )

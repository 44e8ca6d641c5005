"""Run the notebooks of docs/ and keep what their cells print: python tools/notebook.py FILE..."""

import io
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

DATE = "2026-01-01T00:00:00+0000"  # of commits, which then have the same hash in every run


def run(notebook: dict[str, Any]) -> dict[str, str]:
    """Run the code of a notebook, cell after cell; what each cell printed, by its id."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = {}
    with patch.dict(os.environ, {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}):
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                with redirect_stdout(io.StringIO()) as output:
                    exec(compile("".join(cell["source"]), cell["id"], "exec"), names)  # noqa: S102 - our own notebook
                printed[cell["id"]] = output.getvalue()
    return printed


def main(files: list[str]) -> None:
    """Run notebooks and write them with what they printed."""
    for file in files:
        notebook = json.loads(Path(file).read_text())
        printed = run(notebook)
        for cell in notebook["cells"]:
            if lines := printed.get(cell["id"], "").splitlines(keepends=True):
                cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}]
        Path(file).write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

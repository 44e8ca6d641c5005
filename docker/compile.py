"""Compile what the program imports, and nothing else: the image starts faster and stays small.

Its own modules stay as they are, so that `make verify` compares what runs.
"""

import importlib.util
import os
import sys
from pathlib import Path
from py_compile import PycInvalidationMode, compile

PROGRAM = ["__main__", "commands.predict", "commands.serve", "model.probability", "serving.app"]
SERVER = ["lifespan.off", "loops.uvloop", "protocols.http.httptools_impl"]  # what it imports as it starts
IMAGE = Path("/image")  # the image's files are below it: packages, and the standard library of its Python
STDLIB = IMAGE / "usr/lib/python3.11"

if importlib.util.find_spec("duckdb"):
    PROGRAM += ["tables.cells"]
for name in [*(f"samebits.{each}" for each in PROGRAM), *(f"uvicorn.{each}" for each in SERVER)]:
    importlib.import_module(name)
found = sorted(str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None))
for file in map(Path, found):
    if file.is_relative_to(stdlib := Path(os.__file__).parent):
        file = STDLIB / file.relative_to(stdlib)
    if (
        file.is_relative_to(IMAGE)
        and IMAGE / "app/samebits" not in file.parents
        and file.suffix == ".py"
        and file.exists()
    ):
        runs_as = f"/{file.relative_to(IMAGE)}"
        compile(str(file), dfile=runs_as, doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)

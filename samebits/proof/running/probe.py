"""A program that the `python` of the stages runs: prints what it is, as JSON."""

import importlib.metadata
import json
import os
import platform
import site
import sys
from contextlib import suppress

found = {"python": platform.python_version()}
with suppress(ImportError):
    import numpy
    from threadpoolctl import threadpool_info

    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    kernels = [f"{each['internal_api']} {each.get('architecture', '')}".strip() for each in blas]
    threads = max((each["num_threads"] for each in blas), default=os.cpu_count() or 1)
    found |= {"blas": ", ".join(kernels) or "unknown", "threads": str(threads), "numpy": numpy.__version__}
packages, imports = {}, {}
paths: set[str] = set()
for each in importlib.metadata.distributions():
    # its `name` and `version` would each parse the whole file, with the description
    about = (each.read_text("METADATA") or each.read_text("PKG-INFO") or "").partition("\n\n")[0]
    head = dict(line.split(": ", 1) for line in about.splitlines() if line.startswith(("Name: ", "Version: ")))
    if len(head) == 2:
        packages[head["Name"].strip()] = head["Version"].strip()
if len(sys.argv) > 1:  # it takes a while
    with suppress(Exception):  # one broken package
        imports = {name: sorted(set(of)) for name, of in importlib.metadata.packages_distributions().items()}
own = [*site.getsitepackages(), site.getusersitepackages(), sys.prefix, sys.base_prefix]
for folder in {each for each in sys.path if each.endswith("-packages")}:
    with suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.endswith(".pth"):
                with open(path, errors="replace") as lines:
                    paths.update(line.strip() for line in lines if os.path.isabs(line.strip()))
            elif name.startswith("__editable__") and name.endswith(".py"):
                with open(path, errors="replace") as code:
                    paths.update(word for word in code.read().replace('"', "'").split("'") if os.path.isabs(word))
paths.update(each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(each))
outside = sorted(each for each in paths if not each.startswith(tuple(own)))
print(json.dumps({"machine": found, "packages": packages, "imports": imports, "paths": outside}))

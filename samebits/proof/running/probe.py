"""A program that the `python` of the stages runs: prints what it is, as JSON."""

import importlib.metadata
import json
import os
import platform
from contextlib import suppress

found = {"python": platform.python_version()}
with suppress(ImportError):
    import numpy
    from threadpoolctl import threadpool_info

    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    kernels = [f"{each['internal_api']} {each.get('architecture', '')}".strip() for each in blas]
    threads = max((each["num_threads"] for each in blas), default=os.cpu_count() or 1)
    found |= {"blas": ", ".join(kernels) or "unknown", "threads": str(threads), "numpy": numpy.__version__}
packages = {each.name: each.version for each in importlib.metadata.distributions() if each.name}
print(json.dumps({"machine": found, "packages": packages}))

"""Compile planes.c in place: python -m samebits.exact.compiled. Without a compiler, numpy computes the same bits."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("planes.c")
LIBRARY = SOURCE.with_suffix(".so")
FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC")  # no -ffast-math: it would flush subnormal numbers to zero


def compiled(*flags: str) -> Exception | None:
    """Compile with $CC, or cc; what went wrong, if anything did. The same source gives the same bytes."""
    try:
        with tempfile.TemporaryDirectory(dir=SOURCE.parent, prefix=".compiled-") as folder:
            command = [os.environ.get("CC", "cc"), *FLAGS, *flags, "-o", LIBRARY.name, str(SOURCE)]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            Path(folder, LIBRARY.name).replace(LIBRARY)  # processes that run keep the old one
    except (OSError, subprocess.CalledProcessError) as error:
        return error
    return None


def main() -> None:
    """Compile, and say what computes from now on."""
    from samebits.exact import kernel  # which needs numpy; the build of a wheel has none

    if error := compiled(*sys.argv[1:]):
        print(f"samebits: {SOURCE.name} is not compiled: {error}")
    print(f"samebits: {kernel()} sums up moments")


if __name__ == "__main__":
    main()

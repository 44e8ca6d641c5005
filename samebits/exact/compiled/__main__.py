"""Compile planes.c in place: python -m samebits.exact.compiled. Without a compiler, numpy computes the same bits."""

import os
import subprocess
import sys

from samebits.exact import compiled, kernel

SOURCE = compiled.LIBRARY.with_suffix(".c")
FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC")  # no -ffast-math: it would flush subnormal numbers to zero


def main() -> None:
    """Compile with $CC, or cc, and say what computes from now on."""
    new = compiled.LIBRARY.with_name(f"{compiled.LIBRARY.name}.{os.getpid()}.tmp")
    try:
        command = [os.environ.get("CC", "cc"), *FLAGS, *sys.argv[1:], "-o", str(new), str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True)
        new.replace(compiled.LIBRARY)  # processes that run keep the old one
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"samebits: {SOURCE.name} is not compiled: {error}")
    finally:
        new.unlink(missing_ok=True)
    print(f"samebits: {kernel()} sums up moments")


if __name__ == "__main__":
    main()

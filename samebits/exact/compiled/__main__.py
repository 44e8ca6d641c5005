"""Compile the C files in place: python -m samebits.exact.compiled. Without a compiler, numpy computes the same bits."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC")  # no -ffast-math: it would flush subnormal numbers to zero
SOURCES = {
    Path(__file__).with_name("planes.c"): (),
    Path(__file__).parents[2] / "model" / "dots.c": ("-ffp-contract=off",),
}
LIBRARIES = [source.with_suffix(".so") for source in SOURCES]


def compiled(*flags: str) -> Exception | None:
    """Compile with $CC, or cc; what went wrong, if anything did. The same source gives the same bytes."""
    compiler = os.environ.get("CC", "cc")
    try:
        with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".compiled-") as folder:
            for (source, its_own), library in zip(SOURCES.items(), LIBRARIES, strict=True):
                command = [compiler, *FLAGS, *its_own, *flags, "-o", library.name, str(source)]
                subprocess.run(command, cwd=folder, check=True, capture_output=True)
            for library in LIBRARIES:
                Path(folder, library.name).replace(library)  # processes that run keep the old one
    except (OSError, subprocess.CalledProcessError) as error:
        return error
    return None


def main() -> None:
    """Compile, and say what computes from now on."""
    from samebits.exact import kernel  # which needs numpy; the build of a wheel has none

    if error := compiled(*sys.argv[1:]):
        print(f"samebits: {', '.join(source.name for source in SOURCES)}: not compiled: {error}")
    print(f"samebits: {kernel()} sums up moments")


if __name__ == "__main__":
    main()

"""The build backend: flit's, with the C files compiled into the wheel where there is a compiler.

Their libraries do not use Python's API: a wheel that has them is for any Python of one platform, others are for all.
"""

import base64
import hashlib
import os
import runpy
import sysconfig
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from flit_core import buildapi
from flit_core.buildapi import *  # noqa: F403  the other hooks

COMPILER = Path(__file__).parents[1] / "samebits" / "exact" / "compiled" / "__main__.py"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build a wheel, the same bytes from the same files; its name."""
    compiler = runpy.run_path(str(COMPILER), run_name="compiler")  # the package itself needs numpy
    for library in compiler["LIBRARIES"]:
        library.unlink(missing_ok=True)
    if error := compiler["compiled"]():
        print(f"the C files are not compiled, numpy will compute: {error}")
    else:
        for source, library in zip(compiler["SOURCES"], compiler["LIBRARIES"], strict=True):
            os.utime(library, (source.stat().st_mtime,) * 2)
    name: str = buildapi.build_wheel(wheel_directory, config_settings, metadata_directory)
    return name if error else _of_this_platform(Path(wheel_directory, name))


def _of_this_platform(wheel: Path) -> str:
    """Rename a wheel for all platforms to one for this; its name."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    target = wheel.with_name(wheel.name.replace("-any.whl", f"-{platform}.whl"))
    with ZipFile(wheel) as old, ZipFile(target, "w") as new:
        replaced = (b"", b"")
        for member in old.infolist():  # RECORD, the last one, has the hash of WHEEL
            content = old.read(member).replace(*replaced) if member.filename.endswith("/RECORD") else old.read(member)
            if member.filename.endswith(".dist-info/WHEEL"):
                before = content
                content = content.replace(b"Root-Is-Purelib: true", b"Root-Is-Purelib: false")
                content = content.replace(b"-any\n", f"-{platform}\n".encode())
                replaced = (_record(before), _record(content))
            new.writestr(member, content)
    wheel.unlink()
    return target.name


def _record(content: bytes) -> bytes:
    """How RECORD describes a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return b"sha256=%s,%d" % (digest, len(content))

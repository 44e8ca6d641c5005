"""Install requirements files into the environment of this Python: python tools/install.py cpu FILE...

PyTorch on PyPI is, on Linux, a build with CUDA: several GB that this project never uses. So the build for CPUs comes
from PyTorch's own index, unless the first argument is `cuda`, pip has an index of its own set, or that index does not
answer.
"""

import platform
import subprocess
import sys
import urllib.request

INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 5
SETTINGS = ("index-url", "extra-index-url", "find-links", "no-index")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def main() -> int:
    """Install; returns the exit status of pip."""
    build, *files = sys.argv[1:]
    options: list[str] = []
    if platform.system() == "Linux" and build == "cpu":
        if reason := _reason_against():
            print(f"PyTorch from where pip takes it, on PyPI a build with CUDA: {reason}", file=sys.stderr)
        else:
            options = ["--extra-index-url", INDEX]
    requirements = [word for file in files for word in ("--requirement", file)]
    return subprocess.run([*PIP, "install", "--quiet", *options, *requirements], check=False).returncode


def _reason_against() -> str:
    """Why not to use PyTorch's own index, or nothing."""
    settings = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=True).stdout
    found = [name for name in SETTINGS if f".{name}=" in settings]
    if found:
        return f"pip has {found[0]} set"
    try:
        with urllib.request.urlopen(f"{INDEX}/torch/", timeout=SECONDS):  # noqa: S310  a constant
            return ""
    except OSError as error:
        return f"{INDEX} does not answer ({error})"


if __name__ == "__main__":
    sys.exit(main())

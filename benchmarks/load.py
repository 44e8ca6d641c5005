"""The server beside MLServer under load: requests a second, latency and memory, in docs/performance.md.

`python -m benchmarks.load` needs Linux, wrk and what is in benchmarks/requirements.txt; `make bench` installs the last.
"""

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from benchmarks import OTHERS, others_python, publish
from samebits import artifacts, markdown
from samebits.errors import UserError, run

CONNECTIONS = 64
SECONDS = 10  # of each turn: 10,000 requests and more
TURNS = 3
START_SECONDS = 60
ROW = [8.3252, 41.0, 6.984126984126984, 1.0238095238095237, 322.0, 2.5555555555555554, 37.88, -122.23]
BODY = json.dumps({"inputs": [{"name": "predict", "shape": [1, len(ROW)], "datatype": "FP64", "data": ROW}]})
SCRIPT = f"""
wrk.method, wrk.body = "POST", [[{BODY}]]
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency)
  local e = summary.errors
  print(summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.requests, e.connect + e.read + e.write + e.status + e.timeout)
end
"""


@dataclass
class Server:
    """A server that runs, and what was measured of it."""

    url: str
    pid: int
    turns: list[list[float]] = field(default_factory=list)  # requests/s, p50 and p99 in ms, requests, errors

    def load(self, script: Path, seconds: int) -> list[float]:
        """One turn of wrk."""
        options = [f"--connections={CONNECTIONS}", "--threads=1", f"--duration={seconds}s", f"--script={script}"]
        command = ["wrk", *options, f"{self.url}/v2/models/samebits/infer"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [float(value) for value in done.stdout.splitlines()[-1].split()]

    def memory(self) -> float:
        """MB, of the process and its children, with their share of what they share."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in family(self.pid)]
        return sum(int(text.partition("\nPss:")[2].split()[0]) for text in rollups) / 1e3


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from family(int(child))


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[Server]:
    """A server on that port, from when it is ready."""
    log = folder / "log.txt"
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            server = Server(f"http://127.0.0.1:{port}", process.pid)
            for _ in range(START_SECONDS * 10):
                try:
                    urllib.request.urlopen(f"{server.url}/v2/models/samebits/ready").close()  # noqa: S310  own URL
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                raise UserError(f"{command[0]}: not ready after {START_SECONDS} s: {log.read_text()[-500:]}")
            yield server
        finally:
            process.terminate()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def write_mlserver_settings(folder: Path, http: int, grpc: int, metrics: int) -> None:
    """The scikit-learn runtime with the model, in one process and without a log of requests, as it is fastest."""
    ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    settings = {"host": "127.0.0.1", **ports, "parallel_workers": 0, "debug": False}
    artifacts.write_json(settings, folder / "settings.json")
    model = {"uri": str(Path("models/model.joblib").absolute())}
    settings = {"name": "samebits", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": model}
    artifacts.write_json(settings, folder / "model-settings.json")


def main() -> None:
    """Measure, and write the table."""
    others_python()
    if not shutil.which("wrk"):
        raise UserError("wrk: not found; install it: apt install wrk, or brew install wrk")
    with ExitStack() as stack:
        ours, theirs = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2))
        script = ours / "post.lua"
        script.write_text(SCRIPT)
        port, *mlserver_ports = free_ports(4)
        write_mlserver_settings(theirs, *mlserver_ports)
        samebits = [sys.executable, "-m", "samebits", "serve", "--port", str(port)]
        mlserver = [str(OTHERS / "bin" / "mlserver"), "start", str(theirs)]
        servers = {
            "samebits": stack.enter_context(running(samebits, ours, port)),
            "MLServer": stack.enter_context(running(mlserver, theirs, mlserver_ports[0])),
        }
        for server in servers.values():
            server.load(script, 2)  # what is loaded and allocated at first
        before = {name: server.memory() for name, server in servers.items()}
        for _ in tqdm(range(TURNS), unit="turn", disable=None):
            for server in servers.values():
                server.turns.append(server.load(script, SECONDS))
        rows = []
        for name, server in servers.items():
            rate, p50, p99, requests, errors = zip(*server.turns, strict=True)
            times = [f"{statistics.median(each):,.1f}" for each in (p50, p99)]
            memory = [f"{megabytes:.1f}" for megabytes in (before[name], server.memory())]
            rows.append(
                [
                    name,
                    f"{statistics.median(rate):,.0f}",
                    *times,
                    f"{sum(requests):,.0f}",
                    f"{sum(errors):.0f}",
                    *memory,
                ]
            )
    headers = ["server", "requests a second", "p50, ms", "p99, ms", "requests", "errors", "memory before, MB", "after"]
    text = markdown.table(rows, headers, colalign=("left", *["right"] * 7))
    publish("load", text)


if __name__ == "__main__":
    run(main)

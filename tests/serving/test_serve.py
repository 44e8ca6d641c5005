import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import tritonclient.http as triton

from samebits.model.predictor import Predictor
from samebits.serving.protocol import MAX_BODY, MAX_ROWS
from tests.conftest import BIN, Project
from tests.housing import FEATURES

ROW = [8.3252, 41.0, 6.984126984126984, 1.0238095238095237, 322.0, 2.5555555555555554, 37.88, -122.23]
INFER = "/v2/models/samebits/infer"


class Running:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> tuple[int, str]:
        return self.send("GET", path)

    def infer(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, text = self.send("POST", INFER, content, headers)
        return status, json.loads(text)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def memory(self) -> int:
        """Resident, bytes."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    @contextmanager
    def peak_stays_below(self, growth: int) -> Iterator[None]:
        """Resident memory at its highest, bytes beyond that of now."""
        before = self.memory()
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # forget the highest
        yield
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 2**10 - before < growth  # type: ignore[index]


@contextmanager
def running(project: Project, *arguments: str) -> Iterator[Running]:
    command = [str(BIN / "python"), "-m", "samebits", "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        try:
            line = process.stdout.readline()
            port = int(re.search(r":(\d+)/$", line)[1])  # type: ignore[index]
            server = Running(process, port)
            while process.poll() is None:
                try:
                    if server.get("/v2/health/ready")[0] == 200:
                        break
                except OSError:
                    time.sleep(0.05)
            assert process.poll() is None, process.stderr.read()
            yield server
        finally:
            process.terminate()
        said = set(process.stderr.read().splitlines())
        assert said <= {"WARNING:  Invalid HTTP request received."}, "no request makes it stumble"


@pytest.fixture(scope="module")
def server(trained: Project) -> Iterator[Running]:
    with running(trained) as found:
        yield found


@pytest.fixture(scope="module")
def rows(trained: Project) -> np.ndarray:
    X: np.ndarray = joblib.load(trained.root / "data" / "test.joblib")["X"]
    return X


@pytest.fixture(scope="module")
def expected(trained: Project, rows: np.ndarray) -> list[float]:
    """What `predict` says on the command line."""
    lines = "\n".join(json.dumps(dict(zip(FEATURES, row, strict=True))) for row in rows.tolist())
    done = subprocess.run(
        [BIN / "python", "-m", "samebits", "predict"], cwd=trained.root, input=lines.encode(), capture_output=True
    )
    return [float(line) for line in done.stdout.split()]


def one(name: str = "rows", **changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": [1, 8], "datatype": "FP64", "data": ROW, **changes}]}


def test_health_and_metadata(server: Running, trained: Project) -> None:
    assert server.get("/v2/health/live") == (200, '{"live":true}')
    assert server.get("/v2/health/ready") == (200, '{"ready":true}')
    assert server.get("/v2/models/samebits/ready") == (200, '{"ready":true}')
    assert json.loads(server.get("/v2")[1])["name"] == "samebits"
    metadata = json.loads(server.get("/v2/models/samebits")[1])
    assert metadata["inputs"] == [
        {"name": "rows", "datatype": "FP64", "shape": [-1, 8], "parameters": {"features": FEATURES}}
    ]
    assert trained.git("rev-parse", "HEAD").startswith(metadata["versions"][0])
    status, text = server.get("/v2/models/other")
    assert (status, json.loads(text)) == (404, {"error": "no model 'other'; there is 'samebits'"})
    assert server.send("POST", "/v2/models/other/infer", b"{}")[0] == 404


def test_every_form_of_the_rows_gives_the_same_bits(server: Running, rows: np.ndarray, expected: list[float]) -> None:
    flat = {"inputs": [{"name": "x", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}]}
    nested = {"inputs": [{"name": "x", "shape": list(rows.shape), "datatype": "FP64", "data": rows.tolist()}]}
    columns = [
        {"name": name, "shape": [len(rows), 1] if i % 2 else [len(rows)], "datatype": "FP64", "data": column.tolist()}
        for i, (name, column) in enumerate(zip(FEATURES, rows.T, strict=True))
    ]
    ignored = {"name": "other", "shape": [1], "datatype": "INT64", "data": [1]}
    for body in (flat, nested, {"id": "7", "inputs": [*reversed(columns), ignored]}):
        status, answer = server.infer(body)
        assert status == 200
        assert answer["outputs"][0]["data"] == expected
        assert answer.get("id") == body.get("id")
    assert answer["outputs"][0]["shape"] == [len(rows), 1]


@pytest.mark.parametrize("binary", [True, False])
def test_with_the_client_of_triton(server: Running, rows: np.ndarray, expected: list[float], binary: bool) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("samebits")
    assert client.get_model_metadata("samebits")["platform"] == "samebits"
    tensor = triton.InferInput("rows", list(rows.shape), "FP64")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    wanted = [triton.InferRequestedOutput("predict", binary_data=binary)]
    for outputs in (wanted, None):
        answer = client.infer("samebits", [tensor], outputs=outputs, request_id="a")
        assert answer.as_numpy("predict").ravel().tolist() == expected
        assert answer.get_response()["id"] == "a"
    columns = []
    for name, column in zip(FEATURES, rows.T, strict=True):
        columns.append(triton.InferInput(name, [len(rows)], "FP64"))
        columns[-1].set_data_from_numpy(np.ascontiguousarray(column), binary_data=binary)
    assert client.infer("samebits", columns).as_numpy("predict").ravel().tolist() == expected
    client.close()


def test_values_have_the_type_that_they_are_sent_as(server: Running, trained: Project) -> None:
    model = Predictor.load(trained.root / "models" / "quant_params.joblib").model
    for datatype, dtype in {"FP32": np.float32, "FP16": np.float16}.items():
        row = np.array([ROW], dtype).astype(float)
        assert server.infer(one(datatype=datatype))[1]["outputs"][0]["data"] == model.predict(row).tolist()
    whole = [8, 41, 7, 1, 322, 3, 38, -122]
    for datatype in ("INT16", "INT32", "INT64"):
        answer = server.infer(one(datatype=datatype, data=whole))[1]
        assert answer["outputs"][0]["data"] == model.predict(np.array([whole], float)).tolist()


def test_no_rows(server: Running) -> None:
    assert server.infer(one(shape=[0, 8], data=[]))[1]["outputs"][0]["data"] == []


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "EOF"),
        (b"{", 400, "EOF"),
        (b"\xff\xfe", 400, ""),
        (b"[" * 100_000, 400, "recursion"),
        (b'{"inputs": ' + b'{"a":' * 100_000, 400, "recursion"),
        (b"[]", 400, "object"),
        ({"inputs": []}, 422, "inputs: "),
        ({}, 422, "inputs: Field required"),
        (one(data=[*ROW[:7], "1"]), 422, "inputs.0.data"),
        (one(data=[*ROW[:7], None]), 422, "inputs.0.data"),
        (one(data=[*ROW[:7], True]), 422, "inputs.0.data"),
        (json.dumps(one(data=[*ROW[:7], float("nan")])).encode(), 422, "inputs.0.data"),
        (json.dumps(one()).replace("41.0", "1e400").encode(), 422, "inputs.0.data"),
        (one(data=ROW[:7]), 422, "'rows': its shape is [1, 8], its data have [7]"),
        (one(data=[ROW[:4], ROW[4:]]), 422, "'rows': its shape is [1, 8], its data have [2, 4]"),
        (one(data=[ROW[:4], ROW[:5]]), 422, "'rows': rows of different lengths"),
        (one(shape=[8]), 422, "inputs: no MedInc"),
        (one(shape=[-1, 8]), 422, "inputs.0.shape"),
        (one(shape=[1, 8, 1]), 422, "inputs.0.shape"),
        (one(shape=[1, 10**30]), 422, ""),
        (one(datatype="BYTES"), 422, "'rows': datatype 'BYTES'; it must be one of FP16"),
        (one(datatype="INT64"), 422, "'rows': not all values are INT64"),
        (one(datatype="FP16", data=[1e6] * 8), 422, "'rows': a value is not a finite number"),
        (one(data=None), 422, "'rows': neither `data` nor"),
        (one(data=[1.7e308, 0, 0, 1.7e308, 0, 0, 0, 0]), 422, "row 1: the prediction is beyond float64"),
        (one(shape=[MAX_ROWS + 1, 8]), 413, f"'rows': {MAX_ROWS + 1} rows; at most {MAX_ROWS}"),
        ({"inputs": one()["inputs"] * 2}, 422, "inputs: 'rows' is there twice"),
        ({**one(), "outputs": [{"name": "other"}]}, 422, "outputs: no output 'other'; there is predict"),
        (b" " * (MAX_BODY + 1), 413, f"more than {MAX_BODY} bytes"),
    ],
)
def test_mistakes(server: Running, body: Any, status: int, error: str) -> None:
    found, answer = server.infer(body)
    assert found == status
    assert error in answer["error"]
    assert "\n" not in answer["error"]


def test_wrong_headers(server: Running) -> None:
    body = json.dumps(one()).encode()
    for length in ("x", "-1", "9" * 30, str(len(body) + 1)):
        assert server.infer(body, {"Inference-Header-Content-Length": length})[0] == 400
    assert server.infer(body + b"more", {"Inference-Header-Content-Length": str(len(body))})[0] == 400
    assert server.infer(body, {"Content-Encoding": "gzip"})[0] == 415
    assert server.send("PUT", INFER, body)[0] == 405


def test_a_body_without_end_is_cut_off(server: Running) -> None:
    before = server.memory()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        part = b"10000\r\n" + b" " * 2**16 + b"\r\n"
        sent = 0
        try:
            while sent < 100 * 2**20:
                connection.sendall(part)
                sent += 2**16
        except OSError:
            pass
        connection.setblocking(True)
        assert b" 413 " in connection.recv(2**16)
    assert server.memory() - before < 3 * MAX_BODY


@pytest.mark.parametrize(
    "body",
    [
        '{"inputs": [MISTAKES]}',
        '{"inputs": [{"name": "rows", "datatype": "FP64", "data": [], "shape": [MISTAKES]}]}',
        '{"inputs": [{"name": "rows", "datatype": "FP64", "shape": [1, 8], "data": [MISTAKES]}]}',
        '{"inputs": [{"name": "rows", "datatype": "FP64", "shape": [1, 8], "data": [[MISTAKES]]}]}',
        '{"inputs": [{"name": "rows", "datatype": "FP64", "shape": [1, 8], "data": []}], "outputs": [MISTAKES]}',
    ],
    ids=["inputs", "shape", "flat", "nested", "outputs"],
)
def test_of_a_million_mistakes_the_first_is_told(server: Running, body: str) -> None:
    with server.peak_stays_below(2**28):
        status, answer = server.infer(body.replace("MISTAKES", ",".join(["{}"] * 2**20)).encode())
    assert status == 422
    assert re.match(r"(in|out)puts\.0\.", answer["error"])


def test_a_thousand_mutated_requests(server: Running) -> None:
    rng = random.Random(2)
    seeds = [json.dumps(one()).encode(), json.dumps({"inputs": [{**one()["inputs"][0], "name": "x"}] * 2}).encode()]
    pieces = [b"NaN", b"1e400", b"-", b"null", b"[[", b"]", b'"', b"\\u0000", b"\xff", b"{", b"0" * 400, b",,", b"true"]

    def mutated(body: bytes) -> bytes:
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(len(body) + 1)
            end = min(len(body), start + rng.choice([0, 0, 1, 3, 20]))
            body = body[:start] + rng.choice([*pieces, b"", rng.randbytes(3)]) * rng.choice([1, 1, 500]) + body[end:]
            if rng.random() < 0.1:
                body = body[: rng.randrange(len(body) + 1)]
        return body

    server.infer(one())
    before = server.memory()
    statuses = set()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        for _ in range(1000):
            connection.request("POST", INFER, mutated(rng.choice(seeds)))
            response = connection.getresponse()
            answer = json.loads(response.read())
            statuses.add(response.status)
            assert ("error" in answer) == (response.status != 200)
    assert {400, 422} <= statuses <= {200, 400, 413, 422}
    assert server.memory() - before < 2**23


def test_the_interface_is_as_described(server: Running, trained: Project, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"  # a wrong request may be refused for its many rows first
    settings.write_text("[checks.negative_data_rejection]\nexpected-statuses = [400, 404, 405, 413, 415, 422]\n")
    command = ["schemathesis", f"--config-file={settings}", "run", f"{server.url}/openapi.json"]
    # That shape and data fit together is beyond a schema
    options = ["--checks=all", "--exclude-checks=positive_data_acceptance", "--max-examples=25", "--seed=1"]
    options += ["--suppress-health-check=all", "--no-color"]
    options += ["--phases=examples,coverage,fuzzing"]  # not of sequences: it keeps nothing from request to request
    done = trained.run(*command, *options, check=False, cwd=tmp_path)  # where it leaves a folder
    assert done.returncode == 0, done.stdout


def test_metrics(trained: Project) -> None:
    with running(trained) as server:
        server.infer(one(shape=[2, 8], data=[*ROW, *ROW[:5], 1e6, *ROW[6:]]))
        server.infer({})
        [version] = json.loads(server.get("/v2/models/samebits")[1])["versions"]
        server.get(f"/v2/models/samebits/versions/{version}/ready")
        text = server.get("/metrics")[1]
    assert 'samebits_requests_total{route="/v2/models/{name}/infer",status="200"} 1.0' in text
    assert 'samebits_requests_total{route="/v2/models/{name}/infer",status="422"} 1.0' in text
    assert 'samebits_request_seconds_count{route="/v2/models/{name}/infer"} 2.0' in text
    assert 'samebits_requests_total{route="/v2/models/{name}",status="200"} 1.0' in text
    assert 'samebits_requests_total{route="/v2/models/{name}/versions/{version}/ready",status="200"} 1.0' in text
    assert "samebits_rows_total 2.0" in text
    assert "samebits_rows_outside_training_total 1.0" in text


def test_workers_count_together(trained: Project) -> None:
    with running(trained, "--workers", "2") as server:
        for _ in range(20):
            assert server.infer(one())[0] == 200
        for _ in range(3):
            assert "samebits_rows_total 20.0" in server.get("/metrics")[1]
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(15)


def test_a_request_in_flight_is_answered_after_sigterm(trained: Project) -> None:
    body = json.dumps(one()).encode()
    with running(trained) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body[:20])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError, match="refused"):
            server.get("/v2/health/live")
        connection.sendall(body[20:])
        assert b"HTTP/1.1 200" in connection.recv(2**16)
        assert server.process.wait(10) in (0, -signal.SIGTERM)


def test_a_port_in_use_is_one_line(trained: Project, server: Running) -> None:
    done = trained.run("python", "-m", "samebits", "serve", "--port", str(server.port), check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {server.port}: Address already in use")


def test_the_page_needs_nothing_from_outside(server: Running) -> None:
    with urllib.request.urlopen(f"{server.url}/") as response:
        html, policy = response.read().decode(), response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)


def test_a_version_of_the_model_has_the_routes_of_the_model(server: Running) -> None:
    of_model = json.loads(server.get("/v2/models/samebits")[1])
    [version] = of_model["versions"]
    place = f"/v2/models/samebits/versions/{version}"
    assert json.loads(server.get(place)[1]) == of_model
    assert server.get(f"{place}/ready")[0] == 200
    request = {"inputs": [{"name": "rows", "shape": [1, len(ROW)], "datatype": "FP64", "data": ROW}]}
    answers = [
        server.send("POST", f"{each}/infer", json.dumps(request).encode()) for each in ("/v2/models/samebits", place)
    ]
    assert answers[0] == answers[1]
    assert json.loads(answers[0][1])["model_version"] == version
    status, text = server.get("/v2/models/samebits/versions/other/ready")
    assert status == 404
    assert json.loads(text)["error"] == f"no version 'other' of 'samebits'; there is '{version}'"


@pytest.mark.parametrize("chunk", [2**10, 2**20])
@pytest.mark.parametrize("header", [b"a: b\r\n" * 40_000, b"a: " + b"b" * 200_000, b"a" * 200_000])
def test_a_header_that_is_too_large_is_refused(server: Running, header: bytes, chunk: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        content = b"GET /v2 HTTP/1.1\r\nhost: a\r\n" + header
        with contextlib.suppress(ConnectionError):  # it need not read all
            for start in range(0, len(content), chunk):
                connection.sendall(content[start : start + chunk])
        with contextlib.suppress(ConnectionError):
            assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")
    assert server.get("/v2/health/ready")[0] == 200


@pytest.mark.slow
def test_a_header_that_takes_too_long_is_refused(server: Running) -> None:
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20)) for _ in range(50)
        ]
        for each in connections[1:]:  # the first one says nothing at all
            each.sendall(b"GET /v2 HTTP/1.1\r\nhost: ")
        begin = time.monotonic()
        for each in connections:
            assert each.recv(4096).startswith(b"HTTP/1.1 408 ")
            assert each.recv(4096) == b""
        assert 3 < time.monotonic() - begin < 19

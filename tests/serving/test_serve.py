import asyncio
import base64
import csv
import gzip
import hashlib
import http.client
import json
import os
import random
import re
import signal
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
from samebits.serving.app import Server
from samebits.serving.protocol import MAX_BODY
from samebits.serving.tensors import MAX_ROWS
from tests.conftest import BIN, Project
from tests.housing import FEATURES

ROW = [8.3252, 41.0, 6.984126984126984, 1.0238095238095237, 322.0, 2.5555555555555554, 37.88, -122.23]
INFER = "/v2/models/samebits/infer"


class Running:
    """A server in a process of its own."""

    warning = ""  # what it says on stderr beside the requests

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process, self.line = process, line
        self.port = int(re.search(r":(\d+)/$", line)[1])  # type: ignore[index]
        self.url = f"http://127.0.0.1:{self.port}"

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
            server = Running(process, process.stdout.readline())
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
        said = set(process.stderr.read().splitlines()) - {"WARNING:  Invalid HTTP request received."}
        server.warning = "".join(line for line in said if line.startswith("warning: "))
        assert said <= {server.warning}, "no request makes it stumble"


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


COLUMNS = ["longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population"]
COLUMNS += ["households", "median_income"]


def one(name: str = "rows", **changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": [1, 8], "datatype": "FP64", "data": ROW, **changes}]}


def test_health_and_metadata(server: Running, trained: Project) -> None:
    assert server.get("/v2/health/live") == (200, '{"live":true}')
    assert server.get("/v2/health/ready") == (200, '{"ready":true}')
    assert json.loads(server.get("/v2/models/samebits/ready")[1]) == {"name": "samebits", "ready": True}
    assert json.loads(server.get("/v2")[1])["name"] == "samebits"
    metadata = json.loads(server.get("/v2/models/samebits")[1])
    features, *columns = metadata["inputs"]
    assert features == {"name": "rows", "datatype": "FP64", "shape": [-1, 8], "parameters": {"features": FEATURES}}
    assert [(each["name"], each["datatype"], each["shape"]) for each in columns] == [(c, "FP64", [-1]) for c in COLUMNS]
    assert columns[-1]["parameters"] == {"type": "DOUBLE", "min": 0.4999, "max": 15.0001}
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


def test_rows_of_the_table_give_the_same_bits(server: Running, trained: Project, rows: np.ndarray) -> None:
    with gzip.open(trained.root / "data" / "raw" / "cal_housing.csv.gz", "rt") as file:
        table = list(csv.DictReader(file))[:3000]
    done = trained.run("python", "-m", "samebits", "predict", "data/raw/cal_housing.csv.gz")
    expected = [float(line) for line in done.stdout.splitlines()[:3000]]
    numbers = [
        {"name": name, "shape": [len(table)], "datatype": "FP64", "data": [float(row[name]) for row in table]}
        for name in COLUMNS
    ]
    texts = [{**each, "datatype": "BYTES", "data": [row[each["name"]] for row in table]} for each in numbers]
    for inputs in (numbers, [*reversed(texts)][:4] + numbers[:4]):
        status, answer = server.infer({"inputs": inputs, "outputs": [{"name": "features"}, {"name": "predict"}]})
        assert status == 200, answer
        features, predictions = answer["outputs"]
        assert predictions["data"] == expected
        assert features["shape"] == [len(table), 8]
        assert features["data"][0] == float(table[0]["median_income"])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"data": [None]}, "row 1: no prediction: missing: households"),
        ({"datatype": "BYTES", "data": ["12a"]}, "row 1: no prediction: households: '12a' is not a number"),
        ({"data": [0]}, "row 1: no prediction: the query gives no finite number as AveRooms, AveBedrms, AveOccup"),
        ({"data": [1, 2], "shape": [2]}, "its shape is [2]; it must be [1]"),
        ({"data": ["a"]}, "inputs.6.data: not all values are numbers"),
        ({"data": [[1.0]]}, "inputs.6.data: not all values are numbers"),
        ({"datatype": "BYTES", "data": [1]}, "inputs.6.data: not all values are text"),
        ({"datatype": "INT64", "data": [1.5]}, "'households': not all values are INT64"),
        ({"datatype": "other"}, "'households': datatype 'other'"),
        ({"data": None}, "'households': neither `data` nor bytes"),
    ],
)
def test_mistakes_in_rows_of_the_table(server: Running, changes: dict[str, Any], error: str) -> None:
    inputs = [{"name": name, "shape": [1], "datatype": "FP64", "data": [9.0]} for name in COLUMNS]
    inputs[6] |= changes
    status, answer = server.infer({"inputs": inputs})
    assert status == 400
    assert error in answer["error"]


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


@pytest.mark.parametrize(("datatype", "bits", "least"), [("INT64", 63, -(2**63)), ("UINT64", 64, 0), ("INT8", 7, -128)])
def test_integers_to_the_ends_of_their_type(server: Running, datatype: str, bits: int, least: int) -> None:
    for value in (2**bits - 1, least):
        columns = [{"name": name, "shape": [1], "datatype": datatype, "data": [value]} for name in FEATURES]
        binary = np.array([value] * 8, f"{'u' if least == 0 else 'i'}{(bits + 7) // 8}").tobytes()
        head = json.dumps(one(datatype=datatype, data=None, parameters={"binary_data_size": len(binary)})).encode()
        length = {"Inference-Header-Content-Length": str(len(head))}
        answers = [
            server.infer(one(datatype=datatype, data=[value] * 8)),
            server.infer(one(datatype=datatype, data=[[value] * 8])),
            server.infer({"inputs": columns}),
            server.infer(head + binary, length),
        ]
        assert answers[0][0] == 200
        assert answers == answers[:1] * 4
    for value in (2**bits, least - 1, 2.0**70, -(2.0**70), 0.5):
        for data in ([0] * 7 + [value], [[0] * 7 + [value]]):
            status, answer = server.infer(one(datatype=datatype, data=data))
            assert (status, answer["error"]) == (400, f"'rows': not all values are {datatype}")


@pytest.mark.parametrize(
    "request_",
    [
        {**one(), "parameters": None, "id": None, "outputs": None},
        one(parameters=None),
        {**one(), "outputs": [{"name": "predict", "parameters": None}]},
        {**one(), "outputs": []},
        {**one(parameters={"content_type": "np", "headers": {"a": None}}), "parameters": {"headers": {}, "extra": []}},
    ],
)
def test_what_is_null_is_as_if_it_were_not_there(server: Running, request_: dict[str, Any]) -> None:
    assert server.infer(request_) == server.infer(one())


def test_head_is_get_without_a_body(server: Running) -> None:
    for path in ("/", "/v2", "/v2/health/live", "/v2/models/samebits", "/v2/models/samebits/ready", "/metrics"):
        assert server.send("HEAD", path) == (200, "")
    assert server.send("HEAD", "/v2/models/other") == (404, "")
    assert server.send("HEAD", INFER) == (405, "")


def test_no_answer_leads_to_another_host(server: Running) -> None:
    for path in ("/v2/", "/v2/health/live/", "/v2/models/samebits/", "//example.com/"):
        status, text = server.send("GET", path, headers={"Host": "example.com"})
        assert (status, text) == (404, '{"error":"Not Found"}')


def test_a_bug_is_an_error_in_json(trained: Project) -> None:
    class Broken(Predictor):
        def predict(self, X: np.ndarray) -> np.ndarray:
            raise ZeroDivisionError("of the test")

    application = Server(Broken.load(trained.root / "models" / "quant_params.joblib"), "samebits")
    messages = [{"type": "http.request", "body": json.dumps(one()).encode(), "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": INFER, "headers": []}
    with pytest.raises(ZeroDivisionError, match="of the test"):
        asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 500
    assert "error" in json.loads(sent[1]["body"])


def test_no_rows(server: Running) -> None:
    assert server.infer(one(shape=[0, 8], data=[]))[1]["outputs"][0]["data"] == []


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "EOF"),
        (b"{", 400, "EOF"),
        (b"\xff\xfe", 400, ""),
        (b"[" * 100_000, 400, "recursion"),
        (b'{"inputs": ' + b'{"a":' * 1000, 400, "recursion"),
        (b"[]", 400, "object"),
        ({"inputs": []}, 400, "inputs: "),
        ({}, 400, "inputs: Field required"),
        (one(data=[*ROW[:7], "1"]), 400, "inputs.0.data"),
        (one(data=[*ROW[:7], None]), 400, "inputs.0.data"),
        (one(data=[*ROW[:7], True]), 400, "inputs.0.data"),
        (json.dumps(one(data=[*ROW[:7], float("nan")])).encode(), 400, "inputs.0.data"),
        (json.dumps(one()).replace("41.0", "1e400").encode(), 400, "inputs.0.data"),
        (one(data=ROW[:7]), 400, "'rows': its shape is [1, 8], its data have [7]"),
        (one(data=[ROW[:4], ROW[4:]]), 400, "'rows': its shape is [1, 8], its data have [2, 4]"),
        (one(data=[ROW[:4], ROW[:5]]), 400, "'rows': rows of different lengths"),
        (one(shape=[8]), 400, "inputs: no MedInc"),
        (one(shape=[-1, 8]), 400, "inputs.0.shape"),
        (one(shape=[1, 8, 1]), 400, "inputs.0.shape"),
        (one(shape=[1, 10**30]), 400, ""),
        (one(shape=[0, 2**62], data=[]), 400, "inputs.0.shape"),
        (one(shape=[2**62, 0], data=[]), 400, "inputs.0.shape"),
        (one(shape=[0, 2**31 - 1], data=[]), 400, "inputs: no MedInc"),
        ({**one(), "id": "a" * 1025}, 400, "id: "),
        (one(datatype="BYTES"), 400, "'rows': datatype 'BYTES'; it must be one of FP16"),
        (one(datatype="BYTES", shape=[2**31 - 1, 8]), 400, "'rows': datatype 'BYTES'"),
        (one(datatype="INT64"), 400, "'rows': not all values are INT64"),
        (one(datatype="FP16", data=[1e6] * 8), 400, "'rows': a value is not a finite number"),
        (one(data=None), 400, "'rows': neither `data` nor"),
        (one(data=[1.7e308, 0, 0, 1.7e308, 0, 0, 0, 0]), 400, "row 1: the prediction is beyond float64"),
        (one(shape=[MAX_ROWS + 1, 8]), 413, f"'rows': {MAX_ROWS + 1} rows; at most {MAX_ROWS}"),
        ({"inputs": one()["inputs"] * 2}, 400, "inputs: 'rows' is there twice"),
        ({**one(), "outputs": [{"name": "other"}]}, 400, "outputs: no output 'other'; there are predict"),
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
    assert server.send("PUT", INFER, body)[0] == 405


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
    assert {400} <= statuses <= {200, 400, 413}
    assert server.memory() - before < 2**23


def test_the_interface_is_as_described(server: Running, trained: Project, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"  # a wrong request may be refused for its many rows first
    settings.write_text("[checks.negative_data_rejection]\nexpected-statuses = [400, 404, 405, 413, 415]\n")
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
    assert 'samebits_requests_total{route="/v2/models/{name}/infer",status="400"} 1.0' in text
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


def test_a_port_in_use_is_one_line(trained: Project, server: Running) -> None:
    done = trained.run("python", "-m", "samebits", "serve", "--port", str(server.port), check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {server.port}: Address already in use")


def test_a_model_of_another_commit_is_told(reproduced: Project) -> None:
    project = reproduced
    first = project.git("rev-parse", "HEAD").strip()
    project.git("switch", "-q", "-c", "four-bits")
    project.replace("params.yaml", "bits: 8", "bits: 4")
    project.run("dvc", "repro")
    warning, line, page = told(project)
    assert "no commit records this model" in warning
    assert line == "samebits of an unknown commit, 4 bits a weight"
    project.commit("four bits")
    four = project.git("rev-parse", "HEAD").strip()
    assert told(project)[:2] == ("", f"samebits of commit {four[:12]}, 4 bits a weight")
    project.git("switch", "-q", "main")
    warning, line, page = told(project)
    assert f"this model is of commit {four[:12]}, not of HEAD, {first[:12]}; `dvc checkout` or `dvc repro`" in warning
    assert line == f"samebits of commit {four[:12]}, 4 bits a weight"
    assert (page["commit"], page["head"]) == (four, first)
    assert page["lock_md5"] == hashlib.md5(project.git("show", f"{four}:dvc.lock").encode()).hexdigest()
    project.run("dvc", "checkout", "quantize")
    assert told(project)[:2] == ("", f"samebits of commit {first[:12]}, 8 bits a weight")


def told(project: Project) -> tuple[str, str, Any]:
    """The warning of a server, its line without the address, and the data of its page."""
    with running(project) as server:
        page = server.get("/")[1]
    data = json.loads(re.search('<script type="application/json" id="data">(.*?)</script>', page)[1])  # type: ignore[index]
    return server.warning, server.line.partition(", on http")[0], data


def test_the_page_needs_nothing_from_outside(server: Running) -> None:
    with urllib.request.urlopen(f"{server.url}/") as response:
        html, policy = response.read().decode(), response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):  # the only ones that a browser may run
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
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

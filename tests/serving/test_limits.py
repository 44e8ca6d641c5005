"""What one client may take of the server: bytes, time, and the time of the other clients."""

import contextlib
import gzip
import http.client
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from samebits.model.predictor import Predictor
from samebits.model.schema import Column, Schema
from samebits.serving import bodies, connection, protocol
from samebits.serving.app import Server
from samebits.serving.bodies import MAX_HELD, SMALL
from samebits.serving.connection import MAX_HEADER, BoundedConnection
from samebits.serving.protocol import MAX_BODY
from samebits.serving.tensors import MAX_ROWS, RefusedError
from tests.conftest import Project
from tests.serving.test_serve import INFER, ROW, Running, one, running

HEALTH = b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n"
ALL_ROWS = json.dumps(one(shape=[MAX_ROWS, 8], data=[8.5] * 8 * MAX_ROWS)).encode()  # 2.6 MB, answered by 1.2 MB


@pytest.fixture(scope="module")
def server(trained: Project) -> Iterator[Running]:
    with running(trained) as found:
        yield found


class Here:
    """A server in a thread of this process, whose limits a test may change."""

    def __init__(self, application: Server) -> None:
        self.application = application
        self.uvicorn = uvicorn.Server(
            uvicorn.Config(application, http=BoundedConnection, lifespan="off", timeout_keep_alive=1, log_level="error")
        )

    def connect(self, *, window: int | None = None) -> socket.socket:
        found = socket.socket()
        if window:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        found.settimeout(20)
        found.connect(("127.0.0.1", self.port))
        return found

    def until_no_connection(self) -> None:
        end = time.monotonic() + 20
        while self.uvicorn.server_state.connections:
            assert time.monotonic() < end, "a connection is held for ever"
            time.sleep(0.02)

    @contextlib.contextmanager
    def running(self) -> Iterator["Here"]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            thread = threading.Thread(target=self.uvicorn.run, args=([listening],))
            thread.start()
            try:
                while not self.uvicorn.started:
                    time.sleep(0.01)
                yield self
            finally:
                self.uvicorn.should_exit = True
                thread.join()


@pytest.fixture
def here(trained: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    for module, name in ((connection, "BODY_SECONDS"), (bodies, "BODY_SECONDS"), (connection, "WRITE_SECONDS")):
        monkeypatch.setattr(module, name, 0.3)
    predictor = Predictor.load(trained.root / "models" / "quant_params.joblib")
    with Here(Server(predictor, "samebits")).running() as found:
        yield found


def post(body: bytes, *headers: str, path: str = INFER) -> bytes:
    lines = "".join(f"{each}\r\n" for each in ("host: a", f"content-length: {len(body)}", *headers))
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def answers(connection: socket.socket, count: int) -> list[tuple[int, Any]]:
    """The status and the JSON of so many answers, of which more may follow."""
    return [(int(head.split()[1]), json.loads(body)) for head, body in (answer(connection) for _ in range(count))]


def answer(connection: socket.socket) -> tuple[str, bytes]:
    """The header and the body of an answer."""
    head, body = b"", b""
    while not head.endswith(b"\r\n\r\n"):
        head += (part := connection.recv(1))
        assert part, "the connection ends before an answer"
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
    while len(body) < length:
        body += (part := connection.recv(length - len(body)))
        assert part, "the connection ends within an answer"
    return head.decode().lower(), body


# What is sent


@pytest.mark.parametrize("chunk", [2**10, 2**20])
@pytest.mark.parametrize("header", [b"a: b\r\n" * 40_000, b"a: " + b"b" * 200_000, b"a" * 200_000])
def test_a_header_that_is_too_large_is_refused(server: Running, header: bytes, chunk: int) -> None:
    assert refused(server, b"GET /v2 HTTP/1.1\r\nhost: a\r\n" + header, chunk) == 431


@pytest.mark.parametrize("chunk", [2**10, 2**20])
@pytest.mark.parametrize("end", [b"", b" HTTP/1.1\r\n\r\n"])
def test_a_url_that_is_too_long_is_refused(server: Running, chunk: int, end: bytes) -> None:
    assert refused(server, b"GET /" + b"a" * 200_000 + end, chunk) == 414
    assert refused(server, b"GET /v2?" + b"a" * MAX_HEADER + end, chunk) == 414


def refused(server: Running, content: bytes, chunk: int) -> int:
    """The status for a request that is sent in chunks, as far as the server takes them."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        with contextlib.suppress(ConnectionError):  # it need not read all
            for start in range(0, len(content), chunk):
                connection.sendall(content[start : start + chunk])
        [(status, text)] = answers(connection, 1)
        assert text["error"]
    assert server.get("/v2/health/ready")[0] == 200
    return status


@pytest.mark.parametrize("chunk", [100, 2**20])
def test_a_header_below_the_limit_is_taken_however_it_arrives(server: Running, chunk: int) -> None:
    content = b"GET /v2/health/live?" + b"a" * 10_000 + b" HTTP/1.1\r\nhost: a\r\nb: " + b"c" * 20_000 + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for start in range(0, len(content), chunk):
            connection.sendall(content[start : start + chunk])
        assert answers(connection, 1) == [(200, {"live": True})]


def test_a_request_is_answered_whatever_follows_in_the_same_write(server: Running) -> None:
    body = json.dumps(one(shape=[500, 8], data=[8.5] * 4000)).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(post(body) + HEALTH[:20])
        assert answers(connection, 1)[0][0] == 200
        connection.sendall(HEALTH[20:] + HEALTH * 3 + HEALTH[:-2])
        assert answers(connection, 4) == [(200, {"live": True})] * 4
        connection.sendall(b"a: " + b"b" * 40_000)
        assert answers(connection, 1)[0][0] == 431


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.0"])
def test_an_upgrade_is_ignored(server: Running, upgrade: str) -> None:
    request = post(json.dumps(one()).encode(), "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}")
    expected = server.infer(one())
    for cut in (len(request), request.index(b"\r\n\r\n") + 4, len(request) - 10):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            for _ in range(2):
                connection.sendall(request[:cut])
                time.sleep(0.05)
                connection.sendall(request[cut:])
                assert answers(connection, 1) == [expected]
            connection.sendall(request + HEALTH)
            assert answers(connection, 2) == [expected, (200, {"live": True})]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n")
        assert answers(connection, 1) == [(400, {"error": "Bad Request"})]


def test_who_breaks_off_after_a_request_gets_its_answer_first(server: Running) -> None:
    for wrong in (b"\0\0\r\n", b"GET / HTTP/1.1\r\na: " + b"b" * 2**17):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(post(ALL_ROWS)[:-1])
            connection.sendall(ALL_ROWS[-1:] + wrong)
            assert answers(connection, 1)[0][0] == 200


@pytest.mark.parametrize("content", [b"\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n: a\r\n\r\n"])
def test_what_is_no_http_is_told_in_json(server: Running, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(content)
        assert answers(connection, 1) == [(400, {"error": "Bad Request"})]


@pytest.mark.slow
def test_a_header_that_takes_too_long_is_refused(server: Running) -> None:
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20)) for _ in range(1000)
        ]
        for each in connections[1:]:  # the first one says nothing at all
            each.sendall(b"GET /v2 HTTP/1.1\r\nhost: ")
        assert server.get("/v2/health/ready")[0] == 200
        for each in connections:
            assert answers(each, 1) == [(408, {"error": "Request Timeout"})]
            assert each.recv(4096) == b""


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


def test_a_client_cannot_hold_its_connection(here: Here) -> None:
    chunked = f"POST {INFER} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    late, refused, blank, unread, closing = (here.connect(window=4096) for _ in range(5))
    late.sendall(chunked + b"1\r\n{\r\n")  # and no more
    refused.sendall(chunked.replace(b"host", b"content-encoding: br\r\nhost"))
    blank.sendall(HEALTH)
    unread.sendall(post(ALL_ROWS))
    closing.sendall(post(ALL_ROWS, "connection: close"))
    assert answers(refused, 1)[0][0] == 415
    assert answers(blank, 1)[0][0] == 200
    blank.sendall(b"\r\n")
    assert answers(late, 1)[0][0] == 408
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):  # of a body that nobody reads, more and more
            refused.sendall(b"1\r\n \r\n")
            time.sleep(0.02)
        pytest.fail("it takes the rest of a refused body for ever")
    here.until_no_connection()
    assert here.application.held.bytes == 0
    for each in (late, refused, blank, unread, closing):
        each.close()


def test_a_client_that_reads_slowly_gets_all(here: Here) -> None:
    with here.connect(window=4096) as connection:
        connection.sendall(post(ALL_ROWS))
        [(status, found)] = answers(connection, 1)
    assert status == 200
    assert len(found["outputs"][0]["data"]) == MAX_ROWS


# What all clients send together


def test_beyond_its_memory_the_server_takes_small_requests_only(here: Here) -> None:
    here.application.held.bytes = MAX_HELD - SMALL
    with here.connect() as connection:
        connection.sendall(post(ALL_ROWS))
        head, text = answer(connection)
        assert head.startswith("http/1.1 503 ")
        assert "\r\nretry-after: 1\r\n" in head
        assert "error" in json.loads(text)
        connection.sendall(post(json.dumps(one()).encode()))
        assert answers(connection, 1)[0][0] == 200
    assert here.application.held.bytes == MAX_HELD - SMALL


def test_clients_that_read_nothing_take_no_more_memory_than_documented(trained: Project) -> None:
    long_id = b'{"id":"' + b"a" * (MAX_BODY - 200) + b'",' + json.dumps(one()).encode()[1:]
    with running(trained) as server, server.peak_stays_below(2**28), contextlib.ExitStack() as stack:
        statuses = set()
        for body in (long_id, ALL_ROWS):
            connections = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(50)]
            threads = [threading.Thread(target=send_all, args=(each, post(body))) for each in connections]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            for link in connections:
                statuses.add(int(stack.enter_context(link).recv(12)[9:]))
        assert {200, 400} <= statuses <= {200, 400, 503}
        assert server.infer(one())[0] == 200


def send_all(connection: socket.socket, content: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        connection.sendall(content)


def test_a_small_request_does_not_wait_for_all_large_ones(server: Running) -> None:
    order: list[str] = []

    def ask(name: str, method: str, path: str, body: bytes | None = None) -> None:
        server.send(method, path, body)
        order.append(name)

    large = [threading.Thread(target=ask, args=("large", "POST", INFER, ALL_ROWS)) for _ in range(12)]
    for each in large:
        each.start()
    while not order:
        time.sleep(0.001)
    ask("small", "GET", "/v2/health/live")
    for each in large:
        each.join()
    assert order.index("small") < 10


def test_raw_rows_that_make_too_many_features_are_refused_before_they_are_decoded() -> None:
    features = [f"kind = {number}" for number in range(64)]
    schema = Schema("FROM source", True, False, columns={"kind": Column("VARCHAR", needed=True)})

    def asked(rows: int) -> bytes:
        return json.dumps(
            {"inputs": [{"name": "kind", "shape": [rows], "datatype": "BYTES", "data": ["a"] * rows}]}
        ).encode()

    _, cells = protocol.decode(asked(2**14), None, features, schema)
    assert len(cells["kind"]) == 2**14
    with pytest.raises(RefusedError, match="16385 rows are 1048640 values of features; at most 1048576 at once"):
        protocol.decode(asked(2**14 + 1), None, features, schema)


@pytest.mark.parametrize(
    "body",
    [
        b'{"parameters":{"a":[MANY]},',
        b'{"outputs":[MANY],',
        b'{"inputs":[MANY],',
    ],
    ids=["parameters", "outputs", "inputs"],
)
@pytest.mark.parametrize(
    "item",
    [
        *(b"[[[[[[[[]]]]]]]]", b"[1]", b"{}", b'"\\u00e9"'),
        *(b'{"name":"predict"}', b'{"name":"","shape":[0],"datatype":"INT8","data":[]}'),
    ],
)
def test_a_body_that_takes_long_to_decode_is_not_decoded(server: Running, body: bytes, item: bytes) -> None:
    many = b",".join([item] * (7 * 2**20 // (len(item) + 1)))
    with server.peak_stays_below(2**26):
        status, answer = server.infer(body.replace(b"MANY", many) + json.dumps(one()).encode()[1:])
    assert status == 413
    assert answer["error"].startswith("more than ")


def test_many_keys_are_not_decoded(server: Running) -> None:
    keys = ",".join(f'"{number}" :1' for number in range(100_000))
    status, answer = server.infer(f'{{"parameters":{{{keys}}},{json.dumps(one())[1:]}'.encode())
    assert (status, answer["error"].partition(";")[0]) == (413, "more than 32768 keys")
    few = ",".join(keys.split(",")[:30_000])
    assert server.infer(f'{{"parameters":{{{few}}},{json.dumps(one())[1:]}'.encode())[0] == 200


def test_numbers_beyond_the_limit_are_refused_in_every_form(server: Running) -> None:
    wide = one(shape=[MAX_ROWS, 17], datatype="INT8", data=None, parameters={"binary_data_size": MAX_ROWS * 17})
    head = json.dumps(wide).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    status, answer = server.infer(head + bytes(MAX_ROWS * 17), length)
    assert (status, answer["error"]) == (413, "inputs: 1114112 values; at most 1048576 at once")
    assert server.infer(one(shape=[MAX_ROWS, 17], data=[1] * MAX_ROWS * 17))[0] == 413


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
    with server.peak_stays_below(2**27):
        status, answer = server.infer(body.replace("MISTAKES", ",".join(["true"] * (2**20 - 100))).encode())
    assert status == 400
    assert answer["error"].startswith(("inputs.0", "outputs.0"))


# What is compressed


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "deflate", "raw"])
def test_a_compressed_request_is_that_request(server: Running, coding: str) -> None:
    for body in (json.dumps(one()).encode(), ALL_ROWS):
        raw = zlib.compressobj(wbits=-15)
        packed = {"deflate": zlib.compress(body), "raw": raw.compress(body) + raw.flush()}.get(coding)
        name = "deflate" if coding == "raw" else coding
        answer = server.infer(packed or gzip.compress(body), {"Content-Encoding": name})
        assert answer == server.infer(body)


def test_what_is_compressed_is_bounded_after_inflation(server: Running) -> None:
    body = json.dumps(one()).encode()
    fits = body[:-1] + b" " * (MAX_BODY - len(body)) + b"}"
    packed = gzip.compress(body)
    with server.peak_stays_below(2**26):
        assert server.infer(gzip.compress(fits), {"Content-Encoding": "gzip"})[0] == 200
        assert server.infer(gzip.compress(fits + b" "), {"Content-Encoding": "gzip"})[0] == 413
        assert server.infer(gzip.compress(fits + b" " * 2**27), {"Content-Encoding": "gzip"})[0] == 413
    for wrong in (b"", body, packed[:-1], packed[:-8] + bytes(8), packed + b"more", packed + packed):
        for coding in ("gzip", "deflate"):
            status, answer = server.infer(wrong, {"Content-Encoding": coding})
            assert (status, answer["error"]) == (400, f"the body is not {coding}, or not all of it")


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", ""])
def test_other_codings_are_refused_with_those_that_are_taken(server: Running, coding: str) -> None:
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    link.request("POST", INFER, b"{}", {"Content-Encoding": coding})
    response = link.getresponse()
    assert (response.status, response.headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert "gzip or deflate" in json.loads(response.read())["error"]
    link.close()


# How it ends


def test_every_request_in_flight_is_answered_after_sigterm(trained: Project) -> None:
    body = json.dumps(one(shape=[200, 8], data=ROW * 200)).encode()
    for workers in (1, 1, 2):
        with running(trained, "--workers", str(workers)) as server:
            asked = Asked(server.port, body)
            asked.until(500)
            server.process.terminate()
            for each in asked.clients:
                each.join(30)
            assert server.process.wait(20) in (0, -15)
        assert asked.lost == []
        assert asked.closed == 16


class Asked:
    """Sixteen clients, each of which asks on one connection until that closes."""

    def __init__(self, port: int, body: bytes) -> None:
        self.port, self.body, self.answered, self.closed = port, body, 0, 0
        self.lost: list[str] = []
        self.clients = [threading.Thread(target=self.ask) for _ in range(16)]
        for each in self.clients:
            each.start()

    def ask(self) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while True:
                link.request("POST", INFER, self.body)
                response = link.getresponse()
                response.read()
                assert response.status == 200
                self.answered += 1
                if response.will_close:
                    self.closed += 1
                    return
        except (OSError, http.client.HTTPException, AssertionError) as error:
            self.lost.append(repr(error))

    def until(self, count: int) -> None:
        while self.answered < count:
            assert not self.lost
            time.sleep(0.01)


def test_a_body_in_flight_is_taken_after_sigterm(trained: Project) -> None:
    body = json.dumps(one()).encode()
    with running(trained) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        request = post(body)
        connection.sendall(request[:-20])
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(0.3)
        with pytest.raises(OSError, match="refused"):
            server.get("/v2/health/live")
        connection.sendall(request[-20:])
        head, _ = answer(connection)
        assert head.startswith("http/1.1 200 ")
        assert "\r\nconnection: close\r\n" in head
        assert server.process.wait(10) in (0, -15)

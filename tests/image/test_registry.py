"""What lies beside an image in its registry; test_container.py asks a real one, which has no API for referrers."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from samebits.errors import UserError
from samebits.image.registry import Registry

DIGEST = f"sha256:{'1' * 64}"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def statement_of(file: Path, reference: str) -> dict[str, Any]:
    """A statement of a check, its subject an image, as `actions/attest` pushes it beside one."""
    name, _, digest = reference.partition("@sha256:")
    return {**json.loads(file.read_bytes()), "subject": [{"name": name, "digest": {"sha256": digest}}]}


def bundle(statement: dict[str, Any]) -> dict[str, Any]:
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": ""}]}
    return {"mediaType": BUNDLE, "verificationMaterial": {}, "dsseEnvelope": envelope}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def registry(files: dict[str, bytes], login: str | None = None, status: int = 404) -> Iterator[str]:
    """A registry of OCI 1.1 with some files, which wants a token where a login is given; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, authorized = self.path.partition("?")[0], self.headers.get("Authorization")
            if path == "/token":
                basic = base64.b64encode((login or "").encode()).decode()
                content = b'{"token": "secret"}' if authorized == f"Basic {basic}" else b"{}"
                self._answer(200, content)
            elif login and authorized != "Bearer secret":
                realm = f"http://127.0.0.1:{self.server.server_port}/token"  # type: ignore[attr-defined]
                challenge = f'Bearer realm="{realm}",service="here",scope="repository:a/b:pull"'
                self._answer(401, b"", {"WWW-Authenticate": challenge})
            else:
                content = files.get(path.removeprefix("/v2/a/b/"), b"")
                self._answer(200 if content else status, content)

        def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def beside(content: bytes, digest: str | None = None) -> dict[str, bytes]:
    """The files of a registry that has a bundle beside an image, and what is none."""
    layer = {"mediaType": BUNDLE, "digest": digest or digest_of(content)}
    manifest = json.dumps({"layers": [layer]}).encode()
    other = {"artifactType": "application/spdx+json", "digest": DIGEST}
    index = {"manifests": [other, {"artifactType": BUNDLE, "digest": digest_of(manifest)}]}
    return {
        f"referrers/{DIGEST}": json.dumps(index).encode(),
        f"manifests/{digest_of(manifest)}": manifest,
        f"blobs/{layer['digest']}": content,
    }


def bundles(address: str) -> list[bytes]:
    found = Registry.of(f"{address}/a/b:main@{DIGEST}")
    assert found
    return list(found[0].bundles(found[1]))


def test_bundles_come_from_the_referrers() -> None:
    with registry(beside(b"{}")) as address:
        assert bundles(address) == [b"{}"]


def test_a_token_is_asked_for_with_the_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none"))
    with registry(beside(b"{}"), login="user:password") as address:
        with pytest.raises(UserError, match=f"{address}: not an OCI response"):
            bundles(address)
        login = base64.b64encode(b"user:password").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {address: {"auth": login}}}))
        assert bundles(address) == [b"{}"]


def test_an_image_with_nothing_beside_it() -> None:
    with registry({}) as address:
        assert bundles(address) == []


@pytest.mark.parametrize(
    ("files", "status", "message"),
    [
        (beside(b"{}", DIGEST), 404, f"{DIGEST} is missing or has different bytes"),
        ({f"referrers/{DIGEST}": b"<html>"}, 404, "not an OCI response (JSONDecodeError"),
        ({f"referrers/{DIGEST}": b'{"manifests": [1]}'}, 404, "not an OCI response (AttributeError"),
        ({f"referrers/{DIGEST}": b" " * (33 * 2**20)}, 404, "a response of more than 32 MB"),
        ({}, 500, "500 Server Error"),
    ],
)
def test_a_registry_that_answers_badly_is_one_line(files: dict[str, bytes], status: int, message: str) -> None:
    with registry(files, status=status) as address, pytest.raises(UserError) as raised:
        bundles(address)
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["samebits", "localhost/forged", "ghcr.io/a/b:main", f"a/b@{DIGEST}"])
def test_an_image_of_no_registry_or_digest(name: str) -> None:
    assert Registry.of(name) is None


@pytest.mark.parametrize(
    ("name", "host", "repository"),
    [
        (f"ghcr.io/owner/name@{DIGEST}", "ghcr.io", "owner/name"),
        (f"docker.io/owner/name:main@{DIGEST}", "registry-1.docker.io", "owner/name"),
        (f"localhost:5000/name@{DIGEST}", "localhost:5000", "name"),
    ],
)
def test_the_registry_of_an_image(name: str, host: str, repository: str) -> None:
    found = Registry.of(name)
    assert found
    assert (found[0].host, found[0].name, found[1]) == (host, repository, DIGEST)

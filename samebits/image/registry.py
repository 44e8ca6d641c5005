"""What lies beside an image in its registry: attestations that refer to it, as `actions/attest` pushes them.

Read over OCI's distribution API 1.1, or by the tag that stands for its referrers where a registry has none; docker and
podman do not give them out. Credentials are those that their `login` wrote into a file; else it asks as anybody.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from samebits.errors import UserError
from samebits.proof.statements.statement import MOST

BY_DIGEST = re.compile(
    r"(?P<host>[^/@]*[.:][^/@]*|localhost)/(?P<name>[^@:]+)(?::[^@/]+)?@(?P<digest>sha256:[0-9a-f]{64})"
)
HUB = {"docker.io": "registry-1.docker.io"}
LOCAL = ("localhost", "127.0.0.1")  # there, a registry speaks HTTP, as docker and podman have it
BUNDLE = "application/vnd.dev.sigstore.bundle"
INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
MOST_BUNDLES = 100
SECONDS = 30  # for an answer to begin


class Registry:
    """A repository of a registry, as the name of an image has both. Raises UserError where it does not answer."""

    def __init__(self, host: str, name: str) -> None:
        self.host = HUB.get(host, host)
        self.name = name
        self._session = requests.Session()
        self._basic = _login(host)

    @classmethod
    def of(cls, image: str) -> tuple[Self, str] | None:
        """The registry of an image and its digest; None if its name has no digest, so it may be in no registry."""
        found = BY_DIGEST.fullmatch(image)
        return (cls(found["host"], found["name"]), found["digest"]) if found else None

    def bundles(self, digest: str) -> Iterator[bytes]:
        """The Sigstore bundles that refer to an image."""
        try:
            yield from self._bundles(digest)
        except requests.RequestException as error:
            raise UserError(f"{self.host}: {error}") from None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UserError(f"{self.host}: not an OCI response ({type(error).__name__}: {error})") from None
        finally:
            self._session.close()

    def _bundles(self, digest: str) -> Iterator[bytes]:
        index = self._json(f"referrers/{digest}", INDEX)
        if index is None:
            index = self._json(f"manifests/{digest.replace(':', '-')}", INDEX) or {}
        of_bundles = [each for each in index.get("manifests", []) if each.get("artifactType", "").startswith(BUNDLE)]
        for each in of_bundles[:MOST_BUNDLES]:
            for layer in (self._json(f"manifests/{each['digest']}", MANIFEST) or {}).get("layers", []):
                if layer["mediaType"].startswith(BUNDLE):
                    yield self._blob(layer["digest"])

    def _json(self, path: str, accept: str) -> Any:
        content = self._get(path, accept)
        return None if content is None else json.loads(content)

    def _blob(self, digest: str) -> bytes:
        content = self._get(f"blobs/{digest}", "*/*")
        if content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise UserError(f"{self.host}: {digest} is missing or has different bytes")
        return content

    def _get(self, path: str, accept: str) -> bytes | None:
        """What the registry has at a path of the repository; None if there is nothing."""
        with self._ask(path, accept) as answer:
            if answer.status_code != 401:
                return self._content(answer)
            self._log_in(answer.headers.get("WWW-Authenticate", ""))
        with self._ask(path, accept) as answer:
            return self._content(answer)

    def _ask(self, path: str, accept: str) -> requests.Response:
        scheme = "http" if self.host.partition(":")[0] in LOCAL else "https"
        url = f"{scheme}://{self.host}/v2/{self.name}/{path}"
        return self._session.get(url, headers={"Accept": accept}, timeout=SECONDS, stream=True)

    def _log_in(self, challenge: str) -> None:
        """Answer the challenge of a registry: with the login itself, or with a token that it gives for it."""
        kind, _, rest = challenge.partition(" ")
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() == "bearer":
            realm = asked.pop("realm", "")
            if urlsplit(realm).scheme != "https" and urlsplit(realm).hostname not in LOCAL:
                raise UserError(f"{self.host}: asks for a login at {realm}, which is not HTTPS")
            headers = {"Authorization": f"Basic {self._basic}"} if self._basic else {}
            with self._session.get(realm, params=asked, headers=headers, timeout=SECONDS, stream=True) as answer:
                given = json.loads(self._content(answer) or b"{}")
            self._session.headers["Authorization"] = f"Bearer {given.get('token') or given['access_token']}"
        elif self._basic:
            self._session.headers["Authorization"] = f"Basic {self._basic}"

    def _content(self, answer: requests.Response) -> bytes | None:
        """What an answer brings; None where there is nothing. Raises UserError where it is too much."""
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        content = bytearray()
        for chunk in answer.iter_content(1 << 16):
            content += chunk
            if len(content) > MOST:
                raise UserError(f"{self.host}: a response of more than {MOST >> 20} MB")
        return bytes(content)


def _login(host: str) -> str | None:
    """The login at a registry that `docker login` or `podman login` wrote down, as HTTP's Basic has it."""
    docker = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"), "config.json")
    podman = Path(os.environ.get("XDG_RUNTIME_DIR", "/run"), "containers", "auth.json")
    for file in (Path(os.environ.get("REGISTRY_AUTH_FILE", podman)), docker):
        try:
            found = json.loads(file.read_bytes())["auths"]
            if login := (found.get(host) or found.get(f"https://index.{host}/v1/") or {}).get("auth"):
                return str(login)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return None

"""The image: what comes out of it, where it is pushed, and whether it can be proved.

podman runs here, and a registry of its own: `make test-image`.
"""

import base64
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import containers
from tests.conftest import Project, copy_of_project
from tests.containers import Place
from tests.image.test_build import image
from tests.image.test_registry import bundle, statement_of

LARGEST_MB = 75  # with DuckDB, which the bundled query needs; 45 without
SOURCE = "https://example.com/owner/samebits"

pytestmark = pytest.mark.container


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    if reason := containers.impossible():
        pytest.skip(reason)
    with containers.place() as here:
        yield here


@pytest.fixture(scope="session")
def built(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone with the outputs of a reproduced run and the image built from it, and a login."""
    project = copy_of_project(tmp_path_factory.mktemp("image") / "clone")
    project.git("remote", "add", "origin", "https://user:secret@example.com/owner/samebits.git")
    project.run("python", "-m", "samebits", "check", "--outputs", ".")
    image(project, "build", "samebits", *place.build_args, env=place.env)
    return project


@pytest.fixture(scope="session")
def pushed(built: Project, place: Place) -> str:
    """The image in the registry, by its digest."""
    login(place, place.env, place.password)
    return push(built, place, place.env)


def push(project: Project, place: Place, env: dict[str, str], check: bool = True) -> str:
    name = f"{place.address}/owner/samebits"
    image(project, "build", name, *place.build_args, env=env)
    done = image(project, "push", name, *place.build_args, env=env, check=check)
    return done.stdout.strip() if check else done.stderr.splitlines()[-1]


def podman(env: dict[str, str], *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [containers.PODMAN, *arguments], env={**os.environ, **env}, input=given, capture_output=True, check=False
    )


def login(place: Place, env: dict[str, str], password: str) -> int:
    line = ["login", place.address, "--username", containers.USER, "--password-stdin"]
    return podman(env, *line, given=password.encode()).returncode


def from_registry(place: Place, path: str) -> tuple[Any, str]:
    """A document of the registry, and its digest."""
    key = base64.b64encode(f"{containers.USER}:{place.password}".encode()).decode()
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    headers = {"Authorization": f"Basic {key}", "Accept": accept}
    request = urllib.request.Request(f"http://{place.address}/v2/owner/samebits/{path}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer), answer.headers["Docker-Content-Digest"]


def test_all_test_rows_have_the_same_bits_in_a_hardened_container(built: Project, place: Place) -> None:
    done = image(built, "test", "samebits", env=place.env)
    # 4,128 test rows as features, all 20,640 rows as they stand in the table
    assert done.stdout == "24,768 rows: the same bits as on this machine\n"


def test_an_image_with_another_model_fails_its_test(built: Project, place: Place, tmp_path: Path) -> None:
    other = forged(built, place, tmp_path)
    done = image(built, "test", other, env=place.env, check=False)
    assert done.returncode == 1
    assert "row 1 of features: " in done.stderr
    assert "model_md5: " in done.stderr


def test_what_the_image_is(built: Project, place: Place, pushed: str) -> None:
    manifest, _ = from_registry(place, f"manifests/{pushed.partition('@')[2]}")
    config, _ = from_registry(place, f"blobs/{manifest['config']['digest']}")
    megabytes = sum(layer["size"] for layer in manifest["layers"]) / 1e6
    print(f"compressed: {megabytes:.1f} MB")
    assert megabytes <= LARGEST_MB
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Healthcheck"]["Test"][0] == "CMD"
    labels = config["config"]["Labels"]
    commit, seconds = built.git("log", "-1", "--format=%H %ct").split()
    created = datetime.fromtimestamp(int(seconds), UTC)
    assert labels["org.opencontainers.image.revision"] == commit
    assert labels["org.opencontainers.image.source"] == SOURCE
    assert datetime.fromisoformat(labels["org.opencontainers.image.created"]) == created
    assert datetime.fromisoformat(config["created"]) == created
    r2 = json.loads((built.root / "metrics" / "evaluate.json").read_text())["quant"]["r2"]
    assert labels["samebits.model.test-r2"] == repr(r2)
    assert re.fullmatch("[0-9a-f]{32}", labels["samebits.dvc-lock.md5"])
    for program in ("/bin/sh", "/usr/bin/dpkg", "/usr/bin/apt-get", "/usr/bin/pip"):
        done = podman(place.env, "run", "--rm", f"--entrypoint={program}", "samebits")
        assert b"no such file" in done.stderr.lower()


def test_a_row_is_predicted(built: Project, place: Place) -> None:
    header, row = (
        "MedInc,HouseAge,AveRooms,AveBedrms,Population,AveOccup,Latitude,Longitude",
        "8,41,7,1,322,2.5,38,-122",
    )
    seconds = []
    for _ in range(5):
        start = time.monotonic()
        done = podman(
            place.env, "run", "--rm", "--interactive", "samebits", "predict", given=f"{header}\n{row}\n".encode()
        )
        seconds.append(time.monotonic() - start)
        assert float(done.stdout) > 0
    print(f"one row: {min(seconds):.2f} s")


def test_a_row_of_the_table_is_predicted(built: Project, place: Place) -> None:
    with gzip.open(built.root / "data" / "raw" / "cal_housing.csv.gz") as file:
        rows = file.readline() + file.readline()
    done = podman(place.env, "run", "--rm", "--interactive", "samebits", "predict", given=rows)
    here = built.run("python", "-m", "samebits", "predict", "data/raw/cal_housing.csv.gz").stdout
    assert done.stdout.decode() == here.splitlines(keepends=True)[0]


def test_another_clone_gives_the_same_digest(built: Project, place: Place, pushed: str, tmp_path: Path) -> None:
    clone = Project(tmp_path / "a folder with spaces")
    built.git("clone", "-q", str(built.root), str(clone.root))
    clone.git("remote", "set-url", "origin", "git@example.com:owner/samebits.git")
    clone.git("switch", "-q", "-c", "elsewhere")
    for folder in ("models", "data"):
        shutil.copytree(built.root / folder, clone.root / folder, dirs_exist_ok=True)
    for path in clone.root.rglob("*"):
        os.utime(path, (then := random.randrange(2**31), then))
    _, latest = from_registry(place, "manifests/latest")
    assert push(clone, place, place.empty_storage("another")) == pushed
    assert from_registry(place, "manifests/latest")[1] == latest == pushed.partition("@")[2]


def test_only_main_becomes_the_latest(built: Project, place: Place, pushed: str, tmp_path: Path) -> None:
    clone = Project(tmp_path / "clone")
    built.git("clone", "-q", str(built.root), str(clone.root))
    clone.git("switch", "-q", "-c", "branch")
    clone.commit("one more commit")
    for folder in ("models", "data"):
        shutil.copytree(built.root / folder, clone.root / folder, dirs_exist_ok=True)
    digest = push(clone, place, place.env).partition("@")[2]
    assert digest != pushed.partition("@")[2]
    assert from_registry(place, "manifests/latest")[1] == pushed.partition("@")[2]
    assert from_registry(place, f"manifests/{clone.git('rev-parse', 'HEAD').strip()}")[1] == digest


def test_without_a_login_nothing_is_pushed(built: Project, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text("{}")
    env = {**place.env, "REGISTRY_AUTH_FILE": str(file)}
    assert login(place, env, "wrong") != 0
    error = push(built, place, env, check=False)
    assert error == f"error: {containers.PODMAN} push: failed; see its output above"


def forged(built: Project, place: Place, folder: Path) -> str:
    """An image with another model under the labels of the honest one."""
    model = (built.root / "models" / "quant_params.joblib").read_bytes()
    at = model.index(b"payload") + 20
    (folder / "model").write_bytes(model[:at] + bytes([model[at] ^ 1]) + model[at + 1 :])
    (folder / "Containerfile").write_text("FROM samebits\nCOPY model /app/models/quant_params.joblib\n")
    done = podman(place.env, "build", "--format=docker", "--tag=forged", str(folder))
    assert done.returncode == 0, done.stderr
    return "localhost/forged"


def test_an_image_is_proved_from_its_digest_alone(built: Project, place: Place, pushed: str) -> None:
    done = image(built, "verify", pushed, env=place.empty_storage("verify"))
    assert "\nProved: " in done.stdout


def attach(place: Place, reference: str, content: dict[str, Any]) -> None:
    """Put a Sigstore bundle beside an image, as `actions/attest` does where a registry has no API for referrers."""
    base, digest = f"http://{place.address}/v2/owner/samebits", reference.partition("@")[2]
    with requests.Session() as session:
        session.auth = (containers.USER, place.password)

        def put(url: str, body: bytes, media: str) -> dict[str, Any]:
            session.put(url, data=body, headers={"Content-Type": media}).raise_for_status()
            return {"mediaType": media, "digest": f"sha256:{hashlib.sha256(body).hexdigest()}", "size": len(body)}

        def blob(body: bytes, media: str) -> dict[str, Any]:
            location = session.post(f"{base}/blobs/uploads/").headers["Location"]
            url = f"{location}&digest=sha256:{hashlib.sha256(body).hexdigest()}"
            return {**put(url, body, "application/octet-stream"), "mediaType": media}

        media = "application/vnd.dev.sigstore.bundle.v0.3+json"
        layer, empty = blob(json.dumps(content).encode(), media), blob(b"{}", "application/vnd.oci.empty.v1+json")
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "artifactType": media, "config": empty, "layers": [layer]}
        text = json.dumps(manifest).encode()
        found = put(f"{base}/manifests/sha256:{hashlib.sha256(text).hexdigest()}", text, kind)
        kind, tag = "application/vnd.oci.image.index.v1+json", digest.replace(":", "-")
        before = session.get(f"{base}/manifests/{tag}", headers={"Accept": kind})
        manifests = before.json()["manifests"] if before.ok else []
        index = {"schemaVersion": 2, "mediaType": kind, "manifests": [*manifests, {**found, "artifactType": media}]}
        put(f"{base}/manifests/{tag}", json.dumps(index).encode(), kind)


def test_statements_beside_an_image_are_read(built: Project, place: Place, pushed: str, tmp_path: Path) -> None:
    built.run("python", "-m", "samebits", "check", "--statement", str(tmp_path / "statement.json"))
    env = place.empty_storage("statements")
    done = image(built, "verify", pushed, env=env)
    assert "\nNo statements of other machines lie beside the image.\n" in done.stdout
    attach(place, pushed, bundle(statement_of(tmp_path / "statement.json", pushed)))
    done = image(built, "verify", pushed, env=env)
    assert "\nVerified: 22 of 22 outputs were made alike by 1 machine or more.\n" in done.stdout
    assert "\nProved: " in done.stdout
    forged = statement_of(tmp_path / "statement.json", pushed)
    forged["predicate"]["samebits"]["outputs"][0]["promised"] = "0" * 32
    attach(place, pushed, bundle(forged))
    done = image(built, "verify", pushed, env=env, check=False)
    assert done.returncode == 1
    assert "- attestation 2 of the image does not verify: " in done.stdout
    assert "\nNOT proved that " in done.stdout


def test_a_forged_image_is_found_out(built: Project, place: Place, tmp_path: Path) -> None:
    done = image(built, "verify", forged(built, place, tmp_path), env=place.env, check=False)
    assert done.returncode == 1
    assert "\n- models/quant_params.joblib: " in done.stdout
    assert "\nNOT proved that " in done.stdout


def test_an_image_of_something_else_cannot_be_verified(built: Project, place: Place) -> None:
    for name, message in (("localhost/distroless", "create"), ("localhost/nothing", "create")):
        done = image(built, "verify", name, env=place.env, check=False)
        assert done.returncode == 2
        assert message in done.stderr

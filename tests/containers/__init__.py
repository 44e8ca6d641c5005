"""A place to rehearse images where there is no Docker engine and no registry can be reached.

podman and the registry run here, for this process alone; stand-ins of the base images are made from Debian's packages.
"""

import json
import os
import platform
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PODMAN, DOCKER = str(HERE / "podman"), str(HERE / "docker")
PACKAGES = {
    "/usr/bin/podman": "podman",
    "/usr/bin/crun": "crun",
    "/usr/bin/docker-registry": "docker-registry",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/htpasswd": "apache2-utils",
}
BASES = {"BUILDER": "python", "BASE": "distroless"}  # argument of the Dockerfile: script that makes its stand-in
USER = "rehearsal"

REGISTRY = """version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: rehearsal, path: {folder}/htpasswd}}}}
log: {{level: error, accesslog: {{disabled: true}}}}
"""
STORAGE = """[storage]
driver = "overlay"
graphroot = "{folder}/{name}/graph"
runroot = "{folder}/{name}/run"
"""
WITH_BASES = """[storage.options]
additionalimagestores = ["{folder}/bases/graph"]
"""
REGISTRIES = """[[registry]]
location = "{address}"
insecure = true
"""


@dataclass(frozen=True)
class Place:
    """A registry with a login at `address`; with the variables in `env`, podman is here and knows no login."""

    folder: Path
    address: str
    password: str
    env: dict[str, str]

    @property
    def build_args(self) -> list[str]:
        """What has the Dockerfile take the stand-ins."""
        return [f"--build-arg={argument}=localhost/{name}" for argument, name in BASES.items()]

    def empty_storage(self, name: str) -> dict[str, str]:
        """The variables with which podman has no image yet, but the stand-ins."""
        return {**self.env, **_storage(self.folder, name, WITH_BASES)}


def impossible() -> str | None:
    """Why there can be no such place here, if so."""
    if os.name != "posix" or os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return "only root on Debian can make the containers of this test"
    if platform.machine() != "x86_64":
        return "the stand-ins of the base images are for x86-64"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "this system forbids mount namespaces; the containers of this test need them"
    return None


@contextmanager
def place() -> Iterator[Place]:
    """Install what is missing, make the stand-ins and start the registry; all but the packages goes with the block."""
    install(PACKAGES)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name, socket.create_server(("127.0.0.1", 0)) as free:
        folder, address = Path(name), f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        here = Place(folder, address, secrets.token_hex(8), _environment(folder, address))
        _make_bases(here)
        settings = folder / "registry.yml"
        settings.write_text(REGISTRY.format(folder=folder, address=address))
        login = ["htpasswd", "-Bbn", USER, here.password]
        (folder / "htpasswd").write_bytes(subprocess.run(login, capture_output=True, check=True).stdout)
        log = (folder / "registry.log").open("w")
        with log, subprocess.Popen(["docker-registry", "serve", settings], stdout=log, stderr=log) as registry:
            try:
                _wait_for(address)
                yield here
            finally:
                registry.terminate()


def install(packages: dict[str, str]) -> None:
    """Install the packages, by the program that each is for, that are missing."""
    missing = [package for program, package in packages.items() if not Path(program).exists()]
    if missing:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *missing]
        for command in (["apt-get", "update", "--quiet=2"], install):
            subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)


def _environment(folder: Path, address: str) -> dict[str, str]:
    (folder / "registries.conf").write_text(REGISTRIES.format(address=address))
    (folder / "auth.json").write_text(json.dumps({}))
    return {
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        **_storage(folder, "storage", WITH_BASES),
    }


def _storage(folder: Path, name: str, options: str = "") -> dict[str, str]:
    file = folder / f"{name}.conf"
    file.write_text((STORAGE + options).format(folder=folder, name=name))
    return {"CONTAINERS_STORAGE_CONF": str(file)}


def _make_bases(here: Place) -> None:
    env = {**os.environ, **here.env, **_storage(here.folder, "bases"), "SOURCE_DATE_EPOCH": "0"}
    making = {
        name: subprocess.Popen([HERE / f"{name}.sh", here.folder / f"{name}.tar"], env=env, stderr=subprocess.PIPE)
        for name in BASES.values()
    }
    for name, process in making.items():
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
        (here.folder / "Containerfile").write_text(f"FROM scratch\nADD {name}.tar /\n")
        command = [PODMAN, "build", "--quiet", "--timestamp=0", f"--tag=localhost/{name}", str(here.folder)]
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
        (here.folder / f"{name}.tar").unlink()


def _wait_for(address: str) -> None:
    host, port = address.split(":")
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((host, int(port))).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)

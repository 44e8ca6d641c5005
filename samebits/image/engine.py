"""Docker or podman, as the user chooses: the few subcommands that images need here."""

import hashlib
import io
import json
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from samebits import artifacts
from samebits.errors import UserError

HARDENED = ["--network=none", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]


@dataclass(frozen=True)
class Engine:
    """A command: `docker`, `podman` or one with the same arguments. All methods raise UserError if it fails."""

    command: str = "docker"

    @cached_property
    def is_podman(self) -> bool:
        """Whether the command is podman, under any name."""
        return self._output("--version").startswith(b"podman")

    def build(self, tags: Sequence[str], epoch: str, options: Sequence[str]) -> None:
        """Build the working directory's Dockerfile, all its times being `epoch`, seconds since 1970."""
        options = [*(f"--tag={tag}" for tag in tags), f"--build-arg=SOURCE_DATE_EPOCH={epoch}", *options, "."]
        if self.is_podman:
            self._run("build", "--format=docker", f"--timestamp={epoch}", *options)  # the other has no health check
            self._take_out_names(tags)
        else:
            self._run("buildx", "build", "--load", "--provenance=false", *options)

    def push(self, tag: str, epoch: str, options: Sequence[str]) -> str:
        """Push what `build` built with the same arguments; returns its digest.

        Docker builds it again, from its cache, as only so can it add an SBOM and the provenance of the build.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "digest"
            if self.is_podman:
                self._run("push", f"--digestfile={file}", tag)
                return file.read_text().strip()
            attestations = ["--sbom=true", "--provenance=mode=max"]
            options = [f"--tag={tag}", f"--build-arg=SOURCE_DATE_EPOCH={epoch}", *options, "."]
            self._run("buildx", "build", "--push", f"--metadata-file={file}", *attestations, *options)
            return str(artifacts.read_json(file)["containerimage.digest"])

    def pull(self, reference: str) -> None:
        """Pull an image."""
        self._run("pull", "--quiet", reference)

    def tag_pushed(self, reference: str, tag: str) -> None:
        """Give an image that was pushed and pulled one more tag in its registry."""
        if self.is_podman:
            self._run("tag", reference, tag)
            self._run("push", tag)
        else:
            self._run("buildx", "imagetools", "create", "--tag", tag, reference)

    def run(self, image: str, *arguments: str, given: bytes = b"") -> bytes:
        """What a hardened container prints: no network, nothing writable, no capabilities."""
        return self._output("run", "--rm", "--interactive", *self._hardened, image, *arguments, given=given)

    def becomes_healthy(self, image: str, seconds: float = 30) -> bool:
        """Whether a hardened container of the image's own command passes the image's own health check in time."""
        container = self._output("run", "--detach", *self._hardened, image).decode().strip()
        try:
            check = json.loads(self._output("inspect", "--format={{json .Config.Healthcheck.Test}}", container))
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                with suppress(UserError):
                    self._output("exec", container, *check[1:])
                    return True
                time.sleep(0.1)
            return False
        finally:
            self._output("rm", "--force", container)

    def look_into(self, image: str, folder: str, skip: str) -> tuple[dict[str, str], dict[str, bytes]]:
        """The labels of an image, and the files in a folder of it by their names there, without one subfolder."""
        container = self._output("create", image).decode().strip()
        try:
            labels = self._output("inspect", "--format={{json .Config.Labels}}", container)
            archive = self._output("cp", f"{container}:{folder}", "-")
        finally:
            self._output("rm", container)
        files = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                name = member.name.partition("/")[2]  # after that of the folder
                if not member.isdir() and not name.startswith(f"{skip}/"):
                    file = tar.extractfile(member) if member.isfile() else None
                    files[name] = file.read() if file else b"(no file)"
        return json.loads(labels) or {}, files

    def _take_out_names(self, tags: Sequence[str]) -> None:
        """Take out of an image what podman puts into each in Docker's format: names of its temporary containers."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "image"
            self._output("save", "--format=docker-dir", f"--output={folder}", tags[0])
            manifest = artifacts.read_json(folder / "manifest.json")
            config = artifacts.read_json(folder / manifest["config"]["digest"].removeprefix("sha256:"))
            for key in ("container", "container_config", "history", "parent"):
                config.pop(key, None)
            config["config"].pop("Hostname", None)
            content = json.dumps(config).encode()
            digest = hashlib.sha256(content).hexdigest()
            (folder / digest).write_bytes(content)
            manifest["config"] |= {"digest": f"sha256:{digest}", "size": len(content)}
            artifacts.write_json(manifest, folder / "manifest.json")
            self._output("pull", f"dir:{folder}")
        self._output("tag", digest, *tags)

    @property
    def _hardened(self) -> list[str]:
        return HARDENED + (["--read-only-tmpfs=false"] if self.is_podman else [])  # its /tmp would be writable

    def _run(self, *arguments: str) -> None:
        """Run it with its output on stderr, for people."""
        self._call(arguments, stdout=sys.stderr)

    def _output(self, *arguments: str, given: bytes = b"") -> bytes:
        return self._call(arguments, input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _call(self, arguments: Sequence[str], **options: Any) -> bytes:
        line = [*shlex.split(self.command), *arguments]
        try:
            done = subprocess.run(line, check=False, **options)
        except FileNotFoundError:
            raise UserError(
                f"{line[0]}: not found; install it, or name another, for example `make image DOCKER=podman`"
            ) from None
        if done.returncode:
            said = (done.stderr or b"").decode(errors="replace").strip().splitlines()
            raise UserError(f"{self.command} {arguments[0]}: {said[-1] if said else 'failed; see its output above'}")
        return done.stdout or b""

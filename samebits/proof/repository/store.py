"""Objects of DVC by their hashes: of the local cache, else of the remote; with the bytes that their names say."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from samebits.proof.repository.answers import UnavailableError
from samebits.proof.repository.failures import Failure, OtherBytes
from samebits.proof.repository.hashes import DIR, Hash, Manifest, hash_of, read_manifest
from samebits.proof.repository.of_dvc import Repository

OBJECT = re.compile(r"[A-Za-z0-9-]{3,200}(?:\.dir)?")


@dataclass
class Store:
    """The objects that a repository has here, and those of its remote.

    downloads: a folder for what comes from the remote; without it, none is asked.
    edited: objects of the local cache that have other bytes than their names say, found so far.
    failures: why the remote did not give an object, found so far.
    """

    repo: Repository
    downloads: Path | None = None
    edited: set[Hash] = field(default_factory=set)
    failures: dict[Hash, Failure] = field(default_factory=dict)
    _found: dict[Hash, Path | None] = field(default_factory=dict)

    def get(self, hash_: Hash, remote: str | None = None, ask: bool = True) -> Path | None:
        """A file with the bytes of an object, not to be changed.

        remote: the name of one, else the default one. ask: whether it may be asked.
        """
        if not OBJECT.fullmatch(hash_.value) or not OBJECT.fullmatch(hash_.name):
            return None  # a text of the lock that is no hash may lead to any file
        if hash_ not in self._found:
            self._found[hash_] = self._of_cache(hash_)
        if self._found[hash_] is None and ask and self.downloads and hash_ not in self.failures:
            self._found[hash_] = self._of_remote(hash_, remote)
        return self._found[hash_]

    def manifest(self, hash_: Hash, remote: str | None = None, ask: bool = True) -> Manifest | None:
        """The list of files of a folder; as `get`."""
        path = self.get(hash_, remote, ask)
        return read_manifest(path.read_bytes(), hash_.name) if path else None

    def _of_cache(self, hash_: Hash) -> Path | None:
        path = self.repo.cached(hash_)
        if not path or not path.is_file():
            return None
        if not is_object(path, hash_):
            self.edited.add(hash_)
            return None
        return path

    def remote_has(self, hash_: Hash, name: str | None = None) -> bool:
        """Whether a remote, else the default one, says that it has an object; where not, `failures` tells why."""
        try:
            self.repo.ask(hash_, name)
        except UnavailableError as error:
            self.failures[hash_] = error.failure
            return False
        return True

    def _of_remote(self, hash_: Hash, name: str | None) -> Path | None:
        assert self.downloads
        path = self.downloads / hash_.name / hash_.value
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.repo.download(hash_, name, path)
            if is_object(path, hash_):
                return path
            self.failures[hash_] = OtherBytes()
        except UnavailableError as error:
            self.failures[hash_] = error.failure
        path.unlink(missing_ok=True)
        return None


def is_object(path: Path, hash_: Hash) -> bool:
    """Whether a file has the bytes of an object."""
    try:
        return hash_of(path, hash_.name).value == hash_.value.removesuffix(DIR)
    except ValueError:  # of a name that is no algorithm's
        return False

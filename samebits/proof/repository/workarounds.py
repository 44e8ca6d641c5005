"""What DVC does not survive, mended before it reads: a plug-in that is missing, a hash that looks like a number."""

import os
import re
from importlib.util import find_spec
from typing import Any

from dvc.dvcfile import FileMixin, Lockfile
from dvc.fs import LocalFileSystem
from dvc_objects.fs import known_implementations
from dvc_objects.fs.base import FileSystem

CHECKSUMS = {"ssh": "md5", "hdfs": "checksum", "webhdfs": "checksum", "gdrive": "checksum"}  # else etag
# A hash without quotes that YAML takes for a number
NUMBER = re.compile(r"\b(?:md5|etag|checksum)[\"']?\s*:\s*[-+.\d][-+.\d_eE]*\s*(?:[,}#\n]|$)")

_load_yaml = FileMixin._load_yaml
_locks: dict[str, tuple[tuple[int, ...], tuple[Any, str]]] = {}  # by path, with what tells a change


class MissingPluginError(Exception):
    """A remote was asked whose plug-in is not installed. package: its name."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed")
        self.package = package


class NotInstalled(FileSystem):
    """The files of a remote whose plug-in is not installed: they have paths, and cannot be read.

    Otherwise DVC could not read a repository at all of which one `.dvc` file imports from there.
    """

    package = ""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.partition("://")[2]

    @property
    def fs(self) -> Any:
        """None can be made. Raises MissingPluginError."""
        raise MissingPluginError(self.package)


def __getattr__(name: str) -> type[NotInstalled]:
    """The class for a scheme, as DVC's list of file systems asks for it."""
    if name not in known_implementations:
        raise AttributeError(name)
    package = re.search(r"dvc-\w+", known_implementations[name]["err"])
    about = {
        "protocol": name,
        "PARAM_CHECKSUM": CHECKSUMS.get(name, "etag"),
        "package": package[0] if package else name,
    }
    return type(name, (NotInstalled,), about)


def _load(self: FileMixin, **options: Any) -> tuple[Any, str]:
    """A file of DVC as its own schema has it, where a hash is a text; DVC checks the file by that and forgets it.

    A lock, of which half of a run's time is the reading, is read once.
    """
    if not isinstance(self, Lockfile) or options or not isinstance(self.repo.fs, LocalFileSystem):
        return _load_yaml(self, **options) if options else _with_texts_as_hashes(self)
    about = os.stat(self.path)
    key = about.st_mtime_ns, about.st_size, about.st_ino
    if self.path not in _locks or _locks[self.path][0] != key:
        _locks[self.path] = key, _with_texts_as_hashes(self)
    return _locks[self.path][1]


def _with_texts_as_hashes(file: FileMixin) -> tuple[Any, str]:
    data, text = _load_yaml(file)
    return (file.validate(data, file.relpath) if NUMBER.search(text) else data), text


for _scheme, _about in known_implementations.items():
    if find_spec(_about["class"].partition(".")[0]) is None:
        _about["class"] = f"{__name__}.{_scheme}"
FileMixin._load_yaml = _load

"""DVC, asked what a repository holds. No other module of the proof imports DVC; what comes from here is plain data."""

import gc
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from dvc.config import NoRemoteError
from dvc.dependency import DatasetDependency, DbDependency, ParamsDependency, RepoDependency
from dvc.dvcfile import FileMixin, Lockfile, ProjectFile, load_file
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.fs import LocalFileSystem
from dvc.output import Output as DvcOutput
from dvc.parsing import DO_KWD, FOREACH_KWD
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA, FOREACH_IN, MULTI_STAGE_SCHEMA, STAGE_DEFINITION
from dvc.stage import PipelineStage
from dvc.stage import Stage as DvcStage
from dvc.utils.serialize import (
    MODIFIERS,
    PARSERS,
    ParseError,
    YAMLFileCorruptedError,
    dumps_yaml,
    parse_yaml,
)
from dvc_data.index.index import DataIndexDirError
from dvc_objects.fs import known_implementations
from dvc_objects.fs.base import FileSystem
from voluptuous import Invalid
from voluptuous import Schema as VoluptuousSchema

from samebits.artifacts import LOCK, check_merged
from samebits.errors import UserError
from samebits.proof.repository.answers import (
    Found,
    NoRepositoryError,
    Shown,
    UnavailableError,
    broken_lock,
    first_line,
    told,
)
from samebits.proof.repository.failures import NoRemote, NotInstalled, NotThere, Unreadable
from samebits.proof.repository.hashes import OLD, Hash
from samebits.proof.repository.stages import PIPELINE, Item, Params, Stage, name_of, named_at_top

__all__ = ["dumps_yaml", "parse_yaml"]

NOT_YAML = frozenset(PARSERS)  # which takes up every other ending that it is asked for, so it is read here
CHECKSUMS = {"ssh": "md5", "hdfs": "checksum", "webhdfs": "checksum", "gdrive": "checksum"}  # else etag
# A hash without quotes that YAML takes for a number
NUMBER = re.compile(r"\b(?:md5|etag|checksum)[\"']?\s*:\s*[-+.\d][-+.\d_eE]*\s*(?:[,}#\n]|$)")


class Repository:
    """A DVC repository: its files as DVC reads them, its cache and its remotes. root: its folder."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self.root = Path(repo.root_dir)

    @classmethod
    def open(cls, folder: Path | None = None, git: bool = True) -> Self:
        """The one in a folder, or around the working directory.

        git: whether DVC may ask git, and write to its settings. Raises UserError where there is no repository.
        """
        return cls._open(folder, {} if git else {"core": {"no_scm": True}})

    @classmethod
    def exported(cls, root: Path, temporary: Path, user: Self | None, own_cache: bool) -> Self:
        """The one that a commit holds, with the remotes of the user's and nothing else of that.

        root: where its files are. temporary: a folder for what DVC writes. own_cache: whether it has a cache of its
        own; else that of the user's.
        """
        core = {"no_scm": True, "autostage": False, "site_cache_dir": str(temporary / "dvc")}
        found: dict[str, Any] = {"core": core}
        if own_cache:
            found["cache"] = {"dir": str(root / ".dvc" / "cache"), "local": "", "type": ["reflink", "copy"]}
        elif user and user._repo.cache.local is not None:
            found["cache"] = {"dir": user._repo.cache.local_cache_dir}
        if user:
            found["remote"] = dict(user._repo.config.get("remote") or {})
            core |= {"remote": user.remote} if user.remote else {}
        return cls._open(root, found)

    @classmethod
    def _open(cls, folder: Path | None, config: dict[str, Any]) -> Self:
        try:
            return cls(Repo(folder and str(folder), config=config))
        except NotDvcRepoError as error:
            raise NoRepositoryError(f"DVC: {error}; run in a repository that has a {PIPELINE}") from None
        except DvcException as error:
            raise UserError(f"DVC: {error}") from None

    def read(self) -> Found:
        """Its pipelines. Raises UserError where DVC cannot read them."""
        with without_collection():
            return self._read()

    def _read(self) -> Found:
        try:
            found = self._repo.index.stages
            self._repo.index.outs_trie  # noqa: B018 - raises where two stages make one path
            paths = {each.path for each in found if isinstance(each, PipelineStage)}
            locks = {path: load_file(self._repo, path).lockfile_contents.get("stages") or {} for path in sorted(paths)}
            stages = [_stage(each, self.root, locks.get(each.path)) for each in found]
            known = {(each.path, each.name) for each in found if isinstance(each, PipelineStage)}
            recorded = [(path, name) for path, lock in locks.items() for name in lock]
            strangers = [(_relative(path, self.root), name) for path, name in recorded if (path, name) not in known]
            return Found(stages, strangers, self._at_top())
        except UserError:
            raise
        except Exception as error:  # of a file that nobody expects, DVC raises errors of any kind
            self._explain_unreadable()
            raise UserError(f"DVC cannot read this repository: {self._told(error)}") from error

    @property
    def remote(self) -> str | None:
        """The name of its default remote, if it has one."""
        return self._repo.config["core"].get("remote")

    @property
    def caches(self) -> list[Path]:
        """The folders in which DVC keeps objects."""
        caches = (self._repo.cache.local, self._repo.cache.legacy)
        return [Path(each.path) for each in caches if each is not None]

    def cached(self, hash_: Hash) -> Path | None:
        """Where its cache keeps an object, if it has it; None where there is no cache."""
        cache = self._repo.cache.legacy if hash_.name == OLD else self._repo.cache.local
        return Path(cache.oid_to_path(hash_.value)) if cache is not None else None

    def known(self, file: Path) -> Hash | None:
        """The hash that DVC has noted of a file, if it did not change since."""
        _, found = self._repo.state.get(os.fspath(file), self._repo.fs)
        return Hash(found.name, found.value) if found else None

    def not_ignored(self, folder: Path, folders: list[str], names: list[str]) -> tuple[list[str], list[str]]:
        """The folders and files in a folder that no .dvcignore leaves out."""
        kept: tuple[list[str], list[str]] = self._repo.dvcignore(os.fspath(folder), folders, names)
        return kept

    def ignores(self, file: Path) -> bool:
        """Whether a .dvcignore leaves a file out."""
        return bool(self._repo.dvcignore.is_ignored_file(os.fspath(file)))

    def ask(self, hash_: Hash, remote: str | None) -> None:
        """Ask a remote, else the default one, whether it has an object. Raises UnavailableError where it has not."""
        with _asking():
            there = self._repo.cloud.get_remote_odb(remote, hash_name=hash_.name)
            there.fs.cat_file(there.oid_to_path(hash_.value), start=0, end=1)  # `exists` is False where none answers

    def download(self, hash_: Hash, remote: str | None, file: Path) -> None:
        """Write an object of a remote, else of the default one, to a file. Raises UnavailableError."""
        with _asking():
            there = self._repo.cloud.get_remote_odb(remote, hash_name=hash_.name)
            there.fs.get_file(there.oid_to_path(hash_.value), str(file))

    def fetch(self, source: Stage, out: Item) -> None:
        """Put imported data, from where it came from, in its place. Raises UnavailableError."""
        try:
            path = str(self.root / source.file)
            self._repo.fetch([path])
            stage = load_file(self._repo, path).stage
            next(each for each in stage.outs if str(each.def_path) == out.name).checkout(force=True)
        except Exception as error:  # each kind of source has errors of its own
            why = "" if isinstance(error, FileNotFoundError) else f" ({first_line(error)})"
            told = f"neither the cache, a remote nor its origin gives it{why}"
            raise UnavailableError(Unreadable(told)) from error

    def show(self, what: Literal["params", "metrics"], when: str) -> dict[str, Shown]:
        """The values of all its files of params or metrics, by path. when: in words, for an error.

        Raises UserError where DVC cannot tell any.
        """
        try:
            self._repo.index.stages  # noqa: B018 - where it fails, `show` would log it
            [told] = getattr(self._repo, what).show(hide_workspace=False).values()
            if failure := told.get("error"):
                raise failure
        except Exception as error:  # DVC raises errors of any kind
            try:
                self.read()  # it names the file that is to blame
            except UserError as reason:
                raise UserError(f"{when}: {reason}" if when != "now" else str(reason)) from error
            raise UserError(f"DVC cannot read the {what} {when}: {' '.join(str(error).split())}") from error
        return {path: _shown(each) for path, each in told.get("data", {}).items()}

    def _at_top(self) -> list[str]:
        index, found = self._repo.index, dict[str, None]()
        for named in (index._metrics, index._plots, index._params, index._artifacts):
            for file, content in named.items():
                for path in named_at_top(content):
                    found[_relative(os.path.join(self.root, os.path.dirname(file), path), self.root)] = None
        return [each for each in found if not each.startswith("../")]

    def _explain_unreadable(self) -> None:
        """Raise UserError where one file is to blame: it names it, and says what is wrong with it."""
        for path in self._files():
            relative = _relative(str(path), self.root)
            content = path.read_bytes()
            check_merged(content, relative)
            if path.name == LOCK:
                try:
                    load_file(self._repo, str(path.with_name(PIPELINE)))._lockfile.load()
                except Exception as error:
                    raise UserError(broken_lock(path, relative, self._told(error))) from error
            elif path.name.endswith(".dvc"):
                try:
                    load_file(self._repo, str(path)).stage  # noqa: B018 - it reads the file
                except Exception as error:
                    raise UserError(f"{relative}: DVC cannot read it ({self._told(error)})") from error

    def _told(self, error: Exception) -> str:
        return told(error, self.root, isinstance(error, DvcException))

    def _files(self) -> Iterator[Path]:
        for folder, _, names in self._repo.dvcignore.walk(self._repo.fs, self._repo.root_dir):
            for name in names:
                if name in (PIPELINE, LOCK) or name.endswith(".dvc"):
                    yield Path(folder, name)


@contextmanager
def without_collection() -> Iterator[None]:
    """While DVC reads: it makes millions of small objects, none of them garbage. To look takes a third of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def lock_in(content: bytes, name: str) -> Mapping[str, Any]:
    """A lock, checked by DVC's schema; none for an empty file. Raises ValueError where it is none of DVC 2 or 3."""
    try:
        found = parse_yaml(content.decode(), name)
        return COMPILED_LOCKFILE_SCHEMA(found) if found else {}
    except (YAMLFileCorruptedError, Invalid, RecursionError) as error:
        raise ValueError(str(error)) from error


def is_yaml(path: str) -> bool:
    """Whether DVC reads a file of parameters as YAML."""
    return PurePosixPath(path).suffix.lower() not in NOT_YAML


def params_in(content: bytes, path: str) -> Any:
    """What DVC reads of a file of parameters. Raises ValueError where it cannot."""
    try:
        return PARSERS[PurePosixPath(path).suffix.lower()](content.decode(), path)
    except (ParseError, ValueError, RecursionError, MemoryError) as error:
        why = error.__cause__ or error
        raise ValueError(" ".join(str(why).split()) or type(why).__name__) from None


def with_values(
    content: bytes, path: str, values: Mapping[tuple[str, ...], Any], without: Iterable[tuple[str, ...]] = ()
) -> bytes:
    """A file of parameters with other values of some keys, written as DVC writes it for an experiment.

    without: keys that go. Raises ValueError where DVC cannot.
    """
    suffix = PurePosixPath(path).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="samebits-") as folder:
        file = Path(folder, f"params{suffix}")
        file.write_bytes(content)
        try:
            with MODIFIERS[suffix](str(file)) as document:
                for keys, each in values.items():
                    _inner(document, keys)[keys[-1]] = each
                for keys in without:
                    del _inner(document, keys)[keys[-1]]
        except Exception as error:  # of a form that it does not know, it raises errors of any kind
            raise ValueError(f"{path}: {error}") from None
        return file.read_bytes()


def _inner(document: Any, keys: tuple[str, ...]) -> Any:
    for key in keys[:-1]:
        document = document[key]
    return document


def _stage(stage: DvcStage, root: Path, lock: Mapping[str, Any] | None) -> Stage:
    path = _relative(stage.path, root)
    in_pipeline = isinstance(stage, PipelineStage)
    entry = (lock or {}).get(stage.name) if in_pipeline else None
    recorded = (entry or {}).get("params") or {}
    of_params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    commands = stage.cmd.splitlines() if isinstance(stage.cmd, str) else stage.cmd or []
    return Stage(
        name=name_of(path, stage.name) if in_pipeline else path,
        file=path,
        cmd=stage.cmd,
        commands=[each for each in commands if each.strip()],
        wdir=Path(stage.wdir),
        deps=[_item(dep, root) for dep in stage.deps if dep not in of_params],
        outs=[_item(out, root) for out in stage.outs],
        params=[
            Params(_relative(dep.fs_path, root), list(dep.params), recorded.get(dep.def_path) or {})
            for dep in of_params
        ],
        entry=entry,
        frozen=bool(stage.frozen),
        in_pipeline=in_pipeline,
        imported=bool(stage.is_import),
    )


def _item(item: DvcOutput, root: Path) -> Item:
    if isinstance(item, DbDependency | DatasetDependency):  # these have neither a file nor a hash
        name = str(item.def_path or item.sql)
        return Item(name, name, None, False, False, None, None, None, False)
    here = not isinstance(item, RepoDependency) and isinstance(item.fs, LocalFileSystem)
    info = item.hash_info
    return Item(
        path=_relative(item.fs_path, root) if here else str(item.def_path),
        name=str(item.def_path),
        recorded=Hash(info.name, info.value) if info and isinstance(info.value, str) else None,
        here=here,
        cached=bool(item.use_cache),
        remote=item.remote,
        size=item.meta.size,
        nfiles=item.meta.nfiles,
        isexec=bool(item.meta.isexec),
    )


def _shown(told: Mapping[str, Any]) -> Shown:
    error = told.get("error")
    if not error:
        return Shown(told.get("data"))
    why = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
    return Shown(None, why, isinstance(error, FileNotFoundError | DataIndexDirError))


def _relative(path: str, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


@contextmanager
def _asking() -> Iterator[None]:
    """While a remote is asked: its errors as UnavailableError."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnavailableError(NotThere()) from error
    except NoRemoteError as error:
        raise UnavailableError(NoRemote()) from error
    except DvcException as error:
        raise UnavailableError(Unreadable(first_line(error))) from error
    except MissingPluginError as error:
        raise UnavailableError(NotInstalled(error.package)) from error
    except Exception as error:  # each kind of remote has errors of its own
        raise UnavailableError(Unreadable(f"the remote cannot be read ({first_line(error)})")) from error


class MissingPluginError(Exception):
    """A remote was asked whose plug-in is not installed. package: its name."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed")
        self.package = package


class WithoutPlugin(FileSystem):
    """The files of a remote whose plug-in is not installed: they have paths, and cannot be read.

    Otherwise DVC could not read a repository at all of which one `.dvc` file imports from there.
    """

    package = ""
    root_marker = ""  # DVC asks the class for it, where others have a property

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.partition("://")[2]

    @property
    def fs(self) -> Any:
        """None can be made. Raises MissingPluginError."""
        raise MissingPluginError(self.package)


def __getattr__(name: str) -> type[WithoutPlugin]:
    """The class for a scheme, as DVC's list of file systems asks for it."""
    if name not in known_implementations:
        raise AttributeError(name)
    package = re.search(r"dvc-\w+", known_implementations[name]["err"])
    about = {
        "protocol": name,
        "PARAM_CHECKSUM": CHECKSUMS.get(name, "etag"),
        "package": package[0] if package else name,
    }
    return type(name, (WithoutPlugin,), about)


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


def _stage_schema(data: Any) -> Any:
    """Check a stage of a dvc.yaml by DVC's schema, which DVC itself compiles for each stage: a fifth of the time."""
    several = isinstance(data, Mapping) and (FOREACH_KWD in data or DO_KWD in data)
    return (_several if several else _one)(data)


# What DVC does not survive is mended before it reads: a plug-in that is missing, a hash that looks like a number
_one, _several = VoluptuousSchema(STAGE_DEFINITION), VoluptuousSchema(FOREACH_IN)
ProjectFile.SCHEMA = VoluptuousSchema({**MULTI_STAGE_SCHEMA, "stages": {str: _stage_schema}})
_load_yaml = FileMixin._load_yaml
_locks: dict[str, tuple[tuple[int, ...], tuple[Any, str]]] = {}  # by path, with what tells a change
FileMixin._load_yaml = _load
for _scheme, _about in known_implementations.items():
    if find_spec(_about["class"].partition(".")[0]) is None:
        _about["class"] = f"{__name__}.{_scheme}"

"""What no stage of a run makes: data of `.dvc` files, imports, outputs of stages that do not run."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dvc_objects.fs.generic import transfer
from dvc_objects.fs.local import localfs

from samebits.proof.repository.pipeline import Item, Pipeline, Stage
from samebits.proof.repository.store import Store, first_line
from samebits.proof.repository.tree import Hash, Paths, lies_in
from samebits.proof.verdict import Problem

LARGE = 32 * 2**20  # bytes from which on a file is linked, as DVC links, rather than copied


@dataclass
class Sources:
    """The sources of a run in the export of a commit.

    pipeline: of the export. top: where its repository of git stands. store: where the objects are.
    linked: files that share their bytes with the user's cache.
    """

    pipeline: Pipeline
    top: Path
    store: Store
    linked: list[Path] = field(default_factory=list)
    _states: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def provide(self, running: list[Stage]) -> Iterator[Problem]:
        """Put all sources that are at hand in their places; those that a stage needs are asked of the remote, too."""
        names = {stage.name for stage in running}
        readers_of: dict[str, list[str]] = {}
        for stage in running:
            for path in stage.reads:
                readers_of.setdefault(path, []).append(stage.name)
        read = Paths(readers_of)
        for source in self.pipeline.stages:
            for out in source.outs:
                if source.name in names or not out.here or not out.cached:
                    continue
                readers = list(dict.fromkeys(name for path in read.overlapping(out.path) for name in readers_of[path]))
                why = self.place(source, out, bool(readers))
                for reader in readers if why else []:
                    text = f"{out.path}, of {source.name}, is not at hand: {why}"
                    text += f"; `dvc pull {source.name}` gets it where a remote has it"
                    yield Problem(reader, "missing-source", out.path, text, source.name)

    def place(self, source: Stage, out: Item, needed: bool) -> str | None:
        """Put an output of a source in its place; else tells why that cannot be."""
        hash_ = out.recorded
        if hash_ is None:
            return "it has no recorded hash"
        if not lies_in(self.pipeline.root / out.path, self.top):
            return "it lies outside of the repository"
        objects = self._objects(hash_, out.dvc.remote, needed)
        if objects is None:
            if needed and source.dvc.is_import and self._import(source, out):
                return None
            if hash_ in self.store.edited:
                return "in the cache, it has other bytes than its name says"
            return self.store.failures.get(hash_) or "neither the cache nor a remote has all of it"
        for place, (each, path) in objects.items():
            self._link(path, self.store.path_in(self.pipeline.repo, each))
            if place is not None:
                self._link(path, self.pipeline.root / out.path / place)
        if not hash_.is_folder and out.dvc.meta.isexec:
            file = self.pipeline.root / out.path
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return None

    def changed(self) -> list[Path]:
        """Files of the user's cache that the run changed through a link."""
        return [path for path, before in self._states.items() if _state(path) != before]

    def _objects(self, hash_: Hash, remote: str | None, ask: bool) -> dict[str | None, tuple[Hash, Path]] | None:
        """The objects of an output by their places in it, None for a manifest; None where one is not at hand."""
        path = self.store.get(hash_, remote, ask)
        if path is None:
            return None
        if not hash_.is_folder:
            return {"": (hash_, path)}
        found: dict[str | None, tuple[Hash, Path]] = {None: (hash_, path)}
        manifest = self.store.manifest(hash_, remote, ask)
        for name, each in (manifest or {}).items():
            if not (path := self.store.get(each, remote, ask)):
                return None
            found[name] = each, path
        return None if manifest is None else found

    def _link(self, path: Path, target: Path | None) -> None:
        if target is None or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        large = path.stat().st_size >= LARGE
        if large:
            self.linked.append(target)
            self._states[path] = _state(path)
        links = ["reflink", "hardlink", "symlink", "copy"] if large else ["reflink", "copy"]
        transfer(localfs, str(path), localfs, str(target), links=links)
        if not large:
            target.chmod(0o644)

    def _import(self, source: Stage, out: Item) -> bool:
        """Fetch an import from where it came from; whether it then is what was promised."""
        assert out.recorded
        try:
            self.pipeline.repo.fetch([source.dvc.path])
            out.dvc.checkout(force=True)
        except Exception as error:  # each kind of source has errors of its own
            why = "" if isinstance(error, FileNotFoundError) else f" ({first_line(error)})"
            self.store.failures[out.recorded] = f"neither the cache, a remote nor its origin gives it{why}"
            return False
        return self.pipeline.fresh().on_disk(out.path, out.recorded.name) == out.recorded


def _state(path: Path) -> tuple[int, int]:
    now = path.stat()
    return now.st_size, now.st_mtime_ns

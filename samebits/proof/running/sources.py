"""What no stage of a run makes: data of `.dvc` files, imports, outputs of stages that do not run."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from samebits.proof.repository.answers import UnavailableError
from samebits.proof.repository.export import Export
from samebits.proof.repository.hashes import Hash
from samebits.proof.repository.paths import lies_in
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.repository.store import Store
from samebits.proof.running.layers import copy_file
from samebits.proof.verdict import Problem

LARGE = 32 * 2**20  # bytes from which on a file is shown from the cache, not copied


@dataclass
class Sources:
    """The sources of a run in the export of a commit.

    pipeline: of the export. tree: that export. store: where the objects are. shared: whether large files may stay in
    the user's cache, as views show them from there; else they are copied. shown: these, by path from the top.
    """

    pipeline: Pipeline
    tree: Export
    store: Store
    shared: bool
    shown: dict[str, Path] = field(default_factory=dict)

    def provide(self, running: list[Stage]) -> Iterator[Problem]:
        """Put all sources that are at hand in their places; those that a stage needs are asked of the remote, too."""
        names = {stage.name for stage in running}
        for source in self.pipeline.stages:
            for out in source.outs:
                if source.name in names or not out.here or not out.cached:
                    continue
                readers = [each.name for each in self.pipeline.readers(out.path) if each.name in names]
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
        if not lies_in(self.pipeline.root / out.path, self.tree.top):
            return "it lies outside of the repository"
        objects = self._objects(hash_, out.remote, needed)
        if objects is None:
            if needed and source.imported and self._import(source, out):
                return None
            if hash_ in self.store.edited:
                return "in the cache, it has other bytes than its name says"
            return str(self.store.failures.get(hash_, "neither the cache nor a remote has all of it"))
        for place, (each, path) in objects.items():
            self._put(path, self.pipeline.repo.cached(each))
            if place is not None:
                self._put(path, self.pipeline.root / out.path / place)
        file = self.pipeline.root / out.path
        if not hash_.is_folder and out.isexec and not file.is_symlink():
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return None

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

    def _put(self, path: Path, target: Path | None) -> None:
        """Put the bytes of an object in a place of the export."""
        if target is None or os.path.lexists(target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.shared and path.stat().st_size >= LARGE:
            target.symlink_to(path.resolve())
            name = target.relative_to(self.tree.top)
            self.shown[name.as_posix()] = path.resolve()
            (self.tree.inside / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree.inside / name).touch()  # where a view shows it
        else:
            copy_file(path, target)
            target.chmod(0o644)

    def _import(self, source: Stage, out: Item) -> bool:
        """Fetch an import from where it came from; whether it then is what was promised."""
        assert out.recorded
        try:
            self.pipeline.repo.fetch(source, out)
        except UnavailableError as error:
            self.store.failures[out.recorded] = error.failure
            return False
        return self.pipeline.fresh().on_disk(out.path, out.recorded.name) == out.recorded

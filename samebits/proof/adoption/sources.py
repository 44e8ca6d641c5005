"""Where the data is that stages read and no stage makes."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from samebits.proof.adoption.need import Need
from samebits.proof.repository.failures import Failure, NotInstalled, NotThere, Unreadable
from samebits.proof.repository.hashes import Hash
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.words import some

SECONDS = 20  # within which a remote must answer
MOST_OBJECTS = 200  # of a source, of which a remote is asked
SHARE = "`dvc remote add -d NAME URL`, `dvc push`"
FETCHED = "the check fetches it from its origin"


def needs(pipeline: Pipeline, stages: list[Stage], tracked: Paths) -> Iterator[Need]:
    """Sources by their places; of many at one place, the first few."""
    read = Paths(path for stage in stages for path in stage.reads)
    running = {stage.name for stage in stages}
    remotes = _Remotes(pipeline)
    places: dict[tuple[str, str], list[str]] = {}
    for source in pipeline.stages:
        for out in source.outs:
            if source.name not in running and out.here and out.cached and read.overlapping(out.path):
                places.setdefault(remotes.where(source, out), []).append(out.path)
    for path in dict.fromkeys(path for stage in stages for path in _undeclared(pipeline, stage, tracked)):
        here = ", only in this folder" if os.path.exists(pipeline.root / path) else ""
        places.setdefault((f"in no commit, cache or remote{here}", "commit it, or `dvc add` it"), []).append(path)
    for (where, do), paths in places.items():
        yield Need("source", some(paths), where, do)
    if not places:
        yield Need("source", "all", "in git")


def _undeclared(pipeline: Pipeline, stage: Stage, tracked: Paths) -> Iterator[str]:
    """What a stage reads on this machine that neither git holds nor DVC promises nor a stage makes."""
    for path in stage.reads:
        if not tracked.overlapping(path) and not pipeline.makers(path):
            yield path


@dataclass
class _Remotes:
    """Asks cache and remotes for sources. silent: remotes that gave no answer, and why."""

    pipeline: Pipeline
    silent: dict[str, Failure] = field(default_factory=dict)

    def where(self, source: Stage, out: Item) -> tuple[str, str]:
        """Where an output of a source is, and what to do."""
        store, hash_ = self.pipeline.store, out.recorded
        if hash_ is None:
            return f"{source.name} records no hash", f"`dvc repro {source.name}`"
        manifest = store.manifest(hash_) if hash_.is_folder else None
        missing = [each for each in (hash_, *(manifest or {}).values()) if store.get(each) is None]
        name = out.remote or self.pipeline.repo.remote
        if not missing:
            alone = name is None and not source.imported
            return (
                f"in the cache here{'; no remote is set' if alone else ''}",
                f"for CI and others: {SHARE}" if alone else "",
            )
        if name is None:
            where, do = "not in the cache, and no remote is set", SHARE
        elif why := self._lacks(name, missing):
            where = f"not in the cache; {str(why).replace('the remote', f'remote {name}', 1)}"
            installs = f"`pip install {why.package}`" if isinstance(why, NotInstalled) else ""
            do = installs if name in self.silent else "`dvc push` where it is"
        else:
            return f"in remote {name}", ""
        return where, FETCHED if source.imported else do

    def _lacks(self, remote: str, missing: list[Hash]) -> Failure | None:
        """Why a remote does not give some objects; None where it has them."""
        if remote in self.silent:
            return self.silent[remote]
        store = self.pipeline.store
        pool = ThreadPoolExecutor()
        asked = [pool.submit(store.remote_has, each, remote) for each in missing[:MOST_OBJECTS]]
        _, open_ = wait(asked, SECONDS)
        pool.shutdown(wait=False, cancel_futures=True)
        if open_:
            self.silent[remote] = Unreadable(f"the remote did not answer within {SECONDS} s")
            return self.silent[remote]
        reasons = [store.failures[each] for each in missing[:MOST_OBJECTS] if each in store.failures]
        if reasons and not isinstance(reasons[0], NotThere):
            self.silent[remote] = reasons[0]
        return reasons[0] if reasons else None

"""What must hold beside equal bytes: nobody replaced an output, linked it away, or edited it in git or in the cache."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dvc.repo import Repo

from samebits.proof.comparators import compare
from samebits.proof.repository.pipeline import Item, Stage
from samebits.proof.repository.store import Store
from samebits.proof.repository.tree import Hash, hash_of, line_ends_of, links_in
from samebits.proof.running.run import Runner
from samebits.proof.running.sources import Sources
from samebits.proof.verdict import Problem


@dataclass
class Audit:
    """Looks at the outputs of a run, and at the user's own of them."""

    runner: Runner
    sources: Sources
    user: Repo

    def links(self, stage: Stage) -> Iterator[Problem]:
        """Outputs of a stage that are, or hold, links to what only this machine has."""
        tree, allowed = self.runner.tree, {path.resolve() for path in self.sources.linked}
        for out in (each for each in stage.outs if each.here):
            for link in links_in(tree.root / out.path):
                target = Path(os.path.realpath(link))
                if target not in allowed and not target.is_relative_to(tree.folder):
                    text = f"{out.path}: holds a link to {target}, which the commit does not hold"
                    yield Problem(stage.name, "missing-source", out.path, text)
                    break

    def of(self, ended: list[Stage], same: set[str]) -> Iterator[Problem]:
        """What is wrong after the run. ended: stages that ran to their ends. same: outputs with the promised bytes."""
        for stage in ended:
            yield from self._replaced(stage)
            for out in (each for each in stage.outs if each.here and each.recorded):
                if out.path in same:
                    yield from self._edited_in_git(stage, out)
                if out.cached and out.recorded:
                    yield from self._edited_in_cache(stage, out.path, out.recorded)
        for path in self.sources.changed():
            text = f"{path}: a stage wrote to this file of your cache, through a link; `dvc fetch` mends it"
            yield Problem(ended[-1].name if ended else "", "cache-edited", str(path), text)

    def _replaced(self, stage: Stage) -> Iterator[Problem]:
        """Outputs that another stage changed after the one that makes them: in the end, they are not as promised."""
        now, obtained = self.runner.hashes(stage), self.runner.obtained
        for out in stage.outs:
            if out.path in obtained and now.get(out.path) != obtained[out.path]:
                text = f"{out.path}: a stage that ran after {stage.name} replaced what it made"
                yield Problem(stage.name, "output-edited", out.path, text)

    def _edited_in_git(self, stage: Stage, out: Item) -> Iterator[Problem]:
        kept = self.runner.aside.get(out.path)
        if kept and kept.is_file() and out.recorded and not line_ends_of(out.recorded, partial(hash_of, kept)):
            for each in compare(out.path, kept, self.runner.tree.root / out.path, []).differences:
                text = f"{out.path}: {each.sentence()}: the committed file was edited"
                yield Problem(stage.name, "output-edited", out.path, text)

    def _edited_in_cache(self, stage: Stage, path: str, hash_: Hash) -> Iterator[Problem]:
        local = Store(self.user)
        manifest = local.manifest(hash_) if hash_.is_folder else None
        for each in [hash_, *(manifest or {}).values()]:
            local.get(each)
        for edited in local.edited:
            text = f"{path}: replaced in the cache of DVC, where {edited.value} has other bytes than its name says"
            yield Problem(stage.name, "cache-edited", path, text)

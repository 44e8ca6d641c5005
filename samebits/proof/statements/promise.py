"""A statement against the commit that it names: what contradicts it, of what is at hand."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from samebits.proof.record import lock
from samebits.proof.repository.export import Export
from samebits.proof.repository.hashes import Hash, folder_hash, hash_of, sha256_of, with_own_line_ends
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item
from samebits.proof.repository.store import Store
from samebits.proof.settings import Settings
from samebits.proof.statements.statement import Made, Read, Statement
from samebits.proof.verdict import Problem


@dataclass
class Promise:
    """What a commit promises.

    store: objects of the user's cache. looked_at: the files whose bytes were at hand and compared, so far.
    """

    tree: Export
    store: Store
    looked_at: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        repo = Repository.exported(self.tree.root, self.tree.folder, None, own_cache=False)
        self.pipeline = Pipeline.read(repo, self.store)
        self.settings = Settings.load(self.tree.root, self.tree.top)

    @cached_property
    def outputs(self) -> list[str]:
        """All that the stages make on this machine, in the order of the run."""
        return [out.path for stage in self.pipeline.stages if stage.runs for out in stage.outs if out.here]

    def refutes(self, each: Read) -> Iterator[str]:
        """Why a statement cannot be what a check of this commit wrote; nothing where none of it is contradicted."""
        facts = each.statement.facts
        if not each.enveloped and not each.canonical:
            yield "its bytes are not canonical: it was changed"
        if each.statement != Statement.of(facts):
            yield "its subjects, its result or its tests do not follow from its facts"
        settled = not facts.problems and all(made.allowed for made in facts.outputs) and all(facts.varied.values())
        if settled != (facts.conclusion == "reproduced"):
            yield f"its conclusion, {facts.conclusion}, does not follow from its outputs and problems"
        if facts.root != self.tree.root.relative_to(self.tree.top).as_posix():
            yield f"{facts.root} is not where DVC stands in the commit"
        if {each.name: each.digest.get("sha256") for each in facts.locks} != self.pipeline.locks():
            yield "the digest of dvc.lock is not that of the commit"
        if facts.network is not None and facts.network != sorted(self.settings.network):
            yield "the settings of the commit give the network to other stages"
        if facts.conclusion == "reproduced":
            stages = {made.stage for made in facts.outputs}
            yield from (f"reproduced, but {told.text}" for told in self._told if told.stage in stages)
        ran = {made.stage for made in facts.outputs}
        yield from (f"{name} is said to be taken as recorded, and to have run" for name in facts.taken if name in ran)
        told = {made.path for made in facts.outputs}
        for name in {made.stage for made in facts.outputs}.intersection(self.pipeline.places):
            makes = self.pipeline.stages[self.pipeline.places[name]].makes
            yield from (f"{path}: left out, though {name} ran" for path in makes if path not in told)
        for made in facts.outputs:
            stage, out = self.pipeline.outputs.get(made.path, (None, None))
            if not stage or not out or stage.name != made.stage:
                yield f"{made.path}: no output of {made.stage} in the commit"
            else:
                yield from (f"{made.path}: {why}" for why in self._of_output(made, out))

    @cached_property
    def _told(self) -> list[Problem]:
        """What dvc.lock tells against the commit, without a run."""
        return [each for each in lock.problems(self.pipeline) if each.decides]

    def _of_output(self, made: Made, out: Item) -> Iterator[str]:
        name = out.recorded.name if out.recorded else "md5"
        hash_ = with_own_line_ends(out.recorded, self.tree.root / out.path) or out.recorded
        promised = hash_.value if hash_ else None
        held = self._in_git(out.path)
        edited = made.verdict == "differs" and bool(held and made.promised == hash_of(held, name).value)
        if made.promised != promised and not edited:
            yield f"says that {_short(made.promised)} is promised; the commit promises {_short(promised)}"
        if (made.verdict == "same") != (made.obtained is not None and made.obtained == made.promised):
            yield f"{made.verdict}, but {_short(made.promised)} is promised, and {_short(made.obtained)} made"
        if (made.rule or made.allowed) and (made.verdict == "same") == bool(made.rule):
            yield f"{made.verdict}, by {made.rule or 'no rule'}"
        elif made.rule and not self._allows(made):
            yield f"{made.verdict}, by a rule that the settings of the commit do not have: {made.rule}"
        if made.obtained != _hash_of(made, name):
            yield "the hash of what was made is not that of its files"
        for file in made.files:
            if file.path != made.path and not file.path.startswith(f"{made.path}/"):
                yield f"{file.path} is no file of it"
            found = self._at_hand(file.path, Hash(name, file.hash))
            if found and found != file.sha256:
                yield f"the SHA-256 of {file.path} is {_short(file.sha256)}, of the bytes at hand {_short(found)}"

    def _in_git(self, path: str) -> Path | None:
        """The file that git holds at a path, if it does."""
        file = self.tree.root / path
        inside = os.path.isfile(file) and file.resolve().is_relative_to(self.tree.top)  # not where no file can be
        return file if inside else None

    def _at_hand(self, path: str, hash_: Hash) -> str | None:
        """The SHA-256 of the bytes of a hash of DVC: of the file in git at a path, or of the cache."""
        of_git = self._in_git(path)
        found = of_git if of_git and hash_of(of_git, hash_.name) == hash_ else self.store.get(hash_, ask=False)
        if found:
            self.looked_at.add(path)
        return sha256_of(found) if found else None

    def _allows(self, made: Made) -> bool:
        """Whether the rules that are named, and no others, stand in the settings, and are for this output."""
        left, paths = made.rule or "", [made.path, *(file.path for file in made.files)]
        named = [rule for rule in self.settings.outputs if str(rule) in left and any(map(rule.fits, paths))]
        for rule in sorted(named, key=lambda each: -len(str(each))):
            left = left.replace(str(rule), "")
        return bool(named) and not left.strip("; ")


def _hash_of(made: Made, name: str) -> str | None:
    """The hash of what was made, of those of its files."""
    if not made.files and made.obtained is None:
        return None
    if [file.path for file in made.files] == [made.path]:
        return made.files[0].hash
    inside = {file.path.removeprefix(f"{made.path}/"): Hash(name, file.hash) for file in made.files}
    return folder_hash(inside, name).value


def _short(hash_: str | None) -> str:
    return hash_[:12] if hash_ else "nothing"

"""The outputs of a run against what the commit promises, by the rules of its settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from samebits.proof.comparators import compare
from samebits.proof.repository.hashes import (
    OLD,
    Hash,
    Manifest,
    files_in,
    folder_hash,
    hash_of,
    line_ends_of_file,
    with_own_line_ends,
)
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.repository.store import Store, is_object
from samebits.proof.running.made import Made
from samebits.proof.settings import Rule
from samebits.proof.verdict import Difference, File, Output, OutputVerdict

# From the best to the worst: a folder has the verdict of the worst of its files.
ORDER: list[OutputVerdict] = ["same", "ignored", "equal", "close", "unknown", "new", "missing", "differs"]
MOST = 5  # files or places that are told of an output
ROUNDING = Rule(path="**", compare="close", rtol=1e-6)  # beyond it, no rounding explains a difference


class Found(NamedTuple):
    """How a file of an output compares: as `comparators.Comparison`, or without one."""

    verdict: OutputVerdict
    allowed: bool
    told: list[Difference]
    rule: str | None = None
    more: int = 0


@dataclass
class Judge:
    """Compares outputs.

    aside: by path, those of the commit that git holds. store: the others.
    """

    rules: list[Rule]
    aside: dict[str, Path]
    store: Store

    def output(self, stage: Stage, out: Item, made: Made) -> Output:
        """An output of a stage that ran to its end."""
        promised, obtained = self._in_git(out) or out.recorded, made.hashes.get(out.path)
        verdict: OutputVerdict
        if obtained is None:
            verdict, found = "missing", [Found("missing", False, [])]
        elif promised is None:
            verdict, found = "new", [Found("new", False, [])]
        elif promised.value != obtained.value:
            verdict, found = self._compared(out, promised, obtained, made)
        elif other := self._other_size(out, made):
            verdict, found = "equal", [other]
        else:
            verdict, found = "same", []
        told = [difference for each in found for difference in each.told]
        return Output(
            stage=stage.name,
            path=out.path,
            verdict=verdict,
            allowed=all(each.allowed for each in found),
            promised=promised.value if promised else None,
            obtained=obtained.value if obtained else None,
            differences=told[:MOST],
            more=sum(each.more for each in found) + len(told[MOST:]),
            rule="; ".join(dict.fromkeys(each.rule for each in found if each.rule)) or None,
            files=list(_files(out, obtained, made)) if obtained else [],
        )

    def not_made(self, stage: Stage, out: Item, why: str) -> Output:
        """An output of a stage that did not run to its end."""
        promised = out.recorded.value if out.recorded else None
        return Output(stage.name, out.path, "unknown", False, promised, None, [Difference(why)])

    def rounding_explains(self, out: Item, made: Made) -> bool | None:
        """Whether rounding may explain how an output differs; None if it cannot be told."""
        found = [
            compare(path, promised, obtained, [ROUNDING]) for path, promised, obtained in self._differing(out, made)
        ]
        told = [each.allowed for each in found if each.values]
        return all(told) if told else None

    def allows(self, path: str, one: Path, other: Path) -> bool:
        """Whether the rules let an output be either of two that were made, files or folders."""
        if one.is_file() and other.is_file():
            return self._file(path, hash_of(one, "md5"), one, other).allowed
        if not (one.is_dir() and other.is_dir()):
            return bool(self._ignored(path))
        files, others = files_in(one, "md5"), files_in(other, "md5")
        return all(
            self._file(f"{path}/{name}", files[name], one / name, other / name).allowed
            if name in files and name in others
            else bool(self._ignored(f"{path}/{name}"))
            for name in files.keys() | others.keys()
            if files.get(name) != others.get(name)
        )

    def promised(self, out: Item) -> Path | None:
        """A file with the promised bytes of an output that is a file."""
        kept, hash_ = self.aside.get(out.path), self._in_git(out) or out.recorded
        if kept and kept.is_file() and hash_ and hash_of(kept, hash_.name) == hash_:
            return kept
        found = self.store.get(out.recorded, out.remote) if out.recorded else None
        return found if found and out.recorded and is_object(found, out.recorded) else None  # else a stage wrote to it

    def _in_git(self, out: Item) -> Hash | None:
        """The hash of an output that git holds with other line ends than the lock says."""
        return with_own_line_ends(out.recorded, self.aside.get(out.path))

    def _compared(self, out: Item, promised: Hash, obtained: Hash, made: Made) -> tuple[OutputVerdict, list[Found]]:
        if promised.is_folder != obtained.is_folder:
            kinds = ["a folder" if each.is_folder else "a file" for each in (promised, obtained)]
            found = [Found("differs", False, [Difference("", kinds[0], kinds[1])])]
        elif promised.is_folder:
            found = list(self._folder(out, promised, made))
        else:
            found = [self._file(out.path, promised, self.promised(out), made.root / out.path)]
        worst: OutputVerdict = max((each.verdict for each in found), key=ORDER.index, default="same")
        return worst, found

    def _other_size(self, out: Item, made: Made) -> Found | None:
        """Where a hash of DVC 2, which is the same for all line ends, hides that others were promised."""
        if out.recorded is None or out.recorded.name != OLD or out.size is None:
            return None
        size = (made.root / out.path).stat().st_size if not out.recorded.is_folder else out.size
        if size == out.size:
            return None
        text = f"the same text with other line ends: {out.size:,} bytes promised, {size:,} obtained"
        return self._equal(out.path, text)

    def _differing(self, out: Item, made: Made) -> Iterator[tuple[str, Path, Path]]:
        """The files of an output of which both versions are available and differ."""
        obtained = made.hashes.get(out.path)
        if not out.recorded or not obtained or out.recorded.is_folder != obtained.is_folder:
            return
        if not out.recorded.is_folder:
            if promised := self.promised(out):
                yield out.path, promised, made.root / out.path
            return
        manifest, held = self._manifest(out, out.recorded), _held(out, out.recorded, made)
        for name, hash_ in (manifest or {}).items():
            kept = self._kept(out, name, hash_)
            if kept and held.get(name, hash_) != hash_:
                yield f"{out.path}/{name}", kept, made.root / out.path / name

    def _file(self, path: str, recorded: Hash, promised: Path | None, obtained: Path) -> Found:
        if ignored := self._ignored(path):
            return ignored
        if system := line_ends_of_file(recorded, obtained):
            return self._equal(path, f"the same text, to which the run gave the line ends of {system}")
        if promised:
            found = compare(path, promised, obtained, self.rules)
            return Found(found.verdict, found.allowed, found.differences, found.rule, found.more)
        if any(each.fits(path) and each.compare != "bytes" for each in self.rules):
            text = "the promised bytes are not at hand, and only they could tell whether a rule allows the difference"
            return Found("unknown", False, [Difference(text)])
        return Found("differs", False, [Difference("the promised bytes are not at hand to show what differs")])

    def _equal(self, path: str, text: str) -> Found:
        """A file with the same content in other bytes. text: how it differs."""
        rule = self._rule(path)
        allowed = str(rule) if rule and rule.compare != "bytes" else None
        return Found("equal", bool(allowed), [Difference(text)], allowed)

    def _rule(self, path: str) -> Rule | None:
        return next((each for each in reversed(self.rules) if not each.field and each.fits(path)), None)

    def _ignored(self, path: str) -> Found | None:
        rule = self._rule(path)
        return Found("ignored", True, [], str(rule)) if rule and rule.compare == "ignore" else None

    def _folder(self, out: Item, promised: Hash, made: Made) -> Iterator[Found]:
        """The files of a folder, one by one."""
        manifest = self._manifest(out, promised)
        if manifest is None:
            yield self._folder_unread(out.path)
            return
        held = _held(out, promised, made)
        for name in sorted(manifest.keys() | held.keys()):
            path = f"{out.path}/{name}"
            if name not in manifest or name not in held:
                yield self._one_sided(path, "missing" if name in manifest else "new")
            elif manifest[name] != held[name]:
                found = self._file(path, manifest[name], self._kept(out, name, manifest[name]), made.root / path)
                more = found.more + len(found.told[1:])
                told = [msgspec.structs.replace(each, file=path, more=more) for each in found.told[:1]]
                yield found._replace(told=told, more=0)

    def _manifest(self, out: Item, promised: Hash) -> Manifest | None:
        return self._files_aside(out, promised) or self.store.manifest(promised, out.remote)

    def _kept(self, out: Item, name: str, hash_: Hash) -> Path | None:
        """A file with the promised bytes of a file of a folder."""
        aside = self.aside.get(out.path, Path()) / name
        if out.path in self.aside and aside.is_file() and hash_of(aside, hash_.name) == hash_:
            return aside
        return self.store.get(hash_, out.remote)

    def _folder_unread(self, path: str) -> Found:
        if ignored := self._ignored(path):
            return ignored
        if any(each.compare != "bytes" and each.may_fit_in(path) for each in self.rules):
            text = "its promised list of files is not at hand, and only that could tell whether a rule allows it"
            return Found("unknown", False, [Difference(text)])
        return Found("differs", False, [Difference("its promised list of files is not at hand to show what differs")])

    def _one_sided(self, path: str, verdict: OutputVerdict) -> Found:
        if ignored := self._ignored(path):
            return ignored
        text = "promised, and not made" if verdict == "missing" else "not promised"
        return Found(verdict, False, [Difference(text, file=path)])

    def _files_aside(self, out: Item, promised: Hash) -> Manifest | None:
        """The list of files of a folder that git holds, if it is what the lock promises."""
        kept = self.aside.get(out.path)
        if not kept or not kept.is_dir():
            return None
        files = files_in(kept, promised.name)
        return files if folder_hash(files, promised.name) == promised else None


def _held(out: Item, promised: Hash, made: Made) -> Manifest:
    """The files of a folder that a run made, by the kind of hash of its promise."""
    found = {each: made.contents.on_disk(f"{out.path}/{each}", promised.name) for each in made.contents.files(out.path)}
    return {name: each for name, each in found.items() if isinstance(each, Hash)}


def _files(out: Item, obtained: Hash, made: Made) -> Iterator[File]:
    """What the run made of an output, file by file."""
    held = {out.path: obtained}
    if obtained.is_folder:
        held = {f"{out.path}/{name}": each for name, each in sorted(_held(out, obtained, made).items())}
    assert made.contents.sha256 is not None
    for path, hash_ in held.items():
        yield File(path, hash_.value, made.contents.sha256[path])

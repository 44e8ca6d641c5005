"""What the documents of a repository claim, against its values: reads git and files, and asks `match`."""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from samebits import __version__, artifacts
from samebits.errors import UserError
from samebits.proof.claims import documents, history, marks
from samebits.proof.claims.history import History
from samebits.proof.claims.marks import Marked
from samebits.proof.claims.match import Former, Match, Matcher, Quoted
from samebits.proof.claims.numbers import as_shown
from samebits.proof.claims.passages import Mark
from samebits.proof.claims.sources import Sources


class Claim(msgspec.Struct, frozen=True):
    """A number of a document of which it is known what it is.

    Attributes
    ----------
    verdict : str
        current: a value of this tree; stale: a former value, or not the one that its mark names; unnamed: its mark
        names no value.
    file : str
        The document, by path from the root of DVC.
    line : int
        Its line, the first being 1.
    text : str
        The number as it stands there.
    value : str
        The value, as FILE:KEY.
    now : str or None
        What it is now, at the digits shown.
    commit : str or None
        A commit at which the number was right; of stale ones without a mark.
    marked : bool
        Whether a mark names the value.

    """

    verdict: Literal["current", "stale", "unnamed"]
    file: str
    line: int
    text: str
    value: str
    now: str | None = None
    commit: str | None = None
    marked: bool = False


class Claims(msgspec.Struct, frozen=True):
    """What was found in the documents of a repository.

    Attributes
    ----------
    version : str
        Of samebits.
    documents : int
        How many were read.
    numbers : int
        How many with enough digits they hold; nothing is known of those that `claims` does not list.
    claims : list of Claim
        Those of which something is known.
    notes : list of str
        What could not be read.

    """

    version: str
    documents: int
    numbers: int
    claims: list[Claim]
    notes: list[str] = []

    @property
    def stale(self) -> list[Claim]:
        """Those that are wrong."""
        return [each for each in self.claims if each.verdict != "current"]


def claims(files: Sequence[str] = (), write: bool = False) -> Claims:
    """Compare the numbers in documents with the values of the repository around the working directory.

    Parameters
    ----------
    files
        Documents, by path from the working directory; without any, all of git in the repository.
    write
        Whether numbers with a mark are updated first.

    Returns
    -------
    Claims
        Of each number of which it is known, what it is; see `match` for the rule.

    Raises
    ------
    UserError
        There is no git repository, or no such document.

    """
    sources = Sources.open()
    shown = _asked(files, sources.root) if files else [each for each in sources.tracked if documents.is_document(each)]
    past, notes = History(), [*sources.notes]
    with suppress(UserError):  # there may be no commit yet
        past = history.read(sources.root, [*sources.results, *shown])
    quoted, found, count = list[Quoted](), list[Claim](), 0
    for path in shown:
        try:
            inside, named = documents.read(path, _content(sources.root / path))
        except UserError as error:
            notes.append(str(error))
            continue
        count += len(inside)
        marked = _marked(path, named, sources, write) if named else []
        found += [_of_mark(path, each) for each in marked]
        told = {(each.mark.line, each.number.text.strip()) for each in marked if each.number}
        quoted += [each for each in inside if (each.line, each.number.text.strip()) not in told]
    now = [value for each in sources.now.values() for value in each]
    quoted = [each for each in quoted if not documents.tells_of_the_past(each.file)]
    found += [_of_match(each, past) for each in Matcher(now, sources.former(past), _Met(past)).match(quoted)]
    found.sort(key=lambda each: (each.file, each.line))
    return Claims(__version__, len(shown), count, found, notes)


class _Met:
    """Whether a document held a number at one of the commits at which a key had a value."""

    def __init__(self, past: History) -> None:
        self.past = past
        self._texts = cache(self._decoded)

    def __call__(self, quoted: Quoted, former: Former) -> bool:
        text = quoted.number.text.strip()
        return any(
            text in content and any(when.start < of_text.stop and of_text.start < when.stop for when in former.when)
            for of_text, content in self._texts(quoted.file)
        )

    def _decoded(self, file: str) -> list[tuple[range, str]]:
        return [(when, content.decode(errors="replace")) for when, content in self.past.versions(file)]


def _asked(files: Sequence[str], root: Path) -> list[str]:
    """The documents that were asked for, by path from the root. Raises UserError where one is none."""
    for each in files:
        if not os.path.isfile(each):
            raise UserError(f"{each}: no such file")
        if not documents.is_document(each):
            raise UserError(f"{each}: not a document; {', '.join(documents.READERS)} are read")
    return [Path(os.path.relpath(Path(each).resolve(), root.resolve())).as_posix() for each in files]


def _content(file: Path) -> bytes:
    """A document. Raises UserError where it is too large to be looked through."""
    if file.stat().st_size > documents.MOST_BYTES:
        raise UserError(f"{file.name}: not read, it is larger than {documents.MOST_BYTES // 2**20} MB")
    return file.read_bytes()


def _marked(path: str, named: Sequence[Mark], sources: Sources, write: bool) -> list[Marked]:
    """The numbers with a mark; with `write` after they are updated in the file."""
    values = sources.named(each.name for each in named)
    lines = _content(sources.root / path).decode().splitlines(keepends=True)
    found = marks.beside(lines, named, values)
    text = marks.written(lines, found)
    if not write or text == "".join(lines):
        return found
    artifacts.write_text(text, sources.root / path)
    return marks.beside(text.splitlines(keepends=True), named, values)


def _of_match(match: Match, past: History) -> Claim:
    quoted, now = match.quoted, match.now
    text = quoted.number.text.strip()
    if match.former is None:
        return Claim("current", quoted.file, quoted.line, text, str(now), text)
    hundred = 1 if quoted.number.rounds(match.former.value.value) else 100
    right = as_shown(quoted.number, now.value * hundred).strip()
    commit = past.commits[match.former.when[-1].start]
    return Claim("stale", quoted.file, quoted.line, text, str(now), right, commit)


def _of_mark(path: str, marked: Marked) -> Claim:
    text = marked.number.text.strip() if marked.number else ""
    verdict: Literal["current", "stale", "unnamed"] = "current" if marked.holds else "stale"
    if marked.right is None:
        verdict = "unnamed"
    right = marked.right.strip() if marked.right else None
    return Claim(verdict, path, marked.mark.line, text, marked.mark.name, right, marked=True)

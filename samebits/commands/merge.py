"""samebits merge."""

import contextlib
import os
import posixpath
import re
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import YAMLFileCorruptedError, dumps_yaml, parse_yaml, parse_yaml_for_update
from voluptuous import Invalid

import samebits
from samebits import artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.git import git
from samebits.markdown import printable
from samebits.proof import merge
from samebits.proof.lock import some
from samebits.proof.pipeline import Pipeline, refuse_aliases_without_end, repository
from samebits.proof.tree import parents

ATTRIBUTES = ".gitattributes"
BEGIN, END = "# samebits merge: generated, `samebits merge --install` renews it", "# end of samebits merge"


def add_arguments(parser: ArgumentParser) -> None:
    """What git gives a merge driver, or that git shall be set up to call it."""
    parser.description = "Merge dvc.lock and the generated files in git stage by stage; git calls it."
    parser.add_argument("--install", action="store_true", help="make git call it in this clone, for these files")
    parser.add_argument(
        "versions", nargs="*", metavar="BASE OURS THEIRS PATH", help="as git calls it: three files, and which it is"
    )


def run(arguments: Namespace) -> int:
    """Set git up, or write the merged version of a file over OURS."""
    if arguments.install and not arguments.versions:
        install()
        return 0
    if arguments.install or len(arguments.versions) != 4:
        raise UserError("merge: git calls it, with four files; `samebits merge --install` sets git up, once a clone")
    base, ours, theirs = map(Path, arguments.versions[:3])
    path = arguments.versions[3]
    drive = merge_lock if posixpath.basename(path) == LOCK else merge_generated
    drive(base, ours, theirs, path)
    return 0


def merge_lock(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Write the merged lock over `ours`, as DVC writes it, and say what became of it.

    Raises UserError, and leaves `ours` as it is, where one of the two cannot be read.
    """
    content = artifacts.read_bytes(ours)
    found = merge.merge(
        _ancestor(artifacts.read_bytes(base), path),
        _stages(content, f"{path} of ours"),
        _stages(other := artifacts.read_bytes(theirs), f"{path} of theirs"),
    )
    mine, yours = (parse_yaml_for_update(each.decode(), path) for each in (content, other))
    mine.setdefault("schema", "2.0")
    if (datasets := _datasets(base, mine, yours, path)) is not None:
        mine["datasets"] = datasets
    kept = mine.get("stages") or {}
    for name in set(kept) - set(found.taken):
        del kept[name]
    kept.update({name: yours["stages"][name] for name, side in found.taken.items() if side == "theirs"})
    mine["stages"] = kept
    text = dumps_yaml(mine).encode()
    ours.write_bytes(text.replace(b"\n", b"\r\n") if b"\r\n" in content else text)
    _say(path, found)


def merge_generated(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Write over `ours` the version whose run stays in the merged lock; where none does, `dvc repro` writes the file.

    Git merges file by file, in no order that a driver may count on, so the three locks are read from the commits.
    """
    found = _locks(base, ours, theirs, path)
    takes = any(_taken_from_theirs(path, folder, *versions) for folder, versions in found)
    if takes:
        ours.write_bytes(theirs.read_bytes())
    print(f"{printable(path)}: whole from {'theirs' if takes else 'ours'}", file=sys.stderr)


def install() -> None:
    """Write git's settings of this clone and the attributes of the files; say what was done. Nothing else changes."""
    pipeline = Pipeline.read(repository())
    generated = sorted(
        item.path + ("/**" if (pipeline.root / item.path).is_dir() else "")
        for stage in pipeline.stages
        for item in stage.outs
        if stage.in_pipeline and item.here and not item.cached and not item.path.startswith("../")
    )
    lines = [f"{LOCK} merge=samebits", *(f"{_pattern(each)} merge=samebits" for each in generated)]
    file = pipeline.root / ATTRIBUTES
    before = file.read_bytes().decode(errors="surrogateescape") if file.exists() else ""
    after = _with_part(before, "\n".join([BEGIN, *lines, END, ""]))
    if after != before:
        artifacts.write_bytes(after.encode(errors="surrogateescape"), file)
    git("config", "--local", "merge.samebits.name", "dvc.lock and generated files, stage by stage", cwd=pipeline.root)
    git("config", "--local", "merge.samebits.driver", _driver(pipeline.root), cwd=pipeline.root)
    print(f"{ATTRIBUTES}: {LOCK} and {len(generated)} generated files in git merge by stages; commit it")
    print("git config merge.samebits: set for this clone; each other clone needs `samebits merge --install` once")


def _driver(root: Path) -> str:
    """The command for git, which a shell runs; where this Python is gone, git's own merge of lines."""
    top = Path(git("rev-parse", "--show-toplevel", cwd=root).decode().strip())
    python = shlex.quote(Path(sys.executable).as_posix()).replace("%", "%%")
    # -P: a package of the repository, in the middle of a merge, must not stand before the one that was installed
    options = "" if Path(samebits.__file__).resolve().parents[1] == top.resolve() else "-P "
    return (
        f"if test -x {python}; then {python} {options}-m samebits merge -- %O %A %B %P; "
        "else git merge-file --marker-size=%L %A %O %B; fi"
    )


def _pattern(path: str) -> str:
    """A path as a pattern of gitattributes."""
    folder, glob, _ = path.partition("/**")
    text = "/" + re.sub(r"([\\*?\[])", r"\\\1", folder) + glob
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if re.search(r'[\s"]', text) else text


def _with_part(text: str, part: str) -> str:
    """The attributes with the generated part put in place of the one before, or at their end."""
    found = re.search(f"^{re.escape(BEGIN)}\r?$.*?^{re.escape(END)}\r?$\n?", text, re.MULTILINE | re.DOTALL)
    if text.count(BEGIN) != text.count(END) or text.count(BEGIN) > 1 or (BEGIN in text and not found):
        raise UserError(f"{ATTRIBUTES}: the lines `{BEGIN}` and `{END}` are not a pair; delete what is left of them")
    if found:
        return text[: found.start()] + part + text[found.end() :]
    return text + ("\n" if text and not text.endswith("\n") else "") + part


def _say(path: str, found: merge.Merged) -> None:
    taken = [name for name, side in found.taken.items() if side == "theirs"]
    parts = [f"{some(taken)} from theirs"] if taken else []
    parts.append(f"{some(found.left)} must run: `dvc repro`" if found.left else "all entries stay")
    print(f"{printable(path)}: {printable('; '.join(parts))}", file=sys.stderr)


def _stages(content: bytes, name: str) -> merge.Entries:
    """The entries of a lock; of none, where the file is empty. Raises UserError where it is no lock of DVC 2 or 3."""
    artifacts.check_merged(content, name)
    try:
        refuse_aliases_without_end(content, name)
        lock = parse_yaml(content.decode(), name)
        return (COMPILED_LOCKFILE_SCHEMA(lock) if lock else {}).get("stages") or {}
    except (YAMLFileCorruptedError, ValueError, Invalid):
        raise UserError(
            f"{name}: broken, or older than schema 2.0, which DVC 2 and newer write; take one side whole, as by "
            "`git checkout --theirs`, then `dvc repro` writes it anew"
        ) from None


def _ancestor(content: bytes, path: str) -> merge.Entries | None:
    """The entries of the base, which git may have merged itself; None where they cannot be read."""
    try:
        return _stages(content, f"{path} of the base")
    except UserError:
        return None


def _datasets(base: Path, ours: Any, theirs: Any, path: str) -> Any:
    """What the lock records of datasets, merged. Raises UserError where both sides changed it."""
    try:
        was = (parse_yaml(base.read_bytes().decode(), path) or {}).get("datasets")
    except (YAMLFileCorruptedError, ValueError):
        was = merge.UNKNOWN
    found = merge.three_way(was, ours.get("datasets"), theirs.get("datasets"))
    if found is merge.CONFLICT:
        raise UserError(f"{path}: both sides changed its datasets; take one side, then `dvc ds update` and `dvc repro`")
    return found


def _locks(base: Path, ours: Path, theirs: Path, path: str) -> Iterator[tuple[str, list[merge.Entries]]]:
    """The folders of the locks in the commits that are merged, with the entries of base, ours and theirs.

    None where the commits are not known for sure, as where git merges two ancestors.
    """
    blobs = [_hash(file) for file in (base, ours, theirs)]
    for commits in _commits(path, str(blobs[2])):
        if [_blob(commit, path) for commit in commits] == blobs:
            listing = git("ls-tree", "-r", "-z", "--name-only", commits[2]).decode(errors="surrogateescape")
            for lock in (each for each in listing.split("\0") if posixpath.basename(each) == LOCK):
                with contextlib.suppress(UserError):  # a lock that cannot be read makes a conflict of its own
                    yield posixpath.dirname(lock), [_stages(_content(commit, lock), lock) for commit in commits]
            return


def _commits(path: str, blob: str) -> Iterator[tuple[str, str, str]]:
    """Commits that may be base, ours and theirs, in a merge; in a rebase, a pick or a stash."""
    for name in os.environ:
        if name.startswith("GITHEAD_"):
            commit = name.removeprefix("GITHEAD_")
            yield git("merge-base", "HEAD", commit).decode().split()[0], "HEAD", commit
    for commit in git("log", "--all", f"--find-object={blob}", "--format=%H", "--", path).decode().split():
        yield f"{commit}^", "HEAD", commit


def _hash(file: Path) -> str | None:
    """The object of a file that git gives a driver: none where it is empty, as git gives one that is not there."""
    return git("hash-object", "--no-filters", str(file)).decode().strip() if file.stat().st_size else None


def _blob(commit: str, path: str) -> str | None:
    """The object of a file in a commit; None where there is none."""
    try:
        return git("rev-parse", "--verify", "--quiet", f"{commit}:{path}").decode().strip()
    except UserError:
        return None


def _content(commit: str, path: str) -> bytes:
    blob = _blob(commit, path)
    return git("cat-file", "blob", blob) if blob else b""


def _taken_from_theirs(path: str, folder: str, base: merge.Entries, ours: merge.Entries, theirs: merge.Entries) -> bool:
    """Whether a stage that makes the path, or a folder around it, stays in the merged lock as theirs."""
    found = merge.merge(base, ours, theirs)
    return any(
        posixpath.normpath(posixpath.join(folder, out)) in (path, *parents(path))
        for name, side in found.taken.items()
        if side == "theirs"
        for out in merge.Run(theirs[name]).outs
    )

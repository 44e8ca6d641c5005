"""Git's settings and attributes by which it calls the merge driver."""

import os
import re
import shlex
import sys
from pathlib import Path

from samebits import artifacts
from samebits.artifacts import LOCK
from samebits.errors import UserError
from samebits.git import git, top_of
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline

ATTRIBUTES = ".gitattributes"
BEGIN, END = "# samebits merge: generated, `samebits merge --install` renews it", "# end of samebits merge"


def install() -> None:
    """Write git's settings of this clone and the attributes of the files; say what was done. Nothing else changes."""
    pipeline = Pipeline.read(Repository.open())
    generated = sorted(
        item.path + ("/**" if os.path.isdir(pipeline.root / item.path) else "")
        for stage in pipeline.stages
        for item in stage.outs
        if stage.in_pipeline and item.here and not item.cached and not item.path.startswith("../")
    )
    lines = [f"{LOCK} merge=samebits", *(f"{_pattern(each)} merge=samebits" for each in generated)]
    file = pipeline.root / ATTRIBUTES
    before = file.read_bytes().decode(errors="surrogateescape") if os.path.exists(file) else ""
    after = _with_part(before, "\n".join([BEGIN, *lines, END, ""]))
    if after != before:
        artifacts.write_bytes(after.encode(errors="surrogateescape"), file)
    git("config", "--local", "merge.samebits.name", "dvc.lock and generated files, stage by stage", cwd=pipeline.root)
    git("config", "--local", "merge.samebits.driver", _driver(pipeline.root), cwd=pipeline.root)
    files = "1 generated file" if len(generated) == 1 else f"{len(generated)} generated files"
    to_do = "commit it" if git("status", "--porcelain", "--", ATTRIBUTES, cwd=pipeline.root) else "nothing to commit"
    print(f"{ATTRIBUTES}: git merges {LOCK} and {files} stage by stage; {to_do}")
    print("git config merge.samebits: set for this clone; each other clone needs `samebits merge --install` once")


def _driver(root: Path) -> str:
    """The command for git, which a shell runs; where this Python is gone, git's own merge of lines."""
    top = top_of(root)
    python = shlex.quote(Path(sys.executable).as_posix()).replace("%", "%%")
    # -P: a package of the repository, in the middle of a merge, must not stand before the one that was installed
    options = "" if Path(artifacts.__file__).resolve().parents[1] == top.resolve() else "-P "
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

"""Read a git repository."""

import os
import subprocess
from pathlib import Path

from samebits.errors import UserError

# What git sets for a hook, of the repository that calls it: in another folder it would mean the wrong one
OF_CALLER = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"),
)
COMMIT = "SAMEBITS_COMMIT"  # the variable of the environment that names the commit where there is no repository


def commit_of(revision: str) -> str:
    """The full hash of the commit that a revision names. Raises UserError if there is none."""
    try:
        return git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except UserError:
        raise UserError(f"git: no commit {revision} in this repository; name a branch, a tag or a commit") from None


def subject_of(commit: str) -> str:
    """The first line of a commit's message."""
    return git("log", "-1", "--format=%s", commit).decode(errors="replace").strip()


def top_of(folder: Path) -> Path:
    """The root of the repository around a folder. Raises UserError where there is none."""
    return Path(os.fsdecode(git("rev-parse", "--show-toplevel", cwd=folder)).strip())


def prefix_of(folder: Path) -> str:
    """A folder from the root of the repository around it, with / at its end; empty for the root itself."""
    return os.fsdecode(git("rev-parse", "--show-prefix", cwd=folder)).strip()


def not_checked_out(folder: Path) -> dict[str, str]:
    """The files of the index that a sparse checkout leaves out, by path from a folder, with their objects."""
    listing = git("ls-files", "-z", "-t", "--stage", cwd=folder)
    lines = (each.partition("\t") for each in os.fsdecode(listing).split("\0") if each.startswith("S "))
    return {path: about.split()[2] for about, _, path in lines}


def fetch_missing(commit: str, folder: Path) -> None:
    """Fetch the files of a commit that a partial clone lacks, all at once; git itself fetches each when it is read.

    Raises UserError where the remote does not give them.
    """
    remote = promisor_of(folder)
    if remote is None:
        return
    listing = git("rev-list", "--objects", "--missing=print", "--no-walk", f"{commit}^{{tree}}", cwd=folder)
    missing = [line[1:] for line in listing.splitlines() if line.startswith(b"?")]
    if missing:
        # As git itself does: without the negotiation of commits, which are there
        quiet = ["-c", "fetch.negotiationAlgorithm=noop", "-c", "fetch.recurseSubmodules=false"]
        options = ["--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin"]
        git(*quiet, "fetch", "-q", *options, remote, cwd=folder, given=b"\n".join(missing) + b"\n")


def promisor_of(folder: Path) -> str | None:
    """The remote from which a partial clone fetches what it lacks; None in a clone that is whole."""
    try:
        found = os.fsdecode(git("config", "--get-regexp", r"^remote\..*\.promisor$", "true", cwd=folder))
    except UserError:
        return None
    return found.split("\n")[0].rpartition(" ")[0].removeprefix("remote.").removesuffix(".promisor") or None


def is_in_git(path: str, folder: Path) -> bool:
    """Whether a path, from a folder, is in the index; False where git cannot tell."""
    try:
        return bool(git("ls-files", "-z", "--", path, cwd=folder))
    except UserError:
        return False


def is_committed(file: Path) -> bool:
    """Whether HEAD holds a file as it is; False where git cannot tell."""
    try:
        here = git("hash-object", "--", file.name, cwd=file.parent)
        return here == git("rev-parse", "--verify", "--quiet", f"HEAD:./{file.name}", cwd=file.parent)
    except UserError:
        return False


def is_ignored(path: str, folder: Path) -> bool:
    """Whether git ignores a path, from a folder; False where it cannot tell."""
    try:
        return bool(git("check-ignore", "--", path, cwd=folder))
    except UserError:
        return False


def is_or_was_in_git(path: str, folder: Path) -> bool:
    """Whether a path, from a folder, is in HEAD or was in a commit before it; True where git cannot tell."""
    try:
        return bool(git("log", "-1", "--format=%H", "--", path, cwd=folder))
    except UserError:
        return True


def git(*arguments: str, cwd: Path | None = None, given: bytes = b"") -> bytes:
    """The output of a git command in a folder, or in the working directory. Raises UserError where it fails.

    given: what the command reads from its standard input.
    """
    env = {name: value for name, value in os.environ.items() if name not in OF_CALLER}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=cwd, env=env, input=given, capture_output=True, check=True
        ).stdout
    except FileNotFoundError:
        raise UserError("git: not found; install it") from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"git {' '.join(arguments)}: {error.stderr.decode(errors='replace') or 'failed'}") from None

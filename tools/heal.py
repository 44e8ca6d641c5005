"""Repair what a killed DVC run may leave behind; if nothing is broken, keep a copy of dvc.lock for the next time.

DVC writes `dvc.lock` and `.dvc/tmp/rwlock` in place. Killed while it writes, it leaves half a file, which it cannot
read. Killed later, it leaves its entry in rwlock, as if it still ran, and temporary files beside outputs.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import psutil
from dvc.lock import LockError, make_lock
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parent.parent))
from samebits import artifacts
from samebits.errors import run, warn

TMP = Path(".dvc/tmp")
LOCK, COPY, RWLOCK = Path(artifacts.LOCK), TMP / "dvc.lock.copy", TMP / "rwlock"
LEFT = f".{'?' * 22}.tmp"  # DVC's temporary files


def main() -> None:
    """Repair what is broken in the working directory, unless DVC is running in it."""
    TMP.mkdir(exist_ok=True)
    try:
        with make_lock(str(TMP / "lock")):
            _heal_rwlock()
            _heal_lock()
            _remove_left()
    except LockError:
        warn("another DVC process is running here; files left by a killed run stay")


def _heal_rwlock() -> None:
    """Remove DVC's list of the processes that hold files, if it is damaged or they have all ended."""
    try:
        held = json.loads(RWLOCK.read_bytes())
        holders = [*held.get("write", {}).values(), *itertools.chain(*held.get("read", {}).values())]
    except FileNotFoundError:
        return
    except ValueError:
        holders = []
    if not any(_is_running(**holder) for holder in holders):
        RWLOCK.unlink()


def _is_running(pid: int, cmd: str) -> bool:
    """Whether a process is the one that ran `cmd`: its number may be another's by now, and DVC would wait for that."""
    try:
        return " ".join(psutil.Process(pid).cmdline()).endswith(cmd.partition(" ")[2])
    except psutil.Error:
        return False


def _heal_lock() -> None:
    """Put back a whole dvc.lock, or keep a copy of it."""
    if not LOCK.exists():
        return
    content = LOCK.read_bytes()
    artifacts.check_merged(content, LOCK)
    if _is_lock(content):
        artifacts.write_bytes(content, COPY)
        return
    of_git = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], capture_output=True, check=False).stdout
    for origin, other in (("from the last run", COPY.read_bytes() if COPY.exists() else b""), ("from git", of_git)):
        if _is_lock(other):
            artifacts.write_bytes(other, LOCK)
            warn(f"{LOCK} was damaged, perhaps by a killed run; restored the copy {origin}")
            return
    LOCK.unlink()
    warn(f"{LOCK} was damaged, perhaps by a killed run; removed it, so all stages run")


def _remove_left() -> None:
    """Remove DVC's temporary files from the folders of outputs."""
    stages = YAML(typ="safe").load(LOCK).get("stages", {}) if LOCK.exists() else {}
    for folder in {Path(out["path"]).parent for stage in stages.values() for out in stage.get("outs", ())}:
        for left in folder.glob(LEFT):
            left.unlink()


def _is_lock(content: bytes) -> bool:
    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(content.decode()))
    except Exception:  # whatever half a file may lead to
        return False
    return content.endswith(b"\n")  # else the last number may be half


if __name__ == "__main__":
    run(main)

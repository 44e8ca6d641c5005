"""Put right what a run of DVC that was killed may leave behind; else keep a copy of dvc.lock for the next time.

DVC writes `dvc.lock` and `.dvc/tmp/rwlock` in place: killed as it does, it leaves half of one, which it cannot read
again.
"""

import subprocess
import sys
from pathlib import Path

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parent.parent))
from samebits import artifacts
from samebits.errors import run, warn

LOCK, COPY, RWLOCK = Path(artifacts.LOCK), Path(".dvc/tmp/dvc.lock.copy"), Path(".dvc/tmp/rwlock")


def main() -> None:
    """Heal what is broken, in the working directory."""
    if RWLOCK.exists() and not RWLOCK.stat().st_size:
        RWLOCK.unlink()
    if not LOCK.exists():
        return
    content = LOCK.read_bytes()
    artifacts.check_merged(content, LOCK)
    if _is_lock(content):
        artifacts.write_bytes(content, COPY)
        return
    of_git = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], capture_output=True, check=False).stdout
    for origin, other in (("of the last run", COPY.read_bytes() if COPY.exists() else b""), ("of git", of_git)):
        if _is_lock(other):
            artifacts.write_bytes(other, LOCK)
            warn(f"{LOCK} was broken, as by a run that was killed; put back the one {origin}")
            return
    LOCK.unlink()
    warn(f"{LOCK} was broken, as by a run that was killed; removed it, so that all stages run")


def _is_lock(content: bytes) -> bool:
    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(content.decode()))
    except Exception:  # whatever half a file may lead to
        return False
    return True


if __name__ == "__main__":
    run(main)

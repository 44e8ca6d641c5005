"""How the system runs a command of a stage: by itself, without network where it can, and to its last process."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import psutil

LAUNCHER = Path(__file__).with_name("launcher.py")
MARK = "SAMEBITS_RUN"  # the variable by which the processes of a run are known, where there is no namespace for them
TAIL = 64 * 1024  # bytes of the output that are kept
MOST_OUTPUT = 2**30  # bytes that a command may print
WITHOUT = ["unshare", "--user", "--map-current-user", "--keep-caps"]
OWN_PROCESSES = ["--pid", "--fork", "--kill-child", "--mount-proc"]
NO_NETWORK = ["--net"]

# The variables of the environment that reach a stage, beside those of `pass_env`: what a program needs to start, to
# find its libraries and to speak a language. `*` is any text.
PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("LD_LIBRARY_PATH", "DYLD_*", "VIRTUAL_ENV", "CONDA_*", "MAMBA_*", "JAVA_HOME", "R_HOME", "R_LIBS*", "JULIA_*"),
    *("OMP_*", "OPENBLAS_*", "MKL_*", "CUDA_*", "NVIDIA_*", "XDG_*", "SSL_CERT_*", "REQUESTS_CA_BUNDLE", "*_PROXY"),
    *(
        "*_proxy",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "COMSPEC",
        "PATHEXT",
        "WINDIR",
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMFILES*",
    ),
    *("PROGRAMDATA", "USERPROFILE", "USERNAME", "NUMBER_OF_PROCESSORS", "PROCESSOR_*"),
)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, or why it was ended, and the last of what it printed."""

    status: int
    stopped: str | None
    output: str

    @property
    def reason(self) -> str | None:
        """In words; None where it succeeded."""
        if self.stopped or not self.status:
            return self.stopped
        number = self.status - 128 if self.status > 128 else -self.status
        try:
            return f"it was killed by {signal.Signals(number).name}"
        except ValueError:
            return f"it exited with status {self.status}"


def environment(pass_env: Sequence[str], own: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The environment of a stage, and the names of the variables that it does not get."""
    patterns = (*PASSED, *pass_env)
    passed = {name: value for name, value in os.environ.items() if any(fnmatchcase(name, each) for each in patterns)}
    return {**passed, **own}, sorted(os.environ.keys() - passed.keys())


def run(
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    network: bool,
    timeout: float | None = None,
    printed: Callable[[bytes], object] = lambda _: None,
    read_only: Sequence[Path] = (),
    unshare: Sequence[str] = (),
    launcher: Sequence[str] = (),
) -> Ended:
    """Run a command until it ends, then end all that it started.

    network: whether it may use it, where the system can keep it from that. timeout: in seconds. printed: is given what
    it prints, as it does. read_only: files that it cannot write to, where the system can keep it from that. unshare,
    launcher: more options of these, by which its surroundings are other.
    """
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [
            *_prefix(network, unshare),
            *(sys.executable, "-I", "-S", str(LAUNCHER)),
            *_for_launcher(network, read_only),
            *launcher,
            "--",
            *command,
        ],
        cwd=folder,
        env={**env, MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    tail, too_much = bytearray(), threading.Event()
    reader = threading.Thread(target=_read, args=(process, tail, printed, too_much))
    reader.start()
    reason = None
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        reason = f"it took longer than {timeout:g} s, its timeout"
    finally:
        _end(process, mark)
        reader.join()
    if too_much.is_set():
        reason = f"it printed more than {MOST_OUTPUT >> 30} GiB"
    return Ended(process.returncode, reason, tail.decode(errors="replace"))


def can_cut_off_network() -> bool:
    """Whether this system lets a user run a program without network."""
    return NO_NETWORK[0] in _namespaces()


def _read(
    process: "subprocess.Popen[bytes]", tail: bytearray, printed: Callable[[bytes], object], too_much: threading.Event
) -> None:
    total = 0
    assert process.stdout
    descriptor = process.stdout.fileno()
    while chunk := os.read(descriptor, 1 << 16):
        total += len(chunk)
        if total > MOST_OUTPUT:
            too_much.set()
            process.kill()
            break
        printed(chunk)
        tail += chunk
        del tail[:-TAIL]
    process.stdout.close()


def _end(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """End all processes of a run: those of its namespace with its first one, else all that carry the mark."""
    process.kill()
    process.wait()
    while not has_own_processes() and (left := [each for each in psutil.process_iter() if _carries(each, mark)]):
        for each in left:
            try:
                each.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=5)


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return bool(process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False


def _prefix(network: bool, more: Sequence[str]) -> list[str]:
    found = [each for each in _namespaces() if not (network and each in NO_NETWORK)]
    return [*WITHOUT, *found, *more] if found else []


def _for_launcher(network: bool, read_only: Sequence[Path]) -> list[str]:
    loopback = ["--loopback"] if can_cut_off_network() and not network else []
    files = [word for path in read_only for word in ("--read-only", str(path))] if has_own_processes() else []
    return [*loopback, *files]


def has_own_processes() -> bool:
    """Whether this system lets a user run a program with processes and mounts of its own."""
    return OWN_PROCESSES[0] in _namespaces()


@functools.cache
def _namespaces() -> list[str]:
    """What this system lets a user put a program into: processes and a network of its own, or less, or nothing."""
    if sys.platform != "linux" or not shutil.which(WITHOUT[0]):
        return []
    for options in ([*OWN_PROCESSES, *NO_NETWORK], NO_NETWORK, OWN_PROCESSES):
        tried = [*WITHOUT, *options, sys.executable, "-I", "-S", "-c", ""]
        if not subprocess.run(tried, capture_output=True, check=False).returncode:
            return options
    return []

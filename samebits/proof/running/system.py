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
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec

from samebits.proof.repository.temporary import temporary_folder, undisturbed
from samebits.proof.running import launcher

LAUNCHER = Path(launcher.__file__)
MARK = "SAMEBITS_RUN"  # the variable by which the processes of a run are known, where there is no namespace for them
TAIL = 64 * 1024  # bytes of the output that are kept
MOST_OUTPUT = 2**30  # bytes that a command may print
UNSHARE = ("unshare", "--user", "--keep-caps", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child")
NO_NETWORK = "--net"

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
    """How a program ended: its exit status, or why it was ended, and the last of what it printed.

    number: of the command that was the last to run.
    """

    status: int
    stopped: str | None
    output: str
    number: int = 0

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


_LIVE: set["subprocess.Popen[bytes]"] = set()


class Mount(msgspec.Struct, frozen=True):
    """What a program sees at a path, `at`.

    empty: a folder in memory. read-only, writable: what `source` is. overlay: the folders of `lower`, the first one on
    top, and above them `source`, where all goes that is written; work: a folder for the kernel. mode: of an empty
    folder. reordered: whether the entries of the folders of `lower` come in another order.
    """

    kind: Literal["empty", "read-only", "writable", "overlay"]
    at: str
    source: str | None = None
    lower: list[str] = []
    work: str | None = None
    mode: int = 0o755
    reordered: bool = False


class Orders(msgspec.Struct, frozen=True):
    """What the launcher makes before it runs a program.

    folder: where the commands run. root: an empty folder, in which it makes what the program sees; None leaves all as
    it is. mounts: what is to be seen in it, in this order. writable: without a root of its own, the folders in which it
    may change files; none is all. The others are as in `Surroundings`.
    """

    folder: str
    root: str | None = None
    mounts: list[Mount] = []
    writable: list[str] = []
    host: str | None = None
    umask: int | None = None
    cpus: int | None = None
    processes: int = 0


class _Sent(msgspec.Struct, frozen=True):
    """All that the launcher is told. report: a file to which it writes a byte for each command that it starts."""

    orders: Orders
    commands: Sequence[Sequence[str]]
    loopback: bool
    report: int | None


@dataclass(frozen=True)
class Program:
    """Commands that run one after the other, each where the one before it ended well.

    commands: as words; a single word is a line for the shell of Windows. env: of all. network: whether they may use it,
    where the system can keep them from it. timeout: of all, in seconds. printed: is given what they print, as they do.
    user, group: numbers under which they see themselves.
    """

    commands: Sequence[Sequence[str]]
    env: Mapping[str, str]
    orders: Orders
    network: bool = False
    timeout: float | None = None
    printed: Callable[[bytes], object] = lambda _: None
    user: int | None = None
    group: int | None = None


def run(program: Program) -> Ended:
    """Run a program until it ends, then end all that it started."""
    mark, isolated = uuid.uuid4().hex, program.orders.root is not None
    reading, writing = os.pipe()
    tail, too_much, reason = bytearray(), threading.Event(), None
    process: subprocess.Popen[bytes] | None = None
    reader: threading.Thread | None = None
    try:  # an interruption may come at any line, and must leave no process and no thread that waits for it
        with undisturbed():  # else Popen may leave a process, or close a file twice
            process = subprocess.Popen(
                [*(_unshare(program) if isolated else []), sys.executable, "-I", "-S", str(LAUNCHER)],
                env={**program.env, MARK: mark},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(writing,) if os.name == "posix" else (),
            )
            _LIVE.add(process)
        reader = threading.Thread(target=_read, args=(process, tail, program.printed, too_much))
        reader.start()
        sent = _Sent(
            program.orders,
            program.commands,
            loopback=isolated and not program.network,
            report=writing if os.name == "posix" else None,
        )
        assert process.stdin
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(msgspec.json.encode(sent))
        process.wait(program.timeout)
    except subprocess.TimeoutExpired:
        reason = f"it took longer than {program.timeout:g} s, its timeout"
    finally:
        os.close(writing)
        if process:
            _end(process, None if isolated else mark)
        if reader and reader.ident:
            reader.join()
        elif process and process.stdout:
            process.stdout.read()  # to its end: then all of its namespace have ended
        with open(reading, "rb") as reported:
            started = len(reported.read())
    assert process
    if too_much.is_set():
        reason = f"it printed more than {MOST_OUTPUT >> 30} GiB"
    return Ended(process.returncode, reason, tail.decode(errors="replace"), max(0, started - 1))


def end_all() -> None:
    """End all programs that run now."""
    for process in list(_LIVE):
        process.kill()


@functools.cache
def can_isolate() -> bool:
    """Whether this system lets a user give a program a root, processes and a network of its own."""
    if sys.platform != "linux" or not shutil.which(UNSHARE[0]):
        return False
    with temporary_folder() as folder:
        for each in ("root", "below", "upper", "work"):
            (folder / each).mkdir()
        tree = Mount("overlay", str(folder / "below"), str(folder / "upper"), [str(folder / "below")], f"{folder}/work")
        orders = Orders(str(folder / "below"), str(folder / "root"), [tree])
        made = run(Program([["sh", "-c", ": > made"]], os.environ, orders)).reason is None
        return made and (folder / "upper" / "made").exists() and not (folder / "below" / "made").exists()


def can_keep_from_writing() -> bool:
    """Whether this system can at least keep a program from changing files outside of some folders."""
    return launcher.landlock() > 0


def _unshare(program: Program) -> list[str]:
    user = os.geteuid() if program.user is None else program.user
    group = os.getegid() if program.group is None else program.group
    network = [] if program.network else [NO_NETWORK]
    return [*UNSHARE, f"--map-user={user}", f"--map-group={group}", *network]


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


def _end(process: "subprocess.Popen[bytes]", mark: str | None) -> None:
    """End all processes of a run: those of its namespace with its first one, else all that carry the mark."""
    process.kill()
    process.wait()
    _LIVE.discard(process)
    if mark:
        _end_marked(mark)


def _end_marked(mark: str) -> None:
    """End all processes that carry a mark."""
    import psutil  # where there are namespaces, nothing needs it

    def carries(process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE)
        except (psutil.Error, OSError):
            return False

    while left := [each for each in psutil.process_iter() if carries(each)]:
        for each in left:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(left, timeout=5)

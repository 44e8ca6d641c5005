"""Run a command, list the operations by which it changes a folder, and kill all of its processes right before one.

    python -m tests.crash.tracer FOLDER OPERATION COMMAND...

An operation reads `rename models/card.json.*.tmp 1`: the system call, the file in the folder, and how often the
processes have done that so far. OPERATION is done no more, nor is any change after it: what is left is what `kill -9`
of the process group leaves. Where OPERATION is empty, the command runs to its end, and its operations are listed on
stdout, each after a hash of the folder as a kill there would leave it.

A seccomp filter stops a process at each call that may change a file, before the call is done, and ptrace tells us
(seccomp(2), ptrace(2)). Linux, on x86-64 and ARM64; no privileges.
"""

import ctypes
import os
import platform
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import NamedTuple


class Call(NamedTuple):
    """A system call that may change a file: its numbers, and where its file stands among the arguments."""

    x86_64: int | None
    aarch64: int | None
    path: int | None = None  # the argument that points to the path ...
    folder: int | None = None  # ... and the one with the descriptor of the folder that it is relative to
    file: int | None = None  # or: the argument with the file's descriptor
    flags: int | None = None  # the argument with the flags of open(2)


CALLS = {
    "open": Call(2, None, path=0, flags=1),
    "openat": Call(257, 56, path=1, folder=0, flags=2),
    "creat": Call(85, None, path=0),
    "write": Call(1, 64, file=0),
    "pwrite64": Call(18, 68, file=0),
    "writev": Call(20, 66, file=0),
    "pwritev": Call(296, 70, file=0),
    "pwritev2": Call(328, 287, file=0),
    "sendfile": Call(40, 71, file=0),
    "copy_file_range": Call(326, 285, file=2),
    "fallocate": Call(285, 47, file=0),
    "ftruncate": Call(77, 46, file=0),
    "truncate": Call(76, 45, path=0),
    "rename": Call(82, None, path=0),
    "renameat": Call(264, 38, path=1, folder=0),
    "renameat2": Call(316, 276, path=1, folder=0),
    "unlink": Call(87, None, path=0),
    "unlinkat": Call(263, 35, path=1, folder=0),
    "rmdir": Call(84, None, path=0),
    "mkdir": Call(83, None, path=0),
    "mkdirat": Call(258, 34, path=1, folder=0),
    "link": Call(86, None, path=1),
    "linkat": Call(265, 37, path=3, folder=2),
    "symlink": Call(88, None, path=1),
    "symlinkat": Call(266, 36, path=2, folder=1),
    "chmod": Call(90, None, path=0),
    "fchmod": Call(91, 52, file=0),
    "fchmodat": Call(268, 53, path=1, folder=0),
    "utimensat": Call(280, 88, path=1, folder=0),
    "ioctl": Call(16, 29, file=0),  # only FICLONE, a copy of a whole file
}
FICLONE = 0x40049409
# The calls of this machine by number
NUMBERS = {getattr(call, platform.machine(), None): (name, call) for name, call in CALLS.items()}

# linux/prctl.h, linux/seccomp.h, linux/filter.h
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_TRACE = 0x7FFF0000, 0x7FF00000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ARGUMENTS = 16  # where struct seccomp_data has them; the number of the call stands at 0

# linux/ptrace.h
PTRACE_CONT, PTRACE_SEIZE, PTRACE_LISTEN, PTRACE_GET_SYSCALL_INFO = 7, 0x4206, 0x4208, 0x420E
PTRACE_EVENT_SECCOMP, PTRACE_EVENT_STOP = 7, 128
TRACE_FORK, TRACE_VFORK, TRACE_CLONE, TRACE_SECCOMP, EXIT_KILL = 1 << 1, 1 << 2, 1 << 3, 1 << 7, 1 << 20
WALL = 0x40000000  # of waitpid: threads, too
STARTED = time.time()

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Instruction(ctypes.Structure):
    """struct sock_filter."""

    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_uint16), ("filter", ctypes.POINTER(Instruction)))


class SyscallInfo(ctypes.Structure):
    """struct ptrace_syscall_info, at a stop for seccomp."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("data", ctypes.c_uint32),
    )


class Operation(NamedTuple):
    """A change that a process is about to make."""

    name: str
    path: str


def run(folder: Path, target: str, command: Sequence[str]) -> int:
    """Run a command; kill all of it before the operation `target`, or list its operations. Returns its exit status."""
    child = _start(command)
    status, counts = 0, Counter[Operation]()
    while True:
        try:
            process, state = os.waitpid(-1, WALL)
        except ChildProcessError:
            return status
        if not os.WIFSTOPPED(state):
            if process == child:
                status = os.waitstatus_to_exitcode(state)
                status = 128 - status if status < 0 else status
            continue
        event, number = state >> 16, os.WSTOPSIG(state)
        if event == PTRACE_EVENT_SECCOMP and (operation := _operation(process, folder)):
            counts[operation] += 1
            line = f"{operation.name} {operation.path} {counts[operation]}"
            if not target:
                print(_hash(folder), line)
            elif line == target:
                os.kill(os.getpid(), signal.SIGKILL)  # and with us all; each of them stops at its next change till then
        stopped = event == PTRACE_EVENT_STOP and number != signal.SIGTRAP
        _ptrace(PTRACE_LISTEN if stopped else PTRACE_CONT, process, 0 if event else number)


def _start(command: Sequence[str]) -> int:
    """Start a command that we trace; it waits until we do."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(writer)
        os.read(reader, 1)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        program = _filter()
        _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call(libc.prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
        os.execvp(command[0], list(command))
    _ptrace(PTRACE_SEIZE, child, TRACE_FORK | TRACE_VFORK | TRACE_CLONE | TRACE_SECCOMP | EXIT_KILL)
    os.close(reader)
    os.close(writer)
    return child


def _filter() -> Program:
    """Stop at the calls of CALLS; at open only if it is for writing."""
    code = [Instruction(LOAD, 0, 0, 0)]
    allow, trace = Instruction(RETURN, 0, 0, SECCOMP_RET_ALLOW), Instruction(RETURN, 0, 0, SECCOMP_RET_TRACE)
    for number, (name, call) in NUMBERS.items():
        if number is None:
            continue
        test = []
        if call.flags is not None:
            writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
            test = [Instruction(LOAD, 0, 0, ARGUMENTS + 8 * call.flags), Instruction(ANY_BIT, 1, 0, writing), allow]
        elif name == "ioctl":
            test = [Instruction(LOAD, 0, 0, ARGUMENTS + 8), Instruction(EQUAL, 1, 0, FICLONE), allow]
        code += [Instruction(EQUAL, 0, len(test) + 1, number), *test, trace]
    code.append(allow)
    return Program(len(code), (Instruction * len(code))(*code))


def _operation(process: int, folder: Path) -> Operation | None:
    """The change of the folder that a stopped process is about to make, if it is one."""
    info = SyscallInfo()
    try:
        _ptrace(PTRACE_GET_SYSCALL_INFO, process, ctypes.byref(info), ctypes.sizeof(info))
        name, call = NUMBERS[info.number]
        path = _path(process, call, info)
    except (ProcessLookupError, FileNotFoundError):
        return None  # another thread ended the process, or closed the file
    if not Path(path).is_relative_to(folder):
        return None
    if call.flags is not None:
        created = not os.path.exists(path) and info.arguments[call.flags] & os.O_CREAT
        if not created and not info.arguments[call.flags] & os.O_TRUNC:
            return None  # it only opens
    if name == "ftruncate" and os.stat(path).st_size == info.arguments[1]:
        return None
    if name in ("mkdir", "mkdirat") and os.path.exists(path):
        return None
    return Operation(name, _without_chance(os.path.relpath(path, folder)))


def _path(process: int, call: Call, info: SyscallInfo) -> str:
    """The file that a call is about."""
    if call.file is not None:
        return os.readlink(f"/proc/{process}/fd/{info.arguments[call.file]}")
    assert call.path is not None
    base = f"/proc/{process}/cwd"
    if call.folder is not None and (descriptor := ctypes.c_int(info.arguments[call.folder]).value) >= 0:
        base = f"/proc/{process}/fd/{descriptor}"
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        given = os.pread(memory.fileno(), 4096, info.arguments[call.path]).partition(b"\0")[0]
    return os.path.normpath(os.path.join(os.readlink(base), os.fsdecode(given)))


def _without_chance(path: str) -> str:
    """A path without what differs from run to run in the names of temporary files."""
    return re.sub(r"[\w-]{22}(?=\.tmp$)|(?<=\.)\w{8}(?=\.tmp$)", "*", path)


def _ptrace(request: int, process: int, data: object, address: int = 0) -> None:
    try:
        _call(libc.ptrace, request, process, address, data)
    except ProcessLookupError:  # it died meanwhile
        if request != PTRACE_CONT:
            raise


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _hash(folder: Path) -> str:
    """A hash of names, modes and contents in a folder, but for git's."""
    found = []
    for place, folders, files in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
        found.append((place, 0, ""))
        for name in files:
            path = os.path.join(place, name)
            status = os.lstat(path)
            content = _old_content if status.st_mtime < STARTED - 1 else _content
            found.append((_without_chance(path), status.st_mode, "" if os.path.islink(path) else content(path)))
    return md5(repr(sorted(found)).encode()).hexdigest()


def _content(path: str) -> str:
    return md5(Path(path).read_bytes()).hexdigest()


_old_content = cache(_content)  # of a file that nobody wrote since we started


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]))

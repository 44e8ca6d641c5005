"""The parent of a stage's command, which it may kill without harm to the check; it makes its surroundings.

A program: LAUNCHER [OPTION]... -- COMMAND...

Where it is the first process of a namespace, all others of the namespace end with it. What it mounts is seen in its
namespace of mounts only.
"""

import argparse
import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40  # linux/sockios.h, net/if.h
MS_BIND, MS_REC = 0x1000, 0x4000  # linux/mount.h
LARGE = 32 * 2**20  # bytes from which on a file is not copied to memory


def main() -> int:
    """Run the command; exit as it did, by a signal as a shell does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loopback", action="store_true", help="bring up 127.0.0.1")
    parser.add_argument("--read-only", metavar="FILE", action="append", default=[], help="cannot be written to")
    parser.add_argument("--host", metavar="NAME", help="the name of the host")
    parser.add_argument("--umask", metavar="OCTAL", type=lambda text: int(text, 8))
    parser.add_argument("--cpus", metavar="N", type=int, help="the first N of those that it may use")
    parser.add_argument("--processes", metavar="N", type=int, default=0, help="that were started before the command")
    parser.add_argument("--reorder", metavar="FOLDER", help="its entries come in another order")
    parser.add_argument("--whole", metavar="PATH", action="append", default=[], help="in it, but for what is in this")
    parser.add_argument("--empty", metavar="FOLDER", action="append", default=[], help="but for what is kept")
    parser.add_argument("--keep", metavar="PATH", action="append", default=[])
    separator = sys.argv.index("--")
    asked, command = parser.parse_args(sys.argv[1:separator]), sys.argv[separator + 1 :]
    folder = os.getcwd()
    if asked.loopback:
        with contextlib.suppress(OSError):
            _bring_up_loopback()
    if asked.host:
        import socket

        socket.sethostname(asked.host)
    if asked.reorder:
        _reorder(asked.reorder, asked.whole)
    for path in asked.read_only:
        _make_read_only(path)
    for each in asked.empty:
        _empty(each, [path for path in asked.keep if path.startswith(each + os.sep)])
    os.chdir(folder)  # what was mounted there
    if asked.umask is not None:
        os.umask(asked.umask)
    if asked.cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: asked.cpus])
    for _ in range(asked.processes):
        if not (child := os.fork()):
            os._exit(0)
        os.waitpid(child, 0)
    shell = len(command) == 1  # a line for the shell of Windows
    status = subprocess.run(command[0] if shell else command, shell=shell, check=False).returncode
    if asked.reorder:
        _put_back(asked.reorder, asked.reorder + ".under", asked.whole)
    return status if status >= 0 else 128 - status


def _bring_up_loopback() -> None:
    """A new network namespace has 127.0.0.1, but down; workers on one machine talk to each other over it."""
    import fcntl
    import socket
    import struct

    with socket.socket() as anything:
        fcntl.ioctl(anything, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))


def _make_read_only(path: str) -> None:
    """In this namespace of mounts, a file that cannot be written to, whoever asks."""
    for options in (["--bind", path, path], ["-o", "remount,bind,ro", path]):
        subprocess.run(["mount", *options], check=False, capture_output=True)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [each and os.fsencode(each) for each in (source, target, kind)]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(*words, ctypes.c_ulong(flags), data and data.encode()):
        raise OSError(ctypes.get_errno(), "mount", target)


def _bind(source: str, target: str) -> None:
    """Show a path at another place, too."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "a"):
            pass
    _mount(source, target, None, MS_BIND | MS_REC)


def _empty(folder: str, keep: Sequence[str]) -> None:
    """An empty folder in memory over a folder, in which some paths are as they were."""
    os.makedirs(folder, exist_ok=True)  # it may lie in one that was emptied
    opened = {}
    for path in keep:
        with contextlib.suppress(OSError):  # it has gone since
            opened[path] = os.open(path, os.O_PATH)
    mode = os.stat(folder).st_mode & 0o7777
    _mount("samebits", folder, "tmpfs", 0, f"mode={mode:o}")
    for path in sorted(opened):
        if not os.path.lexists(path):  # else it lies in one that is kept
            with contextlib.suppress(OSError):
                _bind(f"/proc/self/fd/{opened[path]}", path)
    for descriptor in opened.values():
        os.close(descriptor)


def _reorder(folder: str, whole: Sequence[str]) -> None:
    """A copy in memory over a folder: there, entries come by the time at which they were made.

    The folder itself is then to be had beside it. Raises OSError where the order would be the same.
    """
    under = folder + ".under"
    os.makedirs(under, exist_ok=True)
    _mount(folder, under, None, MS_BIND | MS_REC)
    _mount("samebits", folder, "tmpfs", 0, "mode=755")
    tried = [os.path.join(folder, name) for name in ("1", "2")]
    for path in tried:
        os.mkdir(path)
    last_first = os.listdir(folder) == ["2", "1"]
    for path in tried:
        os.rmdir(path)
    _copy(under, folder, whole, last_first)


def _copy(source: str, target: str, whole: Sequence[str], last_first: bool) -> None:
    names = os.listdir(source)
    for name in names if last_first else reversed(names):
        one, other = os.path.join(source, name), os.path.join(target, name)
        if os.path.islink(one):
            os.symlink(os.readlink(one), other)
        elif other in whole or (os.path.isfile(one) and os.path.getsize(one) >= LARGE):
            _bind(one, other)
        elif os.path.isdir(one):
            os.mkdir(other)
            _copy(one, other, whole, last_first)
            shutil.copystat(one, other)
        else:
            shutil.copy2(one, other)
    if len(names) > 1 and os.listdir(target) == names:
        raise OSError(f"{target}: its entries come in the same order in memory")


def _put_back(source: str, target: str, whole: Sequence[str]) -> None:
    """What a command made in the copy in memory, in the folder itself."""
    here, device = set(os.listdir(source)), os.stat(source).st_dev
    for name in set(os.listdir(target)) - here:
        path = os.path.join(target, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    for name in here:
        one, other = os.path.join(source, name), os.path.join(target, name)
        if one in whole or (not os.path.islink(one) and os.stat(one).st_dev != device):
            continue  # it is itself
        if os.path.isdir(one) and not os.path.islink(one):
            os.makedirs(other, exist_ok=True)
            _put_back(one, other, whole)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(other)
            shutil.copy2(one, other, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main())

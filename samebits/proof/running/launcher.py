"""The parent of a stage's commands: it makes what they may see, gives up all rights, and runs them.

A program that is told all as JSON on stdin; `system.run` writes it. Where it is the first
process of a namespace, all others of the namespace end with it. A stage may kill it without harm to the check.

It makes a second root beside the old one: everything read-only, then the mounts in their order. The old root goes, and
with it every path that no mount shows again.
"""

import ctypes
import json
import os
import sys

# It starts once a stage, so it imports nothing that it seldom needs, or that takes longer than it does itself
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

AF_INET, SOCK_DGRAM = 2, 2  # bits/socket.h
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40  # linux/sockios.h, net/if.h
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC = 0x1, 0x2, 0x4, 0x8, 0x1000, 0x4000  # linux/mount.h
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 0x1  # the same on all machines
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91, "ppc64le": 184, "s390x": 185}
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4  # linux/prctl.h
LAST_CAP = 63
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446  # linux/landlock.h, the same everywhere
LANDLOCK_VERSION, LANDLOCK_BENEATH = 1, 1
WRITES = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))  # write, remove, and make of each kind
WRITES_SINCE = {2: 1 << 13, 3: 1 << 14}  # by version: move to another folder, truncate
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
ACCELERATORS = ("nvidia", "dri", "kfd", "accel")  # names in /dev begin so
OF_KERNEL = ("sys", "sysrq-trigger", "irq", "bus", "fs")  # in /proc, what changes the machine

IGNORED = (13, 25)  # the signals SIGPIPE and SIGXFSZ, which Python ignores, and other programs do not

LIBC: "Any" = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def main() -> int:
    """Run the commands; exit as the last one did, by a signal as a shell does."""
    told = json.load(sys.stdin)
    orders = told["orders"]
    if told["loopback"]:
        _bring_up_loopback()
    if orders["host"]:
        host = orders["host"].encode()
        _checked(LIBC.sethostname(host, ctypes.c_size_t(len(host))), "sethostname")
    if orders["root"]:
        _make_root(orders["root"], orders["mounts"])
    os.chdir(orders["folder"])
    if orders["umask"] is not None:
        os.umask(orders["umask"])
    if orders["cpus"]:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: orders["cpus"]])
    for _ in range(orders["processes"]):
        if not (child := os.fork()):
            os._exit(0)
        os.waitpid(child, 0)
    if orders["root"]:
        _give_up_rights()
    elif orders["writable"]:
        keep_from_writing(orders["writable"])
    status, report = 0, told["report"]
    if report is not None:
        os.set_inheritable(report, False)
    for command in told["commands"]:
        if report is not None:
            os.write(report, b".")
        status = _run(command)
        if status:
            break
    return status if status >= 0 else 128 - status


def _run(command: "list[str]") -> int:
    """The exit status of a command that has nothing to read; minus the number of the signal that ended it."""
    if os.name == "nt":
        import subprocess

        shell = len(command) == 1  # a line for its shell
        words = command[0] if shell else command
        return subprocess.run(words, shell=shell, stdin=subprocess.DEVNULL, check=False).returncode
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=[nothing], setsigdef=IGNORED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _make_root(root: str, mounts: "list[dict[str, Any]]") -> None:
    """Make what `mounts` say the root of this process. root: an empty folder."""
    _mount("/", root, None, MS_BIND | MS_REC)
    _make_read_only(root, recursive=True)
    _mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in OF_KERNEL:
        if os.path.exists(path := f"{root}/proc/{name}"):
            _mount(path, path, None, MS_BIND | MS_REC)
            _make_read_only(path)
    _make_devices(f"{root}/dev")
    for each in mounts:
        _make(each, root + each["at"])
    os.chdir(root)
    _checked(LIBC.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _checked(LIBC.umount2(b".", MNT_DETACH), "umount")
    os.chdir("/")


def _make(mount: "dict[str, Any]", at: str) -> None:
    kind, source = mount["kind"], mount["source"]
    if kind == "empty":
        os.makedirs(at, exist_ok=True)
        _mount("samebits", at, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mount['mode']:o}")
    elif kind == "overlay":
        lower = mount["lower"]
        if mount["reordered"]:
            lower = [_reordered(each, f"{mount['work']}-{number}") for number, each in enumerate(lower)]
        os.makedirs(at, exist_ok=True)
        parts = {"lowerdir": ":".join(map(_escaped, lower)), "upperdir": _escaped(source), "workdir": mount["work"]}
        options = ",".join(f"{name}={value}" for name, value in parts.items())
        _mount("samebits", at, "overlay", MS_NODEV, f"{options},userxattr")
    else:
        _make_point(source, at)
        _mount(source, at, None, MS_BIND | MS_REC)
        if kind == "read-only":
            _make_read_only(at, recursive=True)


def _make_point(source: str, at: str) -> None:
    """Something of the kind of `source` to mount it on."""
    if os.path.isdir(source):
        os.makedirs(at, exist_ok=True)
    elif not os.path.exists(at):
        os.makedirs(os.path.dirname(at), exist_ok=True)
        with open(at, "w"):
            pass


def _make_devices(folder: str) -> None:
    """The devices that harm nobody, and accelerators."""
    names = [name for name in os.listdir("/dev") if name in DEVICES or name.startswith(ACCELERATORS)]
    _mount("samebits", folder, "tmpfs", MS_NOSUID, "mode=755")
    for name in names:
        _make_point(f"/dev/{name}", f"{folder}/{name}")
        _mount(f"/dev/{name}", f"{folder}/{name}", None, MS_BIND | MS_REC)
    for name, target in {"fd": "self/fd", "stdin": "self/fd/0", "stdout": "self/fd/1", "stderr": "self/fd/2"}.items():
        os.symlink(f"/proc/{target}", f"{folder}/{name}")
    os.mkdir(f"{folder}/pts")
    _mount("devpts", f"{folder}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    os.symlink("pts/ptmx", f"{folder}/ptmx")
    os.mkdir(f"{folder}/shm")


def _reordered(layer: str, copy: str) -> str:
    """A copy of a layer in memory, where the entries of a folder come in another order. copy: a folder for it."""
    os.makedirs(copy, exist_ok=True)
    _mount("samebits", copy, "tmpfs", MS_NODEV, "mode=755")
    _copy(layer, copy)
    return copy


def _copy(source: str, target: str) -> None:
    """Copy a folder so that in memory, where the last made comes first, its entries come the other way round."""
    import shutil

    names = os.listdir(source)
    for name in names:
        one, other = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(one) and not os.path.islink(one):
            os.mkdir(other)
            _copy(one, other)
        else:
            shutil.copy2(one, other, follow_symlinks=False)
    shutil.copystat(source, target)
    if len(names) > 1 and os.listdir(target) == names:
        raise OSError(f"{target}: its entries come in the same order in memory")


def _give_up_rights() -> None:
    """No capability is left, and no program brings one back."""
    for capability in range(LAST_CAP + 1):
        if LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # there are no more
    LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _checked(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()  # linux/capability.h, version 3
    _checked(LIBC.syscall(SYS_CAPSET[os.uname().machine], header, nothing), "capset")


def landlock() -> int:
    """The version of Landlock, with which a process without rights gives up more; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, LIBC.syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(LANDLOCK_VERSION)))


def keep_from_writing(but: list[str]) -> None:
    """Have this process, and all that it starts, change files in these folders alone; modes and times it still can."""
    if not (version := landlock()):
        return
    access = WRITES | sum(bit for since, bit in WRITES_SINCE.items() if version >= since)
    rules = ctypes.c_uint64(access)
    ruleset = LIBC.syscall(SYS_LANDLOCK_CREATE, ctypes.byref(rules), ctypes.c_size_t(8), ctypes.c_uint32(0))
    for path in but:
        if os.path.isdir(path):
            folder = os.open(path, os.O_PATH | os.O_DIRECTORY)
            rule = access.to_bytes(8, sys.byteorder) + folder.to_bytes(4, sys.byteorder)
            arguments = (ctypes.c_int(ruleset), ctypes.c_int(LANDLOCK_BENEATH), rule, ctypes.c_uint32(0))
            _checked(LIBC.syscall(SYS_LANDLOCK_ADD, *arguments), "landlock", path)
            os.close(folder)
    _checked(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _checked(LIBC.syscall(SYS_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)), "landlock")
    os.close(ruleset)


def _bring_up_loopback() -> None:
    """A new network namespace has 127.0.0.1, but down; workers on one machine talk to each other over it."""
    import fcntl
    import struct

    anything = LIBC.socket(AF_INET, SOCK_DGRAM, 0)
    fcntl.ioctl(anything, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))
    os.close(anything)


def _make_read_only(path: str, recursive: bool = False) -> None:
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    flags = AT_RECURSIVE if recursive else 0
    arguments = (ctypes.c_int(AT_FDCWD), os.fsencode(path), ctypes.c_uint(flags), attributes, ctypes.c_size_t(32))
    _checked(LIBC.syscall(SYS_MOUNT_SETATTR, *arguments), "mount_setattr", path)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [each and os.fsencode(each) for each in (source, target, kind)]
    _checked(LIBC.mount(*words, ctypes.c_ulong(flags), data and os.fsencode(data)), "mount", target)


def _escaped(path: str) -> str:
    """A path as an option of overlay takes it."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _checked(result: int, what: str, path: str = "") -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}", path)


if __name__ == "__main__":
    sys.exit(main())

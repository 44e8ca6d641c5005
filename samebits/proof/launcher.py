"""The parent of a stage's command, which it may kill without harm to the check.

A program: LAUNCHER [--loopback] [--read-only FILE]... COMMAND...

Where it is the first process of a namespace, all others of the namespace end with it.
"""

import contextlib
import subprocess
import sys

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40  # linux/sockios.h, net/if.h


def main() -> int:
    """Run the command; exit as it did, by a signal as a shell does."""
    command = sys.argv[1:]
    if command[0] == "--loopback":
        command = command[1:]
        with contextlib.suppress(OSError):
            _bring_up_loopback()
    while command[0] == "--read-only":
        _make_read_only(command[1])
        command = command[2:]
    shell = len(command) == 1  # a line for the shell of Windows
    status = subprocess.run(command[0] if shell else command, shell=shell, check=False).returncode
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


if __name__ == "__main__":
    sys.exit(main())

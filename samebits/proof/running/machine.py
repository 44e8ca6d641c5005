"""What may make a run's bits differ: the machine and its libraries."""

import platform
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

PROBE = Path(__file__).with_name("probe.py")


class Environment(msgspec.Struct):
    """Where stages run.

    machine: what it is, in words. packages: versions by name, of their Python. imports: the packages that hold a
    module, by its name. paths: folders outside of the environment from which it imports, as of an editable install.
    """

    machine: dict[str, str]
    packages: dict[str, str]
    imports: dict[str, list[str]] = {}
    paths: list[str] = []


def describe(run: Callable[[Sequence[str], float], str]) -> Environment:
    """The machine, and the `python` that stages find, where there is one.

    run: runs a program as stages run, for at most so many seconds; what it printed.
    """
    machine = {"machine": platform.machine(), "cpu": cpu()}
    try:
        found = msgspec.json.decode(run(["python", "-c", PROBE.read_text()], 60).splitlines()[-1], type=Environment)
    except (ValueError, IndexError):  # no Python, one that is too old, or a program of another kind
        return Environment(machine, {})
    return Environment(machine | found.machine, found.packages, found.imports, found.paths)


def cpu() -> str:
    """The name of the CPU."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    name = re.search(r"^(?:model name|CPU part)\s*:\s*(.+)$", text, re.MULTILINE)
    return name[1] if name else platform.processor() or "unknown"

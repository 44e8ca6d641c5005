"""Why a stage failed in its view, as far as its output tells, and what would let it run."""

import os
import re

from samebits.proof.repository.paths import Paths
from samebits.proof.repository.stages import Stage
from samebits.proof.running import host
from samebits.proof.running.made import Failed
from samebits.proof.running.run import Runner

NETWORK = re.compile(r"network|resol[vu]|connect|unreachable|socket|url|https?:", re.IGNORECASE)
NO_MODULE = re.compile(r"No module named '?([A-Za-z_]\w*)")
HIDDEN = re.compile(r"(?<![\w.])/(?:[\w.@+-]+/)*[\w.@+-]+")  # an absolute path, in what a stage printed
BUSY = re.compile(r"Device or resource busy|Errno 16\b")  # how programs fail to change what is mounted to be read
REFUSED = re.compile(rf"Permission denied|Read-only file system|Errno (?:13|30)\b|{BUSY.pattern}")


def hints(runner: Runner, failed: Failed, network: bool) -> str:
    """What would let a stage that failed run. network: whether it had one."""
    text, kept_back = "", runner.environment()[1]
    if not network and runner.place.isolated and NETWORK.search(failed.output):
        text += "; it had no network, which `network` in the settings gives"
    module = NO_MODULE.search(failed.output)
    if module and any(runner.base.find(each) for each in (module[1], f"{module[1]}.py")):
        text += f"; {module[1]} lies in the repository: set PYTHONPATH in the command, or pass yours by `pass_env`"
    elif failed.status == 127 or module or "ModuleNotFoundError" in failed.output:
        text += "; activate the environment of the stages, or let `setup` in the settings make it"
    named = [name for name in kept_back if len(name) > 1 and re.search(rf"\b{re.escape(name)}\b", failed.output)]
    if named:
        text += f"; it did not get {', '.join(named)} of your environment, which `pass_env` gives"
    if "Read-only file system" in failed.output and runner.place.isolated:
        text += "; stages cannot write outside of the repository"
    if paths := _hidden(runner, failed.output):
        text += f"; {paths[0]} is on this machine, and hidden from the stages: no commit holds it"
    return text


def _hidden(runner: Runner, output: str) -> list[str]:
    """Paths of this machine that a stage named and did not see."""
    if not runner.place.isolated:
        return []
    folders = [*map(str, host.temporary_folders()), *host.IN_MEMORY, *map(str, runner.place.secret)]
    found = [each for each in dict.fromkeys(HIDDEN.findall(output)) if os.path.exists(each)]
    named = [each for each in found if not each.startswith((f"{runner.place.top}/", f"{runner.tree.folder}/"))]
    return [each for each in named if each.startswith(tuple(f"{folder}/" for folder in folders))]


def large_to_change(runner: Runner, stage: Stage, failed: Failed) -> list[str]:
    """Large sources, by path from the top of the tree, that a stage may have failed to change."""
    reads = Paths(os.path.normpath(os.path.join(runner.prefix, path)) for path in stage.reads)
    large = [name for name, path in runner.shown.items() if path.is_file()]
    refused = [line for line in failed.output.splitlines() if REFUSED.search(line)]
    tried = [name for name in large if any(os.path.basename(name) in line for line in refused)]
    if any(BUSY.search(line) for line in refused):  # it may be told of another file that was to take its place
        tried += [name for name in large if name not in tried and reads.at_or_around(name)]
    return tried

"""Runs that tell why: a stage once more, without some files, or to see which packages it imports."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from samebits.git import git
from samebits.proof.judging import doubts
from samebits.proof.judging.pinned import Tree
from samebits.proof.record import lock
from samebits.proof.repository.contents import Contents
from samebits.proof.repository.stages import Stage
from samebits.proof.running.layers import Layers
from samebits.proof.running.made import Made
from samebits.proof.running.run import Runner
from samebits.proof.verdict import Problem
from samebits.proof.words import some

QUICK = 60.0  # seconds; a stage that takes less may run a third time, to tell whether it is deterministic
IMPORTED = re.compile(rb"^import time:\s+\d+ \|\s+\d+ \| ( *)([A-Za-z_]\w*)", re.MULTILINE)


def again(runner: Runner, stage: Stage, layers: Layers, made: Made) -> list[Made]:
    """Run a stage once more, and a third time where that is quick and told nothing. made: the first run."""
    found: list[Made] = []
    for times in ("once more", "a third time"):
        with runner.progress.step(f"{stage.name}, {times}"):
            found.append(runner.run(stage, layers))
        if found[-1].hashes != made.hashes or made.seconds >= QUICK:
            break
    return found


def without(names: Sequence[str], runner: Runner, stage: Stage, layers: Layers) -> Made | None:
    """Run a stage in a tree without some files, by their paths from the top; None where there are none."""
    if not names:
        return None
    folder = runner.whole(layers)
    for name in names:
        (folder / name).unlink(missing_ok=True)
    with runner.progress.step(f"{stage.name}, without {some(names)}"):
        return runner.run(stage, Layers((folder,)))


def read_by(runner: Runner, layers: Layers) -> Contents:
    """What the paths of a stage's tree held."""
    return runner.pipeline.fresh(runner.whole(layers) / runner.prefix)


def of_environment(runner: Runner, stage: Stage, layers: Layers) -> list[Problem]:
    """What of the environment may explain other bytes: line ends and packages."""
    return [*doubts.of_line_ends(stage.name, lock.line_ends(runner.pipeline)), *_of_packages(runner, stage, layers)]


def of_pins(runner: Runner, stage: Stage) -> Iterator[Problem]:
    """Packages of other versions here than the files pin of which the environment of a stage is, or may be, made."""
    tree = _tree(runner)
    yield from doubts.of_pins(stage.name, tree.of_stage(stage) or tree.anywhere(), runner.described.packages)


def _tree(runner: Runner) -> Tree:
    return Tree(runner.tree.root, runner.tree.top, runner.settings.commands)


def _of_packages(runner: Runner, stage: Stage, layers: Layers) -> Iterator[Problem]:
    """Doubts by packages. A run tells what the stage's Python imports, beside what any Python imports."""
    yield from of_pins(runner, stage)
    modules: list[dict[str, int]] = []
    for commands in (stage.commands, ['python -c ""']):
        printed = bytearray()
        quiet = replace(stage, commands=commands)
        runner.run(quiet, layers, variables={"PYTHONPROFILEIMPORTTIME": "1"}, printed=printed.extend)
        found = sorted(((name.decode(), len(deep)) for deep, name in IMPORTED.findall(bytes(printed))), reverse=True)
        modules.append(dict(found))  # of each name, the least deep remains
    date = git("log", "-1", "--format=%cs", "HEAD", cwd=runner.tree.top).decode().strip()
    imported = {name: deep for name, deep in modules[0].items() if name not in modules[1]}
    imports = runner.described_with(["imports"]).imports if imported else {}
    yield from doubts.of_unrecorded(stage, _tree(runner), imported, imports, date)

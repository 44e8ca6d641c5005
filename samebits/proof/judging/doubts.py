"""What else than the commit explains other bytes: other inputs, other line ends, other packages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from samebits.proof.judging.pinned import Pinned, Tree
from samebits.proof.record import pins
from samebits.proof.repository.contents import Contents
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Stage
from samebits.proof.running.made import Made
from samebits.proof.verdict import Problem
from samebits.proof.words import some

# Programs whose packages are not Python's, and the files that record their versions
OTHERS = {"Rscript": ("renv.lock",), "R": ("renv.lock",), "julia": ("Manifest.toml",), "node": ("package-lock.json",)}
OF_INSTALLERS = {"pip", "setuptools", "wheel", "distribute"}
WORD = re.compile(r"[\w./-]+")


def other_inputs(stage: Stage, read: Contents) -> set[str | None]:
    """The dependencies of a stage that were not what the lock says that it read, but for line ends.

    read: what the run held.
    """
    return {
        dep.path
        for dep in stage.deps
        if dep.recorded
        and dep.here
        and read.on_disk(dep.path, dep.recorded.name) != dep.recorded
        and not read.line_ends_of(dep.path, dep.recorded)
    }


def of_inputs(
    pipeline: Pipeline, stage: Stage, others: set[str | None], unknown: Sequence[Problem], running: set[str]
) -> Iterator[Problem]:
    """What the lock alone did not tell of other inputs: data that is now available decides.

    others: as `other_inputs`. unknown: what the lock did not tell. running: names of the stages that ran.
    """
    for each in unknown:
        if each.stage == stage.name and each.path in others:
            makers = [maker for maker in pipeline.makers(each.path or "") if maker.outs]
            if not makers:
                yield each
            elif not any(maker.name in running for maker in makers):
                text = f"{each.path}: {makers[0].name} promises other data than the run read"
                yield Problem(stage.name, "dependency-changed", each.path, text)


def of_line_ends(stage: str, converted: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Where the run that was recorded read texts with other line ends. converted: these texts, by system."""
    for system, paths in converted.items():
        text = f"the run read {some(paths)} with the line ends of {system}; there, it may write other bytes"
        yield Problem(stage, "environment-differs", paths[0], text)


def of_written_line_ends(stage: Stage, made: Made) -> Iterator[Problem]:
    """Outputs that are as promised but for their line ends."""
    for out in stage.outs:
        if not out.here or not out.recorded or out.path not in made.hashes:
            continue
        if system := made.contents.line_ends_of(out.path, out.recorded):
            text = f"{out.path}: the promised text but for its line ends, which were those of {system}"
            yield Problem(stage.name, "environment-differs", out.path, text)


def of_pins(stage: str, pinned: Pinned, here: Mapping[str, str]) -> Iterator[Problem]:
    """Where other versions of packages are installed than the commit pins. here: versions by name."""
    for path, allowed in pinned.items():
        if told := pins.differing(allowed, here):
            count = f"{len(told)} of its packages have other versions here"
            yield Problem(stage, "environment-differs", path, f"{path}: {count}: {some(told)}")


def of_unrecorded(
    stage: Stage,
    tree: Tree,
    modules: Mapping[str, int],
    imports: Mapping[str, Sequence[str]],
    date: str,
) -> Iterator[Problem]:
    """Packages that a stage uses and whose versions nobody recorded.

    tree: of the commit. modules: that its Python imported, beside those that any imports, and how deep in other
    imports. imports: the packages that hold a module, by its name. date: of the commit.
    """
    recorded = {name for each in tree.of_stage(stage).values() for name in pins.recorded(each)}
    used: dict[str, int] = {}  # by package, how deep: what the stage itself imports comes first
    for module, deep in modules.items():
        for package in imports.get(module, ()):
            used[pins.normal(package)] = min(deep, used.get(pins.normal(package), deep))
    if left := sorted(used.keys() - recorded - OF_INSTALLERS, key=lambda name: (used[name], name)):
        own = [name for name in left if used[name] == used[left[0]]]
        text = f"no file pins {some(left)}: the recorded run may have had other versions; those of the commit's time: "
        text += f"`uv pip install --exclude-newer {date} {' '.join(own)}`"
        yield Problem(stage.name, "environment-differs", None, text)
    programs = {Path(word).name for command in stage.commands for word in WORD.findall(command)}
    for name in sorted(programs & OTHERS.keys()):
        if not any(map(tree.has, OTHERS[name])):
            text = f"no {OTHERS[name][0]} records the packages of {name}: the recorded run may have had other versions"
            yield Problem(stage.name, "environment-differs", None, text)
            break


def of_editable(stage: str, paths: Sequence[str], top: Path) -> Iterator[Problem]:
    """Where the stages import from the user's working tree, which a copy of the commit does not stand for."""
    inside = [each for each in paths if Path(each).resolve().is_relative_to(top)]
    if inside:
        text = f"the stages import {some(inside)} of the working tree, not of the commit, and this system cannot put"
        text += " the commit in its place; check where namespaces are allowed, or install without --editable"
        yield Problem(stage, "environment-differs", None, text)

"""A look at a repository: what its check will need, and the settings that follow from it.

Where data is and which packages there are is so; what code does and which outputs differ is guessed by their looks.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from samebits.errors import UserError
from samebits.git import git, prefix_of
from samebits.proof.adoption import code, environment, outputs, sources
from samebits.proof.adoption.clue import Clue
from samebits.proof.adoption.need import Need
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.settings import Rule, Settings
from samebits.proof.words import some


@dataclass
class Look:
    """What a look found.

    needs: the lines of the table. settings: what a check needs to be told. reasons: by the name of a stage, why it may
    need a network.
    """

    needs: list[Need] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    reasons: dict[str, str] = field(default_factory=dict)


def look(pipeline: Pipeline) -> Look:
    """Look at the files of a repository, its cache, what its remotes have, and its code as text. Runs no stage."""
    stages = [stage for stage in pipeline.stages if stage.runs]
    tracked = _committed(pipeline)
    found = Look()
    codes = {stage.name: code.read(stage, pipeline.root) for stage in stages}
    found.needs += sources.needs(pipeline, stages, Paths(tracked))
    setup, needs = environment.needs(pipeline.root, tracked, codes)
    found.needs += needs
    rules: list[Rule] = []
    variables: dict[str, Clue] = {}
    for stage in stages:
        reasons = [f"reads {dep.path}" for dep in stage.deps if not dep.here]
        reasons += [str(clue) for clue in codes[stage.name].of("network")]
        if reasons:
            found.reasons[stage.name] = reasons[0]
            more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
            found.needs.append(Need("network", stage.name, f"likely: {reasons[0]}{more}", "`network` gives it"))
        variables |= {clue.text: clue for clue in codes[stage.name].of("variable")}
    if variables:
        where = some([clue.file for clue in variables.values()])
        found.needs.append(Need("variable", some(list(variables)), f"read by {where}", "`pass_env` gives it"))
    unsteady: dict[tuple[str, str], list[str]] = {}
    for stage in stages:
        for guess in outputs.unsteady(pipeline, stage, codes[stage.name]):
            unsteady.setdefault((guess.why, guess.do), []).append(guess.what)
            rules += guess.rules
    found.needs += [Need("output", some(what), f"likely differs: {why}", do) for (why, do), what in unsteady.items()]
    found.settings = Settings(
        setup=setup[0] if len(setup) == 1 else setup,
        network=list(found.reasons),
        pass_env=sorted(variables),
        outputs=list(dict.fromkeys(rules)),
    )
    return found


def _committed(pipeline: Pipeline) -> list[str]:
    """What HEAD holds, by paths from the root of DVC; nothing where there is no commit yet."""
    try:
        inner = prefix_of(pipeline.root) or "."
        listing = git("ls-tree", "-r", "-z", "--full-tree", "--name-only", "HEAD", cwd=pipeline.root)
    except UserError:
        return []
    return [Path(os.path.relpath(path, inner)).as_posix() for path in os.fsdecode(listing).split("\0") if path]

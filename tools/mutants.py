"""Changes a room in one place at a time, with mutmut, and says which changes its tests let through.

    python tools/mutants.py ROOM [--tests PATH...] [--mutants PATTERN...]

ROOM is a folder or a module of samebits: exact, proof/comparators, proof/settings. Its tests are tests/ROOM, or those
at each PATH, which may be a glob. PATTERN chooses mutants by their names: "*exchange*", or "*__mutmut_3" for about one
of each function. It works in a copy of the files that git tracks, below .venv/mutants. Tests that run the whole
pipeline are left out: it would run the code of its commit, not the changed one.
"""

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".venv" / "mutants"
PLUGIN = """
def pytest_collection_modifyitems(items):
    items[:] = [each for each in items if not {"committed", "trained", "project"} & set(each.fixturenames)]
"""
SETTINGS = """[mutmut]
source_paths = samebits
only_mutate = samebits/{changed}
timeout_multiplier = 20
also_copy =
    {others}
pytest_add_cli_args =
    -o
    addopts=
    -m
    not container and not crash
    -p
    without_the_pipeline
pytest_add_cli_args_test_selection =
    {tests}
"""


def main(room: str, tests: Sequence[str], patterns: Sequence[str]) -> None:
    """Mutate, test, and print the share that was killed and each that survived."""
    work = PLACE / room
    shutil.rmtree(work, ignore_errors=True)
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (work / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, work / file)
    (work / "without_the_pipeline.py").write_text(PLUGIN)
    others = sorted(path.name for path in work.iterdir() if path.name not in ("samebits", "tests", "setup.cfg"))
    changed = f"{room}/*" if (work / "samebits" / room).is_dir() else f"{room}.py"
    paths = sorted(str(path.relative_to(work)) for each in tests or [f"tests/{room}"] for path in work.glob(each))
    if not paths or not list(work.glob(f"samebits/{changed}")):
        sys.exit(f"samebits/{changed} or its tests are not there; tests are chosen with --tests")
    lines = {"others": "\n    ".join(others), "tests": "\n    ".join(paths)}
    (work / "setup.cfg").write_text(SETTINGS.format(changed=changed, **lines))
    environment = {**os.environ, "PYTHONPATH": str(PLACE / "packages")}

    def mutmut(*words: str) -> str:
        command = [sys.executable, "-m", "mutmut", *words]
        return subprocess.run(command, cwd=work, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    mutmut("run", *patterns)
    print("\n".join(line for line in mutmut("results").splitlines() if not line.endswith("not checked")))
    mutmut("export-cicd-stats")
    found = json.loads((work / "mutants" / "mutmut-cicd-stats.json").read_text())
    killed, survived = found["killed"] + found["timeout"], found["survived"] + found["no_tests"]
    print(f"{room}: {killed} of {killed + survived} mutants killed, {killed / max(killed + survived, 1):.0%}")


if __name__ == "__main__":
    parser = ArgumentParser(usage="python tools/mutants.py ROOM [--tests PATH...] [--mutants PATTERN...]")
    parser.add_argument("room")
    parser.add_argument("--tests", nargs="*", default=[])
    parser.add_argument("--mutants", nargs="*", default=[])
    asked = parser.parse_args()
    main(asked.room, asked.tests, asked.mutants)

"""What a check costs beside `dvc repro --force`, in docs/performance.md.

`python -m benchmarks.check` needs the environment of `make`. The repositories are this project, ten stages that each
write a line, one stage that reads the beginning of a sparse file of 5 GB, and stages in a tree of 100,000 small files.
The time is that of the CPU, which other programs on the machine change less than that of a clock.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from tqdm import tqdm

from benchmarks import publish
from samebits import markdown
from samebits.errors import UserError, run

IDENTITY = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")
LARGE, SMALL_FILES = 5 * 10**9, 100_000
PROGRAMS = {"dvc repro --force": ("dvc", "repro", "--quiet", "--force"), "samebits check": ("samebits", "check")}


def main() -> None:
    """Run both programs in turn in each repository, and publish medians."""
    rows = []
    for label, (make, turns) in tqdm(REPOSITORIES.items()):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "repository")
            make(folder)
            seconds = [[_seconds(program, folder) for program in PROGRAMS.values()] for _ in range(turns)]
        medians = [statistics.median(each) for each in zip(*seconds, strict=True)]
        rows.append([label, *(f"{each:.1f}" for each in medians)])
    text = markdown.table(
        rows, ["repository", *(f"{name}, s" for name in PROGRAMS)], colalign=("left", "right", "right")
    )
    publish("check", text)


def _project(folder: Path) -> None:
    _run(["git", "clone", "--quiet", ".", str(folder)], Path.cwd())


def _ten_stages(folder: Path) -> None:
    _repository(folder, {f"s{n}": {"cmd": f"echo {n} > {n}.txt", "outs": [f"{n}.txt"]} for n in range(10)})


def _large_source(folder: Path) -> None:
    folder.mkdir()
    with open(folder / "large.bin", "wb") as file:
        file.truncate(LARGE)
    stage = {"cmd": "head -c 16 large.bin > out.txt", "deps": ["large.bin"], "outs": ["out.txt"]}
    _repository(folder, {"one": stage}, "large.bin")


def _many_files(stages: int) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for number in range(SMALL_FILES):
            path = folder / f"files/{number // 1000}/{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n")
        names = (f"s{n}" for n in range(stages))
        _repository(folder, {each: {"cmd": f"cp files/0/1.txt {each}.txt", "outs": [f"{each}.txt"]} for each in names})

    return make


def _repository(folder: Path, stages: dict[str, object], source: str | None = None) -> None:
    """A repository of git and DVC with these stages, run and committed; the source is tracked by DVC."""
    folder.mkdir(exist_ok=True)
    _run(["git", "init", "--quiet"], folder)
    _run(["dvc", "init", "--quiet"], folder)
    if source:
        _run(["dvc", "config", "cache.type", "reflink,hardlink,copy"], folder)
        _run(["dvc", "add", "--quiet", source], folder)
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    _run(["dvc", "repro", "--quiet"], folder)
    _run(["git", "add", "."], folder)
    _run(
        ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "--quiet", "-m", "one"], folder
    )


def _seconds(program: Sequence[str], folder: Path) -> float:
    """How long the CPU works for a program and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(program, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(program: Sequence[str], folder: Path) -> None:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(program, cwd=folder, env=env, capture_output=True, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(program)}: failed: {done.stderr.decode()[-300:]}")


# By what the table calls them: how each is made, and how often both programs run
REPOSITORIES: dict[str, tuple[Callable[[Path], None], int]] = {
    "this project": (_project, 3),
    "ten stages of one line": (_ten_stages, 5),
    "a source of 5 GB": (_large_source, 1),
    "100,000 files, one stage": (_many_files(1), 1),
    "100,000 files, five stages": (_many_files(5), 1),
}

if __name__ == "__main__":
    run(main)

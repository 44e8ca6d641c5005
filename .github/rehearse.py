"""Run the steps of the workflows here, in order, job by job, as the YAML has them, each job in a clone of its own.

First ci.yml, as if HEAD had been pushed to main; then, as `elsewhere`, the examples for GitHub, GitLab and pre-commit
in another repository, which install this project as its users do. podman builds the image and pushes it to a registry
of the rehearsal's own; the jobs that need these are left out where they cannot run. jobs.py says what else is left out.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from jobs import Host, checkout, environment, python_in, run_workflow

from tests import containers

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
EXAMPLES = ROOT / "samebits" / "proof" / "adoption" / "workflows"
ELSEWHERE = "elsewhere"
NEEDS_PLACE = ("image", "attest")
IN_CONTAINER = "/tmp/samebits"  # noqa: S108 - where the example for GitLab installs, in a container that is thrown away


def rehearse(chosen: Sequence[str], skip: Sequence[str]) -> int:
    """Run the jobs of ci.yml; returns the exit status of the first step that fails."""
    impossible = containers.impossible()
    wanted = any(name not in skip for name in chosen or NEEDS_PLACE if name in NEEDS_PLACE)
    if wanted and impossible:
        print(f"[{', '.join(NEEDS_PLACE)}] left out: {impossible}", flush=True)
        skip = [*skip, *NEEDS_PLACE]
    with (
        containers.place() if wanted and not impossible else nullcontext() as place,
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
    ):
        source = checkout(ROOT, Path(folder, "repository"))  # HEAD may move meanwhile
        machine = environment() | (_of(place) if place else {})
        host = Host(source, source, Path(folder, "jobs"), machine, _values(place) if place else {})
        return run_workflow(WORKFLOW, host, chosen, skip)


def elsewhere(repository: Path) -> int:
    """Run the examples in clones of a repository of DVC that is not this one."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        folder, machine = Path(name), environment()
        action = checkout(ROOT, folder / "samebits")
        if status := run_workflow(EXAMPLES / "github.yml", Host(repository, action, folder / "jobs", machine, {})):
            return status
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", str(action)]
        subprocess.run(pip, check=True)
        [wheel] = folder.glob("samebits-*.whl")
        clone = checkout(repository, folder / "clone")
        path = f"{python_in(folder / 'python')}:{machine['PATH']}"
        if status := _gitlab(clone, machine | {"PATH": path, "SAMEBITS": f"samebits[check] @ {wheel.as_uri()}"}):
            return status
        return _pre_commit(clone, action, machine | {"PRE_COMMIT_HOME": str(folder / "pre-commit")})


def _gitlab(clone: Path, env: Mapping[str, str]) -> int:
    """Run the scripts of the example for GitLab."""
    document = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())
    before = document[".samebits"]["before_script"]
    for name, job in document.items():
        if "script" in job:
            for line in [*before, *job["script"]]:
                line = line.replace(IN_CONTAINER, str(clone.parent / "gitlab"))
                print(f"[{name}, GitLab] {line}", flush=True)
                if status := subprocess.run(["sh", "-ec", line], cwd=clone, env=env, check=False).returncode:
                    return status
            for path in job.get("artifacts", {}).get("paths", []):
                assert (clone / path).stat().st_size, path
    return 0


def _pre_commit(clone: Path, action: Path, env: Mapping[str, str]) -> int:
    """Run the hook, then once more where dvc.lock lacks a stage; 0 where it passes, then fails."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pre_commit",
        "try-repo",
        action,
        "samebits-lock",
        "--verbose",
        "--all-files",
    ]
    print("[pre-commit] the hook", flush=True)
    if status := subprocess.run(command, cwd=clone, env=env, check=False).returncode:
        return status
    print("[pre-commit] the hook, where dvc.lock lacks a stage", flush=True)
    lock = yaml.safe_load((clone / "dvc.lock").read_text())
    lock["stages"].pop(next(iter(lock["stages"])))
    (clone / "dvc.lock").write_text(yaml.safe_dump(lock))
    return 0 if subprocess.run(command, cwd=clone, env=env, check=False).returncode else 1


def _another(folder: Path) -> Path:
    """A small repository whose data is in a remote."""
    from tests.proof.repositories import simple

    repository = simple(folder / "repository")
    repository.write(".dvc/config", f"[core]\n    remote = store\n['remote \"store\"']\n    url = {folder}/store\n")
    repository.write("requirements.txt", "")
    repository.commit()
    with repository.dvc() as repo:
        repo.push()
    return repository.root


def _values(place: containers.Place) -> dict[str, str]:
    """What the expressions give where the registry of the rehearsal stands for GitHub's and for Docker Hub."""
    return {
        "github.token": place.password,
        "vars.IMAGE": f"{place.address}/Owner/SameBits",
        "vars.MACHINES": "1",  # only one is here
        "vars.DOCKERHUB_IMAGE": f"{place.address}/hub/samebits",
        "secrets.DOCKERHUB_USERNAME": containers.USER,
        "secrets.DOCKERHUB_TOKEN": place.password,
    }


def _of(place: containers.Place) -> dict[str, str]:
    path = f"{Path(containers.DOCKER).parent}:{environment()['PATH']}"
    return {**place.env, "GITHUB_ACTOR": containers.USER, "PATH": path, "BUILD": " ".join(place.build_args)}


def main() -> int:
    """Rehearse the jobs that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("jobs", nargs="*", help=f"only these jobs of ci.yml, or {ELSEWHERE}; all, if none is named")
    parser.add_argument("--skip", action="append", default=[], help="a job that is taken to have passed")
    options = parser.parse_args()
    status, of_ci = 0, [job for job in options.jobs if job != ELSEWHERE]
    if of_ci or not options.jobs:
        status = rehearse(of_ci, options.skip)
    if not status and ELSEWHERE not in options.skip and (ELSEWHERE in options.jobs or not options.jobs):
        with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
            status = elsewhere(_another(Path(folder)))
    if not status:
        print("The rehearsal passed.")
    return status


if __name__ == "__main__":
    sys.exit(main())

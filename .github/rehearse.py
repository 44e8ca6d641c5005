"""Run the steps of the workflows here, in order, job by job, as the YAML has them, in fresh clones of HEAD.

ci.yml as if main had been pushed, then, as `elsewhere`, the examples for GitHub, GitLab and pre-commit in another
repository, which get this project as users do; jobs.py says what is left out. podman makes the image and pushes it to a
registry of the rehearsal's own; where neither can be, that job is left out, too.

With names of jobs as arguments, only they run, those of ci.yml with the packages that are installed here.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from jobs import lend_environment, run_workflow

from tests import containers

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
EXAMPLES = ROOT / "samebits" / "proof" / "workflows"
ELSEWHERE = "elsewhere"
IN_CONTAINER = "/tmp/samebits"  # noqa: S108 - where the example for GitLab installs, in a container that is thrown away


def rehearse(chosen: Sequence[str], place: containers.Place | None) -> int:
    """Run the jobs of ci.yml that are chosen, or all; returns the exit status of the first step that fails."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        clone = _clone(Path.cwd(), Path(folder) / "clone")
        inherited = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}
        if chosen:
            lend_environment(clone)
        if place:
            inherited |= _of(place)
        else:
            print(f"[image] left out: {containers.impossible()}", flush=True)
        return run_workflow(WORKFLOW, clone, clone, inherited, _stand_ins(place), chosen, () if place else ("image",))


def elsewhere(repository: Path) -> int:
    """Run the examples in a clone of a repository of DVC that is not this one."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        folder = Path(name)
        action, clone = _clone(ROOT, folder / "samebits"), _clone(repository, folder / "clone")
        inherited = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        if status := run_workflow(EXAMPLES / "github.yml", clone, action, inherited, {}):
            return status
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", str(action)]
        subprocess.run(pip, check=True)
        [wheel] = folder.glob("samebits-*.whl")
        if status := _gitlab(clone, inherited | {"SAMEBITS": f"samebits[check] @ {wheel.as_uri()}"}):
            return status
        return _pre_commit(clone, action, inherited | {"PRE_COMMIT_HOME": str(folder / "pre-commit")})


def _gitlab(clone: Path, inherited: Mapping[str, str]) -> int:
    """Run the scripts of the example for GitLab."""
    document = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())
    before = document[".samebits"]["before_script"]
    for name, job in document.items():
        if "script" in job:
            for line in [*before, *job["script"]]:
                line = line.replace(IN_CONTAINER, str(clone.parent / "gitlab"))
                print(f"[{name}, GitLab] {line}", flush=True)
                if status := subprocess.run(["sh", "-ec", line], cwd=clone, env=inherited, check=False).returncode:
                    return status
            for path in job.get("artifacts", {}).get("paths", []):
                assert (clone / path).stat().st_size, path
    return 0


def _pre_commit(clone: Path, action: Path, env: Mapping[str, str]) -> int:
    """Run the hook, then once more where dvc.lock lacks a stage; 0 where it passes, then fails."""
    command: list[str | Path] = ["pre-commit", "try-repo", action, "samebits-lock", "--verbose", "--all-files"]
    print("[pre-commit] the hook", flush=True)
    if status := subprocess.run(command, cwd=clone, env=env, check=False).returncode:
        return status
    print("[pre-commit] the hook, where dvc.lock lacks a stage", flush=True)
    lock = yaml.safe_load((clone / "dvc.lock").read_text())
    lock["stages"].pop(next(iter(lock["stages"])))
    (clone / "dvc.lock").write_text(yaml.safe_dump(lock))
    return 0 if subprocess.run(command, cwd=clone, env=env, check=False).returncode else 1


def _clone(repository: Path, folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", repository, folder], check=True)
    subprocess.run(["git", "switch", "--quiet", "--force-create", "main"], cwd=folder, check=True)
    return folder


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


def _stand_ins(place: containers.Place | None) -> dict[str, str]:
    """What the expressions of ci.yml give on a push to main."""
    address, password = (place.address, place.password) if place else ("", "")
    return {
        "github.event_name == 'pull_request' && format('origin/{0}', github.base_ref) || 'HEAD~1'": "HEAD~1",
        "github.token": password,
        "vars.IMAGE || format('ghcr.io/{0}', github.repository)": f"{address}/Owner/SameBits",
        "vars.MACHINES || 2": "1",  # only one is here
        "vars.DOCKERHUB_IMAGE": f"{address}/hub/samebits",
        "secrets.DOCKERHUB_USERNAME": containers.USER,
        "secrets.DOCKERHUB_TOKEN": password,
    }


def _of(place: containers.Place) -> dict[str, str]:
    path = f"{Path(containers.DOCKER).parent}{os.pathsep}{os.environ['PATH']}"
    return {**place.env, "GITHUB_ACTOR": containers.USER, "PATH": path, "BUILD": " ".join(place.build_args)}


def main(jobs: Sequence[str]) -> int:
    """Rehearse the jobs that are named, or all."""
    status, of_ci = 0, [job for job in jobs if job != ELSEWHERE]
    if of_ci or not jobs:
        needed = not of_ci or "image" in of_ci
        with containers.place() if needed and not containers.impossible() else nullcontext() as somewhere:
            status = rehearse(of_ci, somewhere)
    if not status and (ELSEWHERE in jobs or not jobs):
        with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
            status = elsewhere(_another(Path(folder)))
    if not status:
        print("The rehearsal passed.")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

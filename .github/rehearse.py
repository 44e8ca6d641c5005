"""Run the steps of the workflows here, in order, job by job, as the YAML has them, in fresh clones of HEAD.

ci.yml as if main had been pushed, then, as `elsewhere`, the examples for GitHub, GitLab and pre-commit in another
repository, which get this project as users do. GitHub's variables have local stand-ins; this project's Action runs by
its steps; uploads and downloads of artifacts are copies of files. Left out, and said so, are steps that need GitHub
itself: other actions, and steps for pull requests. Of a matrix, the first entry runs. podman makes the image and pushes
it to a registry of the rehearsal's own; where neither can be, that job is left out, too.

With names of jobs as arguments, only they run, those of ci.yml with the packages that are installed here.
"""

import graphlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests import containers

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
EXAMPLES = ROOT / "samebits" / "proof" / "workflows"
OWN = ("./", "OWNER/samebits")
ELSEWHERE = "elsewhere"
IN_CONTAINER = "/tmp/samebits"  # noqa: S108 - where the example for GitLab installs, in a container that is thrown away


@dataclass
class Job:
    """A job of a workflow, or the steps of an action in it.

    name: as it is shown. clone: where the steps run. folder: for files of the runner. action: this project's, where it
    is checked out. values: what expressions give. environment: of the steps.
    """

    name: str
    clone: Path
    folder: Path
    action: Path
    values: dict[str, str]
    environment: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)

    def run(self, steps: Sequence[Mapping[str, Any]]) -> int:
        """Run steps; the exit status of the first that fails."""
        for step in steps:
            label = f"[{self.name}] {step.get('name') or step.get('uses', 'a step').partition('@')[0]}"
            if status := self._step(step, label):
                print(f"{label}: exit status {status}", file=sys.stderr)
                return status
        return 0

    def _step(self, step: Mapping[str, Any], label: str) -> int:
        action = step.get("uses", "").partition("@")[0]
        artifact = action in ("actions/upload-artifact", "actions/download-artifact")
        left_out = action and not artifact and action not in OWN
        if left_out or "pull_request" in step.get("if", ""):
            print(f"{label}: left out", flush=True)
            return 0
        print(label, flush=True)
        if artifact:
            self._artifact(action, self._filled(step["with"]))
            return 0
        if action:
            return self._own_action(step)
        return self._command(step)

    def _command(self, step: Mapping[str, Any]) -> int:
        output, path = self.folder / "output", self.folder / "path"
        for file in (output, path):
            file.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.clone / self._filled({"at": step.get("working-directory", ".")})["at"],
            env=self.environment | self._filled(step.get("env", {})),
            check=False,
        )
        for line in path.read_text().splitlines():
            self.environment["PATH"] = f"{line}{os.pathsep}{self.environment['PATH']}"
        told = dict(line.split("=", 1) for line in output.read_text().splitlines())
        self.values |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in told.items()}
        return done.returncode

    def _own_action(self, step: Mapping[str, Any]) -> int:
        action = yaml.safe_load((self.action / "action.yml").read_text())
        inputs = {name: str(each.get("default", "")) for name, each in action["inputs"].items()}
        inputs |= self._filled(step.get("with", {}))
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values["steps.python.outputs.python-path"] = sys.executable
        environment = self.environment | self._filled(step.get("env", {})) | {"GITHUB_ACTION_PATH": str(self.action)}
        inner = replace(self, name=f"{self.name}, samebits", values=values, environment=environment)
        status = inner.run(action["runs"]["steps"])
        told = inner._filled({name: each["value"] for name, each in action["outputs"].items()})
        self.values |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in told.items()}
        return status

    def _artifact(self, action: str, options: dict[str, str]) -> None:
        artifacts, path = self.folder / "artifacts", self.clone / options["path"]
        if action.endswith("upload-artifact"):
            target = artifacts / options["name"]
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                target.mkdir(parents=True)
                shutil.copy(path, target)
        elif "name" in options:
            shutil.copytree(artifacts / options["name"], path, dirs_exist_ok=True)
        else:
            for source in artifacts.glob(options["pattern"]):
                shutil.copytree(source, path / source.name)

    def _filled(self, mapping: Mapping[str, Any]) -> dict[str, str]:
        """Replace the expressions in the values; one without a stand-in is a KeyError, an output not set is empty."""

        def value(found: re.Match[str]) -> str:
            return self.values.get(found[1], "") if found[1].startswith("steps.") else self.values[found[1]]

        return {key: re.sub(r"\$\{\{ *(.*?) *\}\}", value, str(text)) for key, text in mapping.items()}


def rehearse(chosen: Sequence[str], place: containers.Place | None) -> int:
    """Run the jobs of ci.yml that are chosen, or all; returns the exit status of the first step that fails."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        clone = _clone(Path.cwd(), Path(folder) / "clone")
        inherited = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}
        if chosen:
            (clone / ".venv").symlink_to(sys.prefix)
            inherited["MAKEFLAGS"] = " ".join(f"--assume-old=.venv/{each}" for each in ("installed", "dev", "image"))
        if place:
            inherited |= _of(place)
        else:
            print(f"[image] left out: {containers.impossible()}", flush=True)
        return _workflow(WORKFLOW, clone, clone, inherited, _stand_ins(place), chosen, () if place else ("image",))


def elsewhere(repository: Path) -> int:
    """Run the examples in a clone of a repository of DVC that is not this one."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        folder = Path(name)
        action, clone = _clone(ROOT, folder / "samebits"), _clone(repository, folder / "clone")
        inherited = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        if status := _workflow(EXAMPLES / "github.yml", clone, action, inherited, {}):
            return status
        pip: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            f"--wheel-dir={folder}",
            action,
        ]
        subprocess.run(pip, check=True)
        [wheel] = folder.glob("samebits-*.whl")
        if status := _gitlab(clone, inherited | {"SAMEBITS": f"samebits[check] @ {wheel.as_uri()}"}):
            return status
        return _pre_commit(clone, action, inherited | {"PRE_COMMIT_HOME": str(folder / "pre-commit")})


def _workflow(
    file: Path,
    clone: Path,
    action: Path,
    inherited: Mapping[str, str],
    stand_ins: Mapping[str, str],
    chosen: Sequence[str] = (),
    without: Sequence[str] = (),
) -> int:
    """Run the jobs of a workflow of GitHub after those that they need."""
    jobs = yaml.safe_load(file.read_text())["jobs"]
    folder = clone.parent
    (folder / "temp").mkdir(exist_ok=True)
    for name in graphlib.TopologicalSorter({name: job.get("needs", []) for name, job in jobs.items()}).static_order():
        if name in without or (chosen and name not in chosen):
            continue
        matrix = jobs[name].get("strategy", {}).get("matrix", {})
        first = {key: choices[0] for key, choices in matrix.items() if key != "include"}
        first |= matrix.get("include", [{}])[0]
        values = {**stand_ins, **{f"matrix.{key}": str(choice) for key, choice in first.items()}}
        job = Job(name, clone, folder, action, values, {**inherited, **_github(clone)})
        job.environment |= job._filled(jobs[name].get("env", {}))
        summary = folder / "summary"
        summary.write_text("")
        if status := job.run(jobs[name]["steps"]):
            return status
        if text := summary.read_text():
            print(f"[{name}] summary:\n{text}", flush=True)
    return 0


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
    return {**place.env, "PATH": path, "BUILD": " ".join(place.build_args)}


def _github(clone: Path) -> dict[str, str]:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    folder = clone.parent
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": containers.USER,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_PATH": str(folder / "path"),
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": head.stdout.strip(),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "RUNNER_OS": "Linux" if sys.platform == "linux" else "macOS",
        "RUNNER_TEMP": str(folder / "temp"),
    }


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

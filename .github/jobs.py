"""A workflow of GitHub, run here: its jobs in order, their steps as the YAML has them.

GitHub's variables have local stand-ins; this project's Action runs by its steps; uploads and downloads of artifacts are
copies of files. Left out, and said so, are steps that need GitHub itself: other actions, and those for pull requests.
Of a matrix, the first entry runs.
"""

import graphlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

OWN = ("./", "OWNER/samebits")


def lend_environment(clone: Path) -> None:
    """Let a clone use the packages that are installed here: make takes them for newer than its pins."""
    (clone / ".venv").symlink_to(sys.prefix)
    for pins in [*clone.glob("requirements*.txt"), clone / "pyproject.toml"]:
        os.utime(pins, (0, 0))


def run_workflow(
    file: Path,
    clone: Path,
    action: Path,
    inherited: Mapping[str, str],
    stand_ins: Mapping[str, str],
    chosen: Sequence[str] = (),
    without: Sequence[str] = (),
    ref: str = "refs/heads/main",
) -> int:
    """Run the jobs of a workflow of GitHub after those that they need, as if `ref` had been pushed."""
    jobs = yaml.safe_load(file.read_text())["jobs"]
    folder, stand_ins, left_out = clone.parent, dict(stand_ins), set(without)
    (folder / "temp").mkdir(exist_ok=True)
    for name in graphlib.TopologicalSorter({name: job.get("needs", []) for name, job in jobs.items()}).static_order():
        if left_out.intersection((name, *jobs[name].get("needs", []))):
            left_out.add(name)
            continue
        if chosen and name not in chosen:
            continue
        matrix = jobs[name].get("strategy", {}).get("matrix", {})
        first = {key: choices[0] for key, choices in matrix.items() if key != "include"}
        first |= matrix.get("include", [{}])[0]
        values = {**stand_ins, **{f"matrix.{key}": str(choice) for key, choice in first.items()}}
        job = Job(name, clone, folder, action, values, {**inherited, **_github(clone, ref)})
        job.environment |= job._filled(jobs[name].get("env", {}))
        summary = folder / "summary"
        summary.write_text("")
        if status := job.run(jobs[name]["steps"]):
            return status
        told = job._filled(jobs[name].get("outputs", {}))
        stand_ins |= {f"needs.{name}.outputs.{key}": value for key, value in told.items()}
        if text := summary.read_text():
            print(f"[{name}] summary:\n{text}", flush=True)
    return 0


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
            return self.values.get(found[1], "") if found[1].startswith(("steps.", "needs.")) else self.values[found[1]]

        return {key: re.sub(r"\$\{\{ *(.*?) *\}\}", value, str(text)) for key, text in mapping.items()}


def _github(clone: Path, ref: str) -> dict[str, str]:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    folder = clone.parent
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_PATH": str(folder / "path"),
        "GITHUB_REF": ref,
        "GITHUB_REF_NAME": ref.split("/", 2)[2],
        "GITHUB_REPOSITORY": OWN[1],
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": head.stdout.strip(),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "RUNNER_OS": "Linux" if sys.platform == "linux" else "macOS",
        "RUNNER_TEMP": str(folder / "temp"),
    }

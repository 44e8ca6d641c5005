"""A workflow of GitHub, run here: its jobs in order, their steps as the YAML has them.

Each job starts in an empty folder of its own. `checkout` fetches HEAD into it. `setup-python` makes a virtual
environment of the Python that runs this, whichever version the step asks for. This project's Action runs by its steps.
Artifacts pass from job to job only by upload and download. Other actions are left out, and the output says so. Of a
matrix, the first entry runs.
"""

import graphlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from expressions import as_text, evaluate, fill

OWN = ("./", "OWNER/samebits")
FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")  # in which a step tells the runner something
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def checkout(source: Path, folder: Path, depth: int = 0) -> Path:
    """Make a repository in a folder whose branch main is the HEAD of another; `depth` commits of it, 0 is all."""
    shallow = [f"--depth={depth}"] if depth else []
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    for command in (
        ["remote", "add", "origin", source],
        ["fetch", "--quiet", *shallow, "origin", "HEAD"],
        ["reset", "--quiet", "--hard", "FETCH_HEAD"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def python_in(folder: Path) -> Path:
    """Make a virtual environment in a folder; the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin"


def environment() -> dict[str, str]:
    """That of this process, without make's variables and without the virtual environment that this Python is of."""
    own = Path(sys.prefix, "bin").resolve()
    path = [each for each in os.environ["PATH"].split(os.pathsep) if Path(each).resolve() != own]
    kept = {key: value for key, value in os.environ.items() if key not in (*OF_MAKE, "VIRTUAL_ENV")}
    return {**kept, "PATH": os.pathsep.join(path)}


@dataclass(frozen=True)
class Host:
    """What the jobs of a workflow share.

    source: the repository that `checkout` fetches. action: this project, where another repository uses it. folder: for
    workspaces and artifacts. environment: that of a machine. values: of the expressions, by name. ref: what was pushed.
    """

    source: Path
    action: Path
    folder: Path
    environment: Mapping[str, str]
    values: Mapping[str, Any]
    ref: str = "refs/heads/main"

    @property
    def artifacts(self) -> Path:
        """Where what was uploaded is."""
        return self.folder / "artifacts"


def run_workflow(file: Path, host: Host, chosen: Sequence[str] = (), skip: Sequence[str] = ()) -> int:
    """Run the jobs of a workflow after those that they need; returns the exit status of the first step that fails.

    chosen: only these jobs; all, if empty. skip: jobs that are taken to have passed.
    """
    jobs = yaml.safe_load(file.read_text())["jobs"]
    values = {**_context(host), **host.values}
    left_out: set[str] = set()
    for name in graphlib.TopologicalSorter({name: job.get("needs", []) for name, job in jobs.items()}).static_order():
        if name in skip or (chosen and name not in chosen):
            continue
        reason = f"if {jobs[name].get('if', 'success()')}"
        if left_out.intersection(jobs[name].get("needs", [])) or not evaluate(reason[3:], values):
            left_out.add(name)
            print(f"[{name}] left out: {reason}", flush=True)
            continue
        wall, used = time.monotonic(), os.times()
        status, told = _run_job(name, jobs[name], host, values)
        if status:
            return status
        values |= {f"needs.{name}.outputs.{key}": value for key, value in told.items()}
        now = os.times()
        cpu = now.children_user + now.children_system - used.children_user - used.children_system
        print(f"[{name}] passed: {(time.monotonic() - wall) / 60:.1f} min, {cpu / 60:.1f} min of CPU", flush=True)
    return 0


def _run_job(name: str, job: Mapping[str, Any], host: Host, values: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
    folder = host.folder / name
    (folder / "workspace").mkdir(parents=True)
    (folder / "temp").mkdir()
    running = Job(name, host, folder, {**values, **_first(job, values)}, {**host.environment, **_github(host, folder)})
    running.environment |= running.filled(job.get("env", {}))
    if status := running.run(job["steps"]):
        return status, {}
    if text := (folder / "summary").read_text():
        print(f"[{name}] summary:\n{text}", flush=True)
    told = running.filled(job.get("outputs", {}))
    shutil.rmtree(folder)
    return 0, told


def _first(job: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the first entry of a job's matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    lists = {key: evaluate(each, values) if isinstance(each, str) else each for key, each in matrix.items()}
    entry = {key: choices[0] for key, choices in lists.items() if key != "include"} | lists.get("include", [{}])[0]
    return {f"matrix.{key}": choice for key, choice in entry.items()}


@dataclass
class Job:
    """A job of a workflow, or the steps of an action in it.

    name: as it is shown. folder: of this job, with its workspace and the runner's files. values: of its expressions.
    environment: of its steps. action: the folder of the action, in an action.
    """

    name: str
    host: Host
    folder: Path
    values: dict[str, Any]
    environment: dict[str, str]
    action: Path | None = field(default=None)

    @property
    def workspace(self) -> Path:
        """Where the steps run."""
        return self.folder / "workspace"

    def run(self, steps: Sequence[Mapping[str, Any]]) -> int:
        """Run steps; the exit status of the first that fails."""
        for step in steps:
            label = f"[{self.name}] {step.get('name') or step.get('uses', 'a step').partition('@')[0]}"
            if not evaluate(step.get("if", "success()"), self.values):
                print(f"{label}: left out: if {step['if']}", flush=True)
                continue
            status = self._step(step, label)
            self.values[f"steps.{step.get('id')}.outcome"] = "failure" if status else "success"
            if status:
                print(f"{label}: exit status {status}", file=sys.stderr)
                return status
        return 0

    def _step(self, step: Mapping[str, Any], label: str) -> int:
        print(label, flush=True)
        options, key = self.filled(step.get("with", {})), f"steps.{step.get('id')}.outputs"
        match step.get("uses", "").partition("@")[0]:
            case "":
                return self._command(step)
            case "actions/checkout":
                checkout(self.host.source, self.workspace, int(options.get("fetch-depth", 1)))
            case "actions/setup-python":
                self._python(options, key)
            case "actions/upload-artifact":
                self._upload(options)
            case "actions/download-artifact":
                return self._download(options)
            case action if action in OWN:
                return self._own_action(step, options, key)
            case _:
                print(f"{label}: left out: it needs GitHub", flush=True)
        return 0

    def _command(self, step: Mapping[str, Any]) -> int:
        files = {name: self.folder / name for name in FILES}
        for file in files.values():
            file.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", fill(step["run"], self.values)],
            cwd=self.workspace / fill(step.get("working-directory", "."), self.values),
            env=self.environment | self.filled(step.get("env", {})),
            check=False,
        )
        for line in files["GITHUB_PATH"].read_text().splitlines():
            self._first_on_path(line)
        self.environment |= _told(files["GITHUB_ENV"])
        told = _told(files["GITHUB_OUTPUT"])
        self.values |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in told.items()}
        return done.returncode

    def _python(self, options: Mapping[str, str], key: str) -> None:
        folder = self.folder / f"python{options['python-version']}"
        programs = folder / "bin" if folder.exists() else python_in(folder)
        if options.get("update-environment") != "false":
            self._first_on_path(str(programs))
        self.values[f"{key}.python-path"] = str(programs / "python")

    def _first_on_path(self, folder: str) -> None:
        self.environment["PATH"] = f"{folder}{os.pathsep}{self.environment['PATH']}"

    def _own_action(self, step: Mapping[str, Any], options: Mapping[str, str], key: str) -> int:
        folder = self.workspace if step["uses"] == "./" else self.host.action
        action = yaml.safe_load((folder / "action.yml").read_text())
        inputs = {name: str(each.get("default", "")) for name, each in action["inputs"].items()} | {**options}
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        env = self.environment | self.filled(step.get("env", {})) | {"GITHUB_ACTION_PATH": str(folder)}
        inner = replace(self, name=f"{self.name}, samebits", values=values, environment=env)
        status = inner.run(action["runs"]["steps"])
        told = inner.filled({name: each["value"] for name, each in action["outputs"].items()})
        self.values |= {f"{key}.{name}": value for name, value in told.items()}
        return status

    def _upload(self, options: Mapping[str, str]) -> None:
        target, path = self.host.artifacts / options["name"], self.workspace / options["path"]
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            target.mkdir(parents=True)
            shutil.copy(path, target)

    def _download(self, options: Mapping[str, str]) -> int:
        path = self.workspace / options["path"]
        if "pattern" in options:
            for source in sorted(self.host.artifacts.glob(options["pattern"])):
                merged = options.get("merge-multiple") == "true"
                shutil.copytree(source, path if merged else path / source.name, dirs_exist_ok=True)
            return 0
        if not (source := self.host.artifacts / options["name"]).exists():
            print(f"no job uploaded {options['name']}", file=sys.stderr)
            return 1
        shutil.copytree(source, path, dirs_exist_ok=True)
        return 0

    def filled(self, mapping: Mapping[str, Any]) -> dict[str, str]:
        """A mapping with the values of the expressions in it."""
        return {key: fill(as_text(each), self.values) for key, each in mapping.items()}


def _told(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def _context(host: Host) -> dict[str, Any]:
    """What the context `github` has for a push to this project's repository."""
    return {
        "github.event_name": "push",
        "github.ref": host.ref,
        "github.ref_name": host.ref.split("/", 2)[2],
        "github.base_ref": "",
        "github.repository": OWN[1],
        "github.event.repository.default_branch": "main",
        "github.event.repository.private": False,
        "github.token": "",
        "runner.os": "Linux" if sys.platform == "linux" else "macOS",
    }


def _github(host: Host, folder: Path) -> dict[str, str]:
    """The variables that a runner sets, and its files."""
    (folder / "summary").write_text("")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=host.source, capture_output=True, text=True, check=True)
    context = _context(host)
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": context["github.event_name"],
        "GITHUB_REF": host.ref,
        "GITHUB_REF_NAME": context["github.ref_name"],
        "GITHUB_REPOSITORY": context["github.repository"],
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": head.stdout.strip(),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "RUNNER_OS": context["runner.os"],
        "RUNNER_TEMP": str(folder / "temp"),
        **{name: str(folder / name) for name in FILES},
    }

"""Run the `run:` steps of the CI workflow here, in order, job by job, as the YAML has them, in a fresh clone of HEAD.

GitHub's variables have local stand-ins, as if main had been pushed; uploads and downloads of artifacts are copies of
files. Left out, and said so, are steps that need GitHub itself: other actions, and steps for pull requests. podman
makes the image and pushes it to a registry of the rehearsal's own; where neither can be, that job is left out, too.

With names of jobs as arguments, only they run, with the packages that are installed here.
"""

import graphlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests import containers

WORKFLOW = Path(__file__).parent / "workflows" / "ci.yml"


def rehearse(chosen: Sequence[str], place: containers.Place | None) -> int:
    """Run the jobs that are chosen, or all; returns the exit status of the first step that fails."""
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    order = graphlib.TopologicalSorter({name: job.get("needs", []) for name, job in jobs.items()}).static_order()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        clone, artifacts = Path(folder) / "clone", Path(folder) / "artifacts"
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        subprocess.run(["git", "switch", "--quiet", "--force-create", "main"], cwd=clone, check=True)
        inherited = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}
        if chosen:
            (clone / ".venv").symlink_to(sys.prefix)
            inherited["MAKEFLAGS"] = " ".join(f"--assume-old=.venv/{each}" for each in ("installed", "dev", "image"))
        for name in order:
            if chosen and name not in chosen:
                continue
            if name == "image" and not place:
                print(f"[{name}] left out: {containers.impossible()}", flush=True)
                continue
            job = jobs[name]
            matrix = job.get("strategy", {}).get("matrix", {})
            values = {**_stand_ins(place), **{f"matrix.{key}": str(choices[0]) for key, choices in matrix.items()}}
            summary = Path(folder) / f"{name}.md"
            summary.touch()
            environment = {
                **inherited,
                **_github(clone, folder, summary),
                **(_of(place) if place else {}),
                **_filled(job.get("env", {}), values),
            }
            for step in job["steps"]:
                label = f"[{name}] {step.get('name') or step['uses'].partition('@')[0]}"
                status = _step(step, label, values, environment, clone, artifacts)
                if status:
                    print(f"{label}: exit status {status}", file=sys.stderr)
                    return status
            if text := summary.read_text():
                print(f"[{name}] summary:\n{text}", flush=True)
    print("The rehearsal passed.")
    return 0


def _step(
    step: dict[str, Any], label: str, values: dict[str, str], environment: dict[str, str], clone: Path, artifacts: Path
) -> int:
    action = step.get("uses", "").partition("@")[0]
    if "pull_request" in step.get("if", "") or action not in (
        "",
        "actions/upload-artifact",
        "actions/download-artifact",
    ):
        print(f"{label}: left out", flush=True)
        return 0
    print(label, flush=True)
    if action:
        options = _filled(step["with"], values)
        if action.endswith("upload-artifact"):
            source, target = clone / options["path"], artifacts / options["name"]
            shutil.copytree(source, target) if source.is_dir() else _copy(source, target)
        elif "name" in options:
            shutil.copytree(artifacts / options["name"], clone / options["path"], dirs_exist_ok=True)
        else:
            for source in artifacts.glob(options["pattern"]):
                shutil.copytree(source, clone / options["path"] / source.name)
        return 0
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(
        command, cwd=clone, env=environment | _filled(step.get("env", {}), values), check=False
    ).returncode


def _copy(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copy(file, folder)


def _stand_ins(place: containers.Place | None) -> dict[str, str]:
    """What the expressions of the workflow give on a push to main; of a matrix, its first entry."""
    address, password = (place.address, place.password) if place else ("", "")
    return {
        "github.event_name == 'pull_request' && format('origin/{0}', github.base_ref) || 'HEAD~1'": "HEAD~1",
        "github.token": password,
        "vars.IMAGE || format('ghcr.io/{0}', github.repository)": f"{address}/Owner/SameBits",
        "vars.DOCKERHUB_IMAGE": f"{address}/hub/samebits",
        "secrets.DOCKERHUB_USERNAME": containers.USER,
        "secrets.DOCKERHUB_TOKEN": password,
    }


def _of(place: containers.Place) -> dict[str, str]:
    path = f"{Path(containers.DOCKER).parent}{os.pathsep}{os.environ['PATH']}"
    return {**place.env, "PATH": path, "BUILD": " ".join(place.build_args)}


def _github(clone: Path, folder: str, summary: Path) -> dict[str, str]:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": containers.USER,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(Path(folder) / "output"),
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": head.stdout.strip(),
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": folder,
    }


def _filled(mapping: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """Replace the expressions in the values; one without a stand-in is a KeyError."""
    return {
        key: re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: values[found[1]], str(value))
        for key, value in mapping.items()
    }


if __name__ == "__main__":
    jobs = sys.argv[1:]
    needed = not jobs or "image" in jobs
    with containers.place() if needed and not containers.impossible() else nullcontext() as somewhere:
        status = rehearse(jobs, somewhere)
    sys.exit(status)

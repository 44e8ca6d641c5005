"""Run the `run:` steps of the CI workflow here, in order, job by job, as the YAML has them, in a fresh clone of HEAD.

GitHub's variables have local stand-ins; uploads and downloads of artifacts are copies of files. Left out, and said so,
are steps that need GitHub itself: other actions, and steps for pull requests.
"""

import graphlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

WORKFLOW = Path(__file__).parent / "workflows" / "ci.yml"
# A push to main; of a matrix, its first entry
STAND_INS = {
    "github.event_name == 'pull_request' && format('origin/{0}', github.base_ref) || 'HEAD~1'": "HEAD~1",
    "github.token": "",
}


def main() -> int:
    """Run all jobs; returns the exit status of the first step that fails."""
    workflow = yaml.safe_load(WORKFLOW.read_text())
    jobs = workflow["jobs"]
    needs = {name: job.get("needs", []) for name, job in jobs.items()}
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        clone, artifacts = Path(folder) / "clone", Path(folder) / "artifacts"
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        for name in graphlib.TopologicalSorter(needs).static_order():
            job = jobs[name]
            matrix = job.get("strategy", {}).get("matrix", {})
            values = STAND_INS | {f"matrix.{key}": str(choices[0]) for key, choices in matrix.items()}
            summary = Path(folder) / f"{name}.md"
            summary.touch()
            environment = {
                **{key: value for key, value in os.environ.items() if key != "MAKEFLAGS"},
                **_github(clone, folder, summary),
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
            target = artifacts / options["name"]
            target.mkdir(parents=True)
            shutil.copy(clone / options["path"], target)
        else:
            for source in artifacts.glob(options["pattern"]):
                shutil.copytree(source, clone / options["path"] / source.name)
        return 0
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(
        command, cwd=clone, env=environment | _filled(step.get("env", {}), values), check=False
    ).returncode


def _github(clone: Path, folder: str, summary: Path) -> dict[str, str]:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
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
    sys.exit(main())

"""README.md: what it says of the project, and that it works as written."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

import samebits
from tests.conftest import ROOT, Project
from tests.proof.repositories import Repository

README = (ROOT / "README.md").read_text()
TRANSCRIPT = re.search(r"```text\n(.*?)```", README, re.DOTALL)
IDENTITY = str(samebits.__doc__)


def blocks(heading: str, language: str = "console") -> list[str]:
    """The blocks of code under a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def test_one_sentence_says_what_it_is(project: Project) -> None:
    assert IDENTITY.startswith("samebits ")
    assert README.splitlines()[2] == IDENTITY
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["description"] == IDENTITY
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["abstract"] == IDENTITY
    assert yaml.safe_load((ROOT / "action.yml").read_text())["description"] == IDENTITY
    assert len(IDENTITY) <= 125  # of an Action that GitHub's marketplace takes
    assert IDENTITY in " ".join(project.run("samebits", "--help").stdout.split())


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_one_name_is_one_command() -> None:
    pages = [ROOT / "Makefile", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if re.search(r"-m samebits(?!\.)", page.read_text())] == []


def test_the_version_stands_in_one_place(project: Project) -> None:
    assert project.run("samebits", "--version").stdout == f"samebits {samebits.__version__}\n"
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


@pytest.mark.slow
def test_the_verdicts_are_those_of_the_check(reproduced: Project) -> None:
    assert TRANSCRIPT
    _, command, forged, of_before, sound = re.split(r"^\$ (.*)\n", TRANSCRIPT[1], flags=re.MULTILINE)
    assert of_before == "samebits check --commit HEAD~1 | tail -n 1"
    reproduced.replace("metrics/evaluate.json", '"r2": 0.5756', '"r2": 0.6756')
    reproduced.run("dvc", "commit", "--force", "evaluate")
    reproduced.commit("Better")
    assert reproduced.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"
    told = reproduced.run("bash", "-c", command).stdout
    assert without_machine(told) == without_machine(forged), "put into README.md what the check prints"

    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    count = sum(len(stage.get("outs", [])) for stage in stages.values())
    assert without_machine(sound.strip()) == f"Reproduced: {count} of {count} outputs are the same"


def without_machine(verdict: str) -> str:
    return verdict.partition(" (machine ")[0]


@pytest.mark.posix_shell
def test_the_recipe_for_your_own_repository_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline: the tool is a wheel of this project in an environment of its own, as pipx and uv make it."""
    [recipe] = blocks("Check your own repository")
    install, *commands = recipe.splitlines()
    assert install.startswith("pipx install 'samebits[check] @ git+https://github.com/OWNER/samebits'")
    repo = Repository(tmp_path / "repo")
    tool, stages = tmp_path / "tool", repo.top / ".venv"
    for folder in (tool, stages):
        venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={tmp_path}", str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    [wheel] = tmp_path.glob("*.whl")
    subprocess.run([*pip, f"--python={tool}", "install", "--no-deps", "--no-index", str(wheel)], check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(tool)})
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    site = sysconfig.get_path("purelib", vars={"base": str(stages)})
    (Path(site) / "only_here.py").write_text("VALUE = 7\n")

    repo.write(".gitignore", ".venv\n")
    repo.write("a.py", "import only_here\nopen('a.txt', 'w').write(str(only_here.VALUE))\n")
    repo.pipeline(stages={"a": {"cmd": "python a.py", "deps": ["a.py"], "outs": ["a.txt"]}})
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{stages}/bin{os.pathsep}{os.environ['PATH']}")
        repo.run()
    bin_of_user = tmp_path / "bin"
    bin_of_user.mkdir()
    (bin_of_user / "samebits").symlink_to(tool / "bin" / "samebits")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    env["PATH"] = f"{bin_of_user}{os.pathsep}/usr/bin{os.pathsep}/bin"
    script = "set -e\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=repo.top, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduced: 1 of 1 outputs are the same" in done.stdout


def test_the_example_of_the_estimator_runs() -> None:
    [code] = blocks("The estimator in your program", "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "(intercept)" in done.stdout

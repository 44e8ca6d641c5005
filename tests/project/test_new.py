"""`samebits new`: a repository of one's own, which works as this one does."""

import json
import os
import re
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from samebits import __version__
from samebits.commands import new, use
from samebits.project import pins, repository
from tests.conftest import BIN, ROOT

TABLE = "rooms,area,city,price\n" + "".join(
    f"{n % 7 + 1},{30 + area},{('Rome', 'Oslo')[n % 2]},{20000 + 9000 * (n % 7) + 1800 * area + n % 11}\n"
    for n in range(200)
    for area in (n * 37 % 200,)
)
READ = 14  # files that a person reads, at most


def samebits(folder: Path, *arguments: str, program: str = "samebits") -> "subprocess.CompletedProcess[str]":
    """A command of the environment, in a folder."""
    names = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**os.environ, **names, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", program, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that did not run yet."""
    folder = tmp_path_factory.mktemp("new")
    (folder / "houses.csv").write_text(TABLE)
    done = samebits(folder, "new", "mine", "--table", "houses.csv", "--target", "price")
    assert done.returncode == 0, done.stderr
    return folder / "mine"


def test_it_is_small_and_holds_its_table(made: Path) -> None:
    names = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    read = {name for name in names if not name.startswith((".git/", ".dvc/plots/", ".dvc/tmp/", ".dvc/.gitignore"))}
    assert read == {
        *(".dockerignore", ".dvc/config", ".dvcignore", ".github/workflows/ci.yml", ".gitignore", "Dockerfile"),
        *("README.md", "data/raw/houses.csv", "dvc.yaml", "params.yaml", "requirements.txt", "samebits.toml"),
    }
    assert len({*read, "dvc.lock"}) <= READ
    assert (made / "data/raw/houses.csv").read_text() == TABLE
    readme = (made / "README.md").read_text()
    assert readme.startswith("# mine\n")
    assert "A linear regression predicts `price`" in readme
    assert not re.search(
        r"\b(NAME|TARGET|TABLE|MODEL|METRIC)\b(?! --target)", readme.replace("build NAME", "").replace("COLUMN", "")
    )


def test_a_target_of_two_values_has_its_model_and_its_gate(tmp_path: Path) -> None:
    (tmp_path / "MODEL.csv").write_text(
        TABLE.replace("price", "TARGET").replace("Rome", "yes").replace("Oslo", "no").replace("city", "NAME")
    )
    done = samebits(tmp_path, "new", "mine", "--table", "MODEL.csv", "--target", "NAME")
    assert done.returncode == 0, done.stderr
    assert "NAME: logistic regression; 1 is yes (100 rows), 0 is no (100 rows)" in done.stdout
    mine = tmp_path / "mine"
    assert (
        "A logistic regression predicts `NAME` from the columns of [data/raw/MODEL.csv]"
        in (mine / "README.md").read_text()
    )
    gate = tomllib.loads((mine / "samebits.toml").read_text())["gate"]
    assert set(gate) == {"quant.log_loss", "float.log_loss"}
    train = yaml.safe_load((mine / "params.yaml").read_text())["train"]
    assert (train["model"], train["labels"]) == ("logistic", ["no", "yes"])


def test_its_pipeline_and_its_parameters_are_those_of_this_project(made: Path) -> None:
    here, there = (yaml.safe_load((root / "dvc.yaml").read_text()) for root in (ROOT, made))
    assert list(here["stages"]) == list(there["stages"])
    for name, stage in here["stages"].items():
        own = there["stages"][name]
        assert own.pop("cmd") == stage.pop("cmd").replace("stages.", "samebits.stages.")
        deps = [each for each in stage.pop("deps") if not each.startswith(("samebits/", "stages/"))]
        assert own.pop("deps") == deps
        assert own == stage
    plots = [
        {name: {**plot, "template": Path(plot["template"]).stem}}
        for each in here["plots"]
        for name, plot in each.items()
    ]
    assert there["plots"] == plots
    templates = {plot["template"] for each in there["plots"] for plot in each.values()}
    assert templates == {path.stem for path in (made / ".dvc" / "plots").iterdir()}
    params, own = (yaml.safe_load((root / "params.yaml").read_text()) for root in (ROOT, made))
    assert own["data"].keys() == params["data"].keys()
    assert (own["data"]["source"], own["data"]["target"]) == ("data/raw/houses.csv", "price")
    assert {**own, "data": None} == {**params, "data": None}


def test_it_pins_what_the_pipeline_and_the_server_need(made: Path) -> None:
    lines = (made / "requirements.txt").read_text().splitlines()[1:]
    assert lines[0] == pins.origin().requirement
    versions = dict(line.split("==") for line in lines[1:])
    assert {"dvc", "duckdb", "numpy", "torch", "scikit-learn", "python-flint", "uvicorn", "fastapi"} <= versions.keys()
    assert versions["torch"] == metadata.version("torch").partition("+")[0]
    assert "pytest" not in versions


def test_its_workflow_runs_lock_check_report_and_claims(made: Path) -> None:
    [job] = yaml.safe_load((made / ".github/workflows/ci.yml").read_text())["jobs"].values()
    uses = [step for step in job["steps"] if "samebits@" in step.get("uses", "")]
    assert [step["with"]["command"] for step in uses] == ["lock", "check", "report", "claims"]
    [python] = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert tomllib.loads((made / "samebits.toml").read_text())["gate"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["there", "--table", "t.csv", "--target", "price"], "there: exists and is not an empty folder"),
        (["mine", "--table", "none.csv", "--target", "price"], "none.csv: no such file"),
        (["mine", "--table", "t.csv", "--target", "none"], "none"),
        (["mine", "--table", "https://example.com/t.csv", "--target", "price"], "a URL; download the file first"),
        (["t.csv/mine", "--table", "t.csv", "--target", "price"], "t.csv is not a writable folder"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    done = samebits(tmp_path, "new", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert told in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "there"]


@pytest.mark.parametrize(
    ("recorded", "origin"),
    [
        (None, pins.Origin(f"samebits[pipeline,serve]=={__version__}", None, True)),
        (
            {"url": "https://github.com/a/samebits.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            pins.Origin(
                "samebits[pipeline,serve] @ https://github.com/a/samebits/archive/c0ffee.tar.gz",
                "a/samebits@c0ffee",
                True,
            ),
        ),
        (
            {"url": "https://example.com/samebits", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            pins.Origin("samebits[pipeline,serve] @ git+https://example.com/samebits@c0ffee", None, True),
        ),
        (
            {"url": "https://example.com/samebits-0.1.0-py3-none-any.whl", "archive_info": {}},
            pins.Origin("samebits[pipeline,serve] @ https://example.com/samebits-0.1.0-py3-none-any.whl", None, True),
        ),
        (
            {"url": "file:///home/me/samebits", "dir_info": {}},
            pins.Origin(f"samebits[pipeline,serve]=={__version__}", None, False),
        ),
    ],
)
def test_samebits_itself_is_pinned_as_pip_got_it(
    recorded: dict[str, Any] | None, origin: pins.Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(recorded) if recorded else None

    monkeypatch.setattr(pins, "distribution", lambda _: Installed())
    assert pins.origin() == origin
    monkeypatch.setattr(pins, "pins", list)
    repository.write(tmp_path, origin, "3.11")
    workflow = (tmp_path / ".github/workflows/ci.yml").read_text()
    assert workflow.count(f"uses: {origin.action or repository.PLACEHOLDER} # v{__version__}") == 4


def test_a_large_table_is_tracked_by_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "houses.csv").write_text(TABLE)
    monkeypatch.setattr(use, "FOR_DVC", 1000)
    monkeypatch.chdir(tmp_path)
    parser = ArgumentParser()
    new.add_arguments(parser)
    assert new.run(parser.parse_args(["mine", "--table", "houses.csv", "--target", "price"])) == 0
    assert (tmp_path / "mine/data/raw/houses.csv.dvc").is_file()
    assert "/houses.csv" in (tmp_path / "mine/data/raw/.gitignore").read_text()


@pytest.mark.slow
@pytest.mark.posix_shell
def test_it_runs_and_proves_itself(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text(TABLE)
    done = samebits(tmp_path, "new", "mine", "--table", "houses.csv", "--target", "price", "--run")
    assert done.returncode == 0, done.stderr
    mine = tmp_path / "mine"
    assert samebits(mine, "status", "--quiet", program="dvc").returncode == 0
    assert subprocess.run(["git", "status", "--porcelain"], cwd=mine, capture_output=True, check=True).stdout == b""
    assert "| float64 " in (mine / "README.md").read_text()
    done = samebits(mine, "check", "--json")
    assert json.loads(done.stdout)["conclusion"] == "reproduced", done.stdout
    jsonschema.validate(json.loads(done.stdout), json.loads((ROOT / "docs/verdict.schema.json").read_text()))
    assert samebits(mine, "claims", "--strict").returncode == 0
    (mine / "params.yaml").write_text((mine / "params.yaml").read_text().replace("bits: 8", "bits: 2"))
    assert samebits(mine, "repro", "--quiet", program="dvc").returncode == 0
    assert "bits" in samebits(mine, "metrics", "diff", program="dvc").stdout
    assert samebits(mine, "claims", "--strict", "README.md").returncode == 1  # the table of results is that of 8 bits
    assert samebits(mine, "results", "--write", "README.md", "--html", "page.html").returncode == 0
    assert samebits(mine, "claims", "--strict", "README.md").returncode == 0
    assert "<title>" in (mine / "page.html").read_text()
    assert "quantize.bits" in samebits(mine, "report", "HEAD").stdout
    assert samebits(mine, "predict", "--info").returncode == 0

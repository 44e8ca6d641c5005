"""What `samebits init` says of a repository and writes, and that a check with it then passes."""

import json
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from samebits.errors import UserError
from samebits.proof.adoption import proposal
from samebits.proof.adoption.look import Look, look
from samebits.proof.repository import of_dvc
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.settings import Settings
from tests.proof.repositories import Repository, simple, verdicts

SPLIT = "from sklearn.model_selection import train_test_split\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return simple(tmp_path / "repo")


def looked(repo: Repository) -> Look:
    with repo.inside():
        return look(Pipeline.read(of_dvc.Repository.open()))


def table(found: Look, kind: str) -> list[tuple[str, str, str]]:
    return [(need.what, need.found, need.do) for need in found.needs if need.kind == kind]


def run(repo: Repository, *words: str) -> int:
    return repo.command("init", *words)


def state(repo: Repository) -> dict[str, bytes]:
    """All that the repository holds but what git and DVC keep for themselves."""
    files = (path for path in repo.top.rglob("*") if path.is_file() and not {".git", ".dvc"} & set(path.parts))
    return {path.relative_to(repo.top).as_posix(): path.read_bytes() for path in files}


def scripted(repo: Repository, code: str, outs: list[str] | None = None, **more: object) -> Look:
    """What is said of a repository whose one stage runs a script."""
    repo.write("work.py", code)
    repo.pipeline(stages={"work": {"cmd": "python work.py", "deps": ["work.py"], "outs": outs or ["out.txt"], **more}})
    repo.commit()
    return looked(repo)


def test_data_is_in_the_cache_in_a_remote_or_nowhere(repo: Repository, tmp_path: Path) -> None:
    [(_, where, do)] = table(looked(repo), "source")
    assert (where, do.startswith("for CI and others: `dvc remote add")) == ("in the cache here; no remote is set", True)
    with repo.dvc() as dvc, dvc.config.edit() as config:
        config["remote"]["store"] = {"url": str(tmp_path / "store")}
        config["core"]["remote"] = "store"
    with repo.dvc() as dvc:
        dvc.push()
    assert table(looked(repo), "source") == [("data/table.txt", "in the cache here", "")]
    repo.commit()
    other = repo.clone(tmp_path / "clone")
    assert table(looked(other), "source") == [("data/table.txt", "in remote store", "")]
    [object_] = (path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.stat().st_size == 6)
    object_.unlink()
    [(_, where, do)] = table(looked(other), "source")
    assert where == "not in the cache; remote store does not have it"
    assert do == "`dvc push` where it is"


def test_data_that_no_commit_holds_is_named(repo: Repository) -> None:
    repo.write("more.txt", "4\n")
    stage = {"cmd": "cat more.txt > sum.txt", "deps": ["more.txt"], "outs": ["sum.txt"]}
    repo.pipeline(stages={"sum": stage})
    [(what, where, do)] = table(looked(repo), "source")
    assert (what, where) == ("more.txt", "in no commit, cache or remote, only in this folder")
    assert do == "commit it, or `dvc add` it"


def test_what_lies_beside_the_folder_of_dvc_is_in_git(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo", "below")
    (repo.top / "beside.txt").write_text("1")
    repo.pipeline(stages={"a": {"cmd": "true > b", "deps": ["../beside.txt"], "outs": ["b"]}})
    repo.commit()
    assert table(looked(repo), "source") == [("all", "in git", "")]


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        ({"uv.lock": "version = 1", "requirements.txt": "numpy==2.0"}, "uv sync --frozen"),
        ({"poetry.lock": "package = []"}, "poetry install"),
        (
            {"environment.yml": "dependencies: [numpy=2]"},
            "conda env create --quiet --prefix .venv --file environment.yml",
        ),
        (
            {"src/requirements.txt": "numpy\n"},
            ["python -m venv .venv", "python -m pip install --quiet -r src/requirements.txt"],
        ),
        (
            {"pyproject.toml": "[project]\nname = 'a'\nversion = '1'\ndependencies = ['numpy']\n"},
            ["python -m venv .venv", "python -m pip install --quiet ."],
        ),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 99\n"}, []),
        ({"deploy/requirements.txt": "flask\n"}, []),  # of something else: the code imports numpy
        ({"requirements.txt": "numpy @ file:///croot/numpy_1\n"}, []),
    ],
)
def test_the_file_that_names_packages_makes_the_environment(
    tmp_path: Path, files: dict[str, str], setup: str | list[str]
) -> None:
    repo = Repository(tmp_path / "repo")
    for path, text in files.items():
        repo.write(path, text)
    assert scripted(repo, "import numpy\n").settings.setup == setup


def test_packages_without_a_version_and_modules_that_are_not_there_are_told(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("helper.py", "import json, surely_not_installed\n")
    found = scripted(repo, "import helper, os\nfrom yaml import safe_load\n")
    assert ("the active one", "lacks surely_not_installed", "activate that of the stages") in table(
        found, "environment"
    )
    repo.write("requirements.txt", "pyyaml==6.0\nsurely-not-installed>1\n-r other.txt\n")
    repo.commit()
    [(what, told, _)] = table(looked(repo), "environment")
    assert (what, told) == ("requirements.txt", "1 of its 2 packages has a version: pin the others")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import requests", "imports requests (work.py:1)"),
        ("from urllib import request", "imports urllib.request (work.py:1)"),
        ("from sklearn.datasets import fetch_openml\nfetch_openml('a')", "sklearn.datasets.fetch_openml() (work.py:2)"),
        ("import pandas as pd\npd.read_csv('https://a.org/b')", "https://a.org/b (work.py:2)"),
        ("URL = 'https://a.org/b.csv'", "https://a.org/b.csv (work.py:1)"),
        ("import nltk\ndef get():\n    nltk.download('punkt')", "nltk.download() (work.py:3)"),
        ("'''See https://a.org/b.csv'''\nfrom sklearn.datasets import load_iris\nload_iris()", None),
        ("print('read https://a.org')", None),
        ("open('http://localhost:5000/x')", None),
    ],
)
def test_a_stage_that_may_need_a_network_is_named_with_the_reason(
    tmp_path: Path, code: str, reason: str | None
) -> None:
    found = scripted(Repository(tmp_path / "repo"), code)
    assert found.reasons == ({"work": reason} if reason else {})
    assert found.settings.network == (["work"] if reason else [])


@pytest.mark.parametrize("command", ["curl -O https://a.org/b", "sh get.sh", "cd . && dvc get a b", "git clone a"])
def test_commands_of_a_shell_need_a_network_too(tmp_path: Path, command: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("get.sh", "# first\nwget -q $1\n")
    repo.pipeline(stages={"get": {"cmd": command, "outs": ["b"]}, "other": {"cmd": "echo curling > c", "outs": ["c"]}})
    repo.commit()
    assert looked(repo).settings.network == ["get"]


def test_variables_that_code_must_have_are_passed_on(tmp_path: Path) -> None:
    code = "import os\nos.environ['KEY'], os.getenv('NAME')\n"
    code += "os.environ['HOME'], os.getenv('X', 'y')\nos.environ['SET'] = '1'"  # passed, with a default, set
    found = scripted(Repository(tmp_path / "repo"), code)
    assert found.settings.pass_env == ["KEY", "NAME"]
    assert table(found, "variable") == [("KEY, NAME", "read by work.py", "`pass_env` gives it")]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            f"{SPLIT}train_test_split(X)",
            "train_test_split without random_state",
        ),
        (
            "from sklearn import ensemble\nensemble.RandomForestClassifier(10, random_state=None)",
            "without random_state",
        ),
        ("import numpy as np\nnp.random.rand(3)", "numpy.random.rand() without a seed"),
        ("import numpy as np\nnp.random.default_rng()", "default_rng() without a seed"),
        ("import torch\nloss.backward()", "torch without a seed"),
        ("from sklearn.ensemble import ExtraTreesClassifier as E\nE(random_state=0, n_jobs=-1)", "with n_jobs"),
        (f"{SPLIT}train_test_split(X, random_state=0)", None),
        (f"{SPLIT}train_test_split(X, shuffle=False)", None),
        ("import numpy as np\nnp.random.seed(0)\nnp.random.rand(3)", None),
        ("import numpy as np\nnp.random.default_rng(0)", None),
        ("import torch\nfrom pl import seed_everything\nseed_everything(1)\nloss.backward()", None),
        ("from sklearn.ensemble import RandomForestClassifier\nRandomForestClassifier(**params)", None),
    ],
)
def test_code_that_draws_without_a_seed_is_told(tmp_path: Path, code: str, told: str | None) -> None:
    found = table(scripted(Repository(tmp_path / "repo"), code), "output")
    assert [told in text for _, text, _ in found] == [True] if told else found == []


def test_formats_and_fields_that_say_when_they_were_written_get_rules(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    metrics = {"r2": 0.5, "time": 3, "run": {"trained_at": "2024-01-02T03:04:05", "fit_seconds": 0.25}}
    repo.write("metrics.json", json.dumps(metrics))
    repo.write("folder/a/b.zip", "no zip")
    repo.write("folder/c.csv", "1")
    outs = ["table.csv.gz", "work.log", "model.pkl", "folder"]
    found = scripted(repo, "", outs, metrics=[{"metrics.json": {"cache": False}}])
    rules = {(rule.path, rule.field): rule.compare for rule in found.settings.outputs}
    assert rules == {
        ("table.csv.gz", None): "equal",
        ("work.log", None): "ignore",
        ("folder/**/*.zip", None): "equal",
        ("metrics.json", "trained_at"): "ignore",
        ("metrics.json", "fit_seconds"): "ignore",
    }


def test_files_that_cannot_be_read_are_no_reason_to_stop(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("a.py", b"\xff\x00 no (python")
    repo.write("b.ipynb", "{")
    repo.write("out.json", "{")
    stages = {"a": {"cmd": "python a.py 'unfinished", "deps": ["a.py", "b.ipynb"], "outs": ["out.json"]}}
    repo.pipeline(stages=stages)
    assert looked(repo).settings == Settings()  # nor is a repository without a commit


@pytest.mark.parametrize(
    ("cmd", "code"),
    [
        ("python a\0b.py", ""),
        ("python loop.py", ""),
        (f"python -m {'a' * 300}", ""),
        ("python a.py", f"import {'a' * 300}"),
        ("python a.py", f"a{'.b' * 1500}()"),
    ],
)
def test_names_that_no_file_can_have_and_code_without_end_are_no_reason_to_stop(
    tmp_path: Path, cmd: str, code: str
) -> None:
    repo = Repository(tmp_path / "repo")
    (repo.root / "loop.py").symlink_to("loop.py")
    repo.write("a.py", code)
    repo.pipeline(stages={"a": {"cmd": cmd, "outs": ["out.json"]}})
    assert looked(repo).settings == Settings()


def test_no_module_of_the_repository_runs(tmp_path: Path) -> None:
    """Not even one that has the name of a module that the look itself needs in the Python of the stages."""
    repo = Repository(tmp_path / "repo")
    for name in ("json", "importlib", "sys", "numpy", "warnings", "contextlib"):
        repo.write(f"{name}.py", "open('ran', 'w').close()")
    assert table(scripted(repo, "import numpy\nimport absent"), "environment")[1][1] == "lacks absent"
    assert not (repo.root / "ran").exists()


def test_the_command_quotes_the_name_of_a_file(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    name = "my requirements; touch ran.txt"
    repo.write(name, "numpy==2.0.0\n")
    command = scripted(repo, "import numpy").settings.commands[-1]
    assert shlex.split(command)[-2:] == ["-r", name]


def test_settings_are_written_once_and_a_second_run_changes_nothing(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("requirements.txt", "numpy==2.0\n")
    repo.commit()
    before = state(repo)
    assert run(repo) == 0
    *_, written, next_ = capsys.readouterr().out.splitlines()
    assert written == "Written: samebits.toml"
    assert next_ == "Next: commit; `samebits lock`, then `samebits check`"
    after = state(repo)
    assert {path: content for path, content in after.items() if path != "samebits.toml"} == before
    assert Settings.load(repo.root) == looked(repo).settings
    assert run(repo) == 0
    assert state(repo) == after
    assert "The settings in samebits.toml have all of it." in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["[tool.ruff]\nline-length = 99", "[tool.ruff]\r\nline-length = 99\r\n", "# nothing\n", ""]
)
def test_they_go_to_the_end_of_pyproject_and_each_byte_stays(repo: Repository, text: str) -> None:
    repo.write("pyproject.toml", text)
    repo.write("requirements.txt", "numpy==2.0\n")
    repo.commit()
    before = state(repo)
    assert run(repo) == 0
    after = state(repo)
    assert after.keys() == before.keys()
    assert after.pop("pyproject.toml").startswith(before.pop("pyproject.toml"))
    assert after == before
    assert Settings.load(repo.root) == looked(repo).settings != Settings()
    tomllib.loads((repo.root / "pyproject.toml").read_bytes().decode())


def test_a_pyproject_that_a_stage_reads_or_that_takes_no_table_stays_as_it_is(repo: Repository) -> None:
    for text, deps in ("[tool.a]\n", ["pyproject.toml"]), ("tool = {a = 1}\n", []):
        repo.write("pyproject.toml", text)
        repo.write("requirements.txt", "numpy==2.0\n")
        repo.pipeline(stages={"a": {"cmd": "true > b", "deps": deps, "outs": ["b"]}})
        repo.commit()
        assert run(repo) == 0
        assert repo.read("pyproject.toml") == text
        assert Settings.load(repo.root).setup
        (repo.root / "samebits.toml").unlink()


def test_settings_that_are_there_stay_and_what_they_lack_is_shown(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("requirements.txt", "numpy==2.0\n")
    repo.write("samebits.toml", 'network = ["select"]\n')
    repo.commit()
    before = state(repo)
    assert run(repo) == 0
    assert state(repo) == before
    shown = capsys.readouterr().out
    assert "The settings in samebits.toml are left as they are. What they do not have:" in shown
    assert 'setup = ["python -m venv .venv", ' in shown


def test_a_dry_run_writes_nothing(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("requirements.txt", "numpy==2.0\n")
    repo.commit()
    before = state(repo)
    assert run(repo, "--dry-run") == 0
    assert state(repo) == before
    assert 'setup = ["python -m venv .venv", ' in capsys.readouterr().out


@pytest.mark.parametrize(("host", "path"), proposal.WORKFLOWS.items())
def test_a_workflow_is_written_once_and_takes_the_place_of_none(repo: Repository, host: str, path: str) -> None:
    assert run(repo, "--workflow", host) == 0
    first = repo.read(path)
    jobs = yaml.safe_load(first)
    assert {"lock", "check"} <= (jobs.get("jobs") or jobs).keys()
    assert run(repo, "--workflow", host) == 0
    assert repo.read(path) == first
    repo.write(path, b"name: \xe9\n")  # no UTF-8
    before = state(repo)
    with pytest.raises(UserError, match="is there, and stays as it is"):
        run(repo, "--workflow", host)
    assert state(repo) == before


@pytest.mark.parametrize(("host", "path"), proposal.WORKFLOWS.items())
def test_the_workflow_installs_packages_only_where_the_settings_do_not(repo: Repository, host: str, path: str) -> None:
    repo.write("requirements.txt", "numpy==2.0\n")
    repo.write("samebits.toml", "timeout = 60\n")
    repo.commit()
    assert run(repo, "--workflow", host) == 0
    assert repo.read(path).count("install --quiet -r requirements.txt") == 1
    for file in (path, "samebits.toml"):
        (repo.root / file).unlink()
    assert run(repo, "--workflow", host) == 0
    assert "-r requirements.txt" not in repo.read(path)
    assert "what the stages need" not in repo.read(path)


def test_the_workflow_goes_to_the_top_and_checks_the_folder_of_dvc(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo", "below")
    assert run(repo, "--workflow", "github") == 0
    jobs = yaml.safe_load((repo.top / ".github/workflows/samebits.yml").read_text())["jobs"]
    given = [step.get("with", {}) for job in ("lock", "check") for step in jobs[job]["steps"]]
    folders = {each["command"]: each["working-directory"] for each in given if "command" in each}
    assert folders == {"lock": "below", "check": "below"}
    with pytest.raises(UserError, match="is for a repository of DVC that is one of git"):
        run(repo, "--workflow", "gitlab")


@pytest.mark.posix_shell
def test_a_check_with_what_it_wrote_passes(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    code = (
        "import gzip, json, os, time\n"
        "with gzip.open('table.csv.gz', 'wt') as file: file.write('a,b\\n1,2\\n')\n"
        "with open('metrics.json', 'w') as file: json.dump({'r2': 0.5, 'fit_seconds': time.time() % 1}, file)\n"
        "with open('work.log', 'w') as file: print(time.time(), file=file)\n"
    )
    repo.write("work.py", code)
    stage = {"cmd": "python3 work.py", "deps": ["work.py"], "outs": ["table.csv.gz", "work.log"]}
    repo.pipeline(stages={"work": {**stage, "metrics": [{"metrics.json": {"cache": False}}]}})
    repo.run()
    # the promised table is of another time, whatever the clock's seconds say
    assert repo.check().conclusion == "not reproduced"
    assert run(repo) == 0
    repo.commit()
    found = repo.check()
    assert found.conclusion == "reproduced", found
    assert verdicts(found)["work.log"] == "ignored"


@pytest.mark.posix_shell
def test_a_name_from_the_repository_cannot_speak_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("a\x1b[31m.py", "import requests\n")
    repo.pipeline(stages={"a": {"cmd": "python 'a\x1b[31m.py'", "outs": ["\x1b[31m.log"]}})
    repo.commit()
    assert run(repo) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert [rule.path for rule in Settings.load(repo.root).outputs] == ["\x1b[31m.log"]


def environments(repo: Repository) -> list[tuple[str, str]]:
    return [(what, found) for what, found, _ in table(looked(repo), "environment")]


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("SEED=1 MODE=full absent1 a.py", "absent1"),
        ("env -u HOME X=1 absent1 a.py", "absent1"),
        ("cd src && nice -n 5 timeout -k 3 10 absent1 a.py", "absent1"),
        ("true; time absent1 | absent2", "absent1, absent2"),
        ("if test -f a; then absent1; else ! absent2; fi", "absent1, absent2"),
        ("for i in 1 2; do { absent1 $i; }; done", "absent1"),
        ("bash -euc 'cd src && absent1' < a | xargs -n 1 absent2", "absent1, absent2"),
    ],
)
def test_a_program_is_seen_behind_variables_and_starters(tmp_path: Path, command: str, missing: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"a": {"cmd": command, "outs": ["o.txt"]}})
    repo.commit()
    assert (missing, "not found here") in environments(repo)


@pytest.mark.parametrize(
    "command",
    [
        ". ./env.sh && unset A && exit 0",
        "for i in 1 2; do printf $i; done > o.txt",
        "case $A in x) true ;; esac",
        "ulimit -n 9; trap : EXIT; wait; [[ -f a ]] && [ -f b ]",
        "sh run.sh -c absent1",
    ],
)
def test_what_a_shell_has_itself_is_no_program(tmp_path: Path, command: str) -> None:
    repo = Repository(tmp_path / "repo")
    repo.pipeline(stages={"a": {"cmd": command, "outs": ["o.txt"]}})
    repo.commit()
    assert not [what for what, found in environments(repo) if found == "not found here"]


def test_a_module_that_a_command_runs_is_an_import(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("src/work/__main__.py", "import json\n")
    repo.pipeline(stages={"a": {"cmd": "python -m work && python -m surely_absent", "outs": ["o.txt"]}})
    repo.commit()
    assert ("the active one", "lacks surely_absent") in environments(repo)


@pytest.mark.parametrize(
    ("command", "environment", "setup", "network"),
    [
        ("uv run python a.py", "uv run", ["uv sync --frozen"], False),
        ("uv run --project tools python a.py", "uv run tools", ["uv sync --frozen --project tools"], False),
        ("X=1 conda run -n geo python a.py", "conda run geo", ["conda env create --quiet --file geo.yaml"], False),
        ("pipx run --spec csvkit==2.0.1 csvcut a.csv", "pipx run csvkit==2.0.1", [], True),
        ("docker run --rm -v .:/w alpine:3 cat /w/a", "docker run alpine:3", [], True),
        ("calkit xenv -n py --no-check -- python a.py", "calkit xenv py", [], True),
    ],
)
def test_the_environment_of_a_stage_is_named_and_made(
    tmp_path: Path, command: str, environment: str, setup: list[str], network: bool
) -> None:
    repo = Repository(tmp_path / "repo")
    for path in ("uv.lock", "tools/uv.lock"):
        repo.write(path, '[[package]]\nname = "numpy"\nversion = "2.0.0"\n')
    repo.write("geo.yaml", "name: geo\ndependencies:\n- gdal=3.9\n")
    repo.pipeline(stages={"a": {"cmd": command, "outs": ["o.txt"]}})
    repo.commit()
    assert (environment, "runs a") in environments(repo)
    found = looked(repo).settings
    assert set(setup) <= set(found.commands)
    assert found.network == (["a"] if network else [])


@pytest.mark.parametrize(("folder", "found"), [("a", True), ("a/b", True), ("a/b/c", False)])
def test_a_file_that_names_packages_is_looked_for_two_folders_down(tmp_path: Path, folder: str, found: bool) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write(f"{folder}/requirements.txt", "numpy==2.0.0\n")
    scripted(repo, "import numpy\n")
    assert any(folder in command for command in looked(repo).settings.commands) is found


def test_a_plugin_that_a_remote_needs_is_named(repo: Repository) -> None:
    with repo.dvc() as dvc, dvc.config.edit() as config:
        config["remote"]["far"] = {"url": "s3://bucket/x"}
        config["core"]["remote"] = "far"
    repo.commit()
    repo.forget()
    [(_, where, do)] = table(looked(repo), "source")
    assert (where, do) == ("not in the cache; remote far needs dvc-s3, which is not installed", "`pip install dvc-s3`")

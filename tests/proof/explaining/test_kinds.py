"""Every kind of factor: parameters and data of all kinds, stages, packages."""

from pathlib import Path
from typing import Any

import pytest

from samebits.errors import UserError
from tests.proof.explaining.planted import EVALUATE, PARAMS, STAGES, TRAIN, Two, check_sums, effects

pytestmark = pytest.mark.posix_shell


def test_a_file_that_no_stage_declares_and_one_reads(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    repo.write("params.yaml", PARAMS)
    repo.write("helper.sh", "more=0\n")
    repo.write("train.sh", ". ./helper.sh\n" + TRAIN.replace("a + b", "a + b + more"))
    repo.write("evaluate.sh", EVALUATE)
    repo.pipeline(stages=STAGES)
    repo.base()
    repo.write("helper.sh", "more=30\n")
    repo.replace("params.yaml", "c: 100", "c: 90")
    repo.run(force=True)
    found = repo.explained()
    check_sums(found)
    assert effects(found) == {"c 100 -> 90": -10, "helper.sh (no stage declares it)": 30}


def test_parameters_of_all_kinds_of_files(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    params = {
        "params.yaml": "x: &x {a: 1}\ny: *x # an alias\n",
        "p.json": '{"a": {"b": 10}}',
        "p.toml": "[a]\nb = 100\n",
        "p.py": "class A:\n    b = 1000\n",
    }
    for path, content in params.items():
        repo.write(path, content)
    code = (
        "import json, tomllib; from ruamel.yaml import YAML; import p;"
        "x = YAML(typ='safe').load(open('params.yaml'))['x']['a'];"
        "s = x + json.load(open('p.json'))['a']['b'] + tomllib.load(open('p.toml', 'rb'))['a']['b'] + p.A.b;"
        "json.dump({'score': s + ${plus} + ${v}}, open('metrics.json', 'w'))"
    )
    stage = {
        "cmd": f'PYTHONPATH=. python -c "{code}"',
        "params": ["x.a", {"p.json": ["a.b"]}, {"p.toml": ["a"]}, {"p.py": ["A.b"]}],
        "metrics": [{"metrics.json": {"cache": False}}],
    }
    repo.write("more.yaml", "v: 0\n")
    repo.pipeline(vars=["more.yaml", {"plus": 0}], stages={"one": stage})
    repo.base()
    for path, old, new in (
        ("params.yaml", "a: 1", "a: 2"),
        ("p.json", "10", "30"),
        ("p.toml", "100", "400"),
        ("p.py", "1000", "5000"),
        ("more.yaml", "0", "50000"),
        ("dvc.yaml", "plus: 0", "plus: 600000"),
    ):
        repo.replace(path, old, new)
    repo.head()
    found = repo.explained()
    check_sums(found)
    assert effects(found) == {
        "x.a 1 -> 2": 1,
        "p.json: a.b 10 -> 30": 20,
        "p.toml: a.b 100 -> 400": 300,
        "p.py: A.b 1000 -> 5000": 4000,
        "more.yaml: v 0 -> 50000": 50000,
        "vars: plus 0 -> 600000": 600000,
    }


def test_data_of_all_kinds(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    for name, lines in {"table.txt": 2, "folder/one.txt": 1, "folder/two.txt": 1, "text/a.txt": 1}.items():
        repo.write(f"data/{name}", "x\n" * lines)
    repo.add("data/table.txt", "data/folder")
    repo.write("code.sh", 'echo "{\\"score\\": $(cat data/*.txt data/*/*.txt | wc -l)}" > metrics.json\n')
    deps = ["data/table.txt", "data/folder", "data/text", "code.sh"]
    repo.pipeline(stages={"one": {"cmd": "sh code.sh", "deps": deps, "metrics": [{"metrics.json": {"cache": False}}]}})
    repo.base()
    for name, lines in {"table.txt": 4, "folder/two.txt": 11, "text/a.txt": 51, "text/b.txt": 50}.items():
        repo.write(f"data/{name}", "x\n" * lines)
    repo.add("data/table.txt", "data/folder")
    repo.head()
    found = repo.explained()
    check_sums(found)
    found_effects = {name.partition(" ")[0]: effect for name, effect in effects(found).items()}
    assert found_effects == {"data/table.txt": 2, "data/folder": 10, "data/text/": 100}
    repo.forget()
    with pytest.raises(UserError, match=r"the base cannot be run: one: data/.* is not at hand"):
        repo.explained()


def test_stages_of_foreach_and_in_folders(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    repo.write("params.yaml", "models: [1, 20]\n")
    repo.write("part/code.sh", "echo $1 > $1.txt\n")
    each = {"cmd": "sh code.sh ${item}", "deps": ["code.sh"], "outs": ["${item}.txt"]}
    repo.pipeline("part/dvc.yaml", vars=["../params.yaml:models"], stages={"fit": {"foreach": "${models}", "do": each}})
    add = "s=0; for f in part/*.txt; do s=$((s + $(cat $f))); done;"
    total = {
        "cmd": f'{add} echo "{{\\"score\\": $s}}" > metrics.json',
        "deps": ["part"],
        "metrics": [{"metrics.json": {"cache": False}}],
    }
    repo.pipeline(stages={"total": total})
    repo.base()
    repo.write("params.yaml", "models: [1, 20, 300]\n")
    repo.write("part/code.sh", "echo $(($1 + 1000)) > $1.txt\n")
    repo.head()
    found = repo.explained()
    check_sums(found)
    assert effects(found) == {
        "part/code.sh": 2000,
        "models [1, 20] -> [1, 20, 300]": 300,
        "models [1, 20] -> [1, 20, 300] & part/code.sh": 1000,
    }


def test_outputs_of_a_frozen_stage_are_a_source(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    repo.write("input.txt", "4")
    score = 'echo "{\\"score\\": $(cat made.txt)}" > metrics.json'
    two: dict[str, dict[str, Any]] = {
        "make": {"cmd": "cp input.txt made.txt", "deps": ["input.txt"], "outs": ["made.txt"]},
        "score": {"cmd": score, "deps": ["made.txt"], "metrics": [{"metrics.json": {"cache": False}}]},
    }
    repo.pipeline(stages=two)
    repo.run()
    two["make"]["frozen"] = True
    repo.pipeline(stages=two)
    repo.base()
    two["make"]["frozen"] = False
    repo.pipeline(stages=two)
    repo.write("input.txt", "9")
    repo.run()
    two["make"]["frozen"] = True
    repo.pipeline(stages=two)
    repo.head()
    found = repo.explained()
    check_sums(found)
    assert effects(found) == {"the outputs of make, which is frozen": 5}


def package(repo: Two, version: str, value: int) -> None:
    """A package of which a version is a folder; `setup` copies the pinned one."""
    repo.write(f"packages/small-{version}/small.py", f"value = {value}\n")


USE = "import json, small; json.dump({'score': small.value}, open('metrics.json', 'w'))"
PACKAGES = {
    "cmd": f'PYTHONPATH=.venv python -c "{USE}"',
    "deps": ["requirements.txt"],
    "metrics": [{"metrics.json": {"cache": False}}],
}
SETUP = 'setup = "mkdir -p .venv && cp packages/small-$(cut -d= -f3 requirements.txt)/small.py .venv"\n'


def test_packages_are_a_factor_where_setup_installs_them(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    package(repo, "1.0", 10)
    package(repo, "2.0", 35)
    repo.write(".gitignore", ".venv\n")
    repo.write("samebits.toml", SETUP)
    repo.write("requirements.txt", "small==1.0\n")
    repo.pipeline(stages={"one": PACKAGES})
    repo.write(".venv/small.py", "value = 10\n")
    repo.base()
    repo.write(".venv/small.py", "value = 35\n")
    repo.write("requirements.txt", "small==2.0\n")
    repo.head()
    found = repo.explained()
    check_sums(found)
    assert effects(found) == {"packages: small 1.0 -> 2.0": 25}
    assert found.status == 0


def test_packages_that_nothing_installs_are_left_out(repo: Two) -> None:
    repo.write("requirements.txt", "small==1.0\n")
    repo.commit()
    repo.git("tag", "-f", "base")
    repo.write("requirements.txt", "small==2.0\n")
    repo.replace("params.yaml", "a: 1", "a: 5")
    repo.head()
    found = repo.explained()
    assert effects(found) == {"a 1 -> 5": 4}
    assert [each.name for each in found.factors if each.state == "left out"] == ["packages: small 1.0 -> 2.0"]


def test_a_declared_file_that_needs_one_that_no_stage_declares(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    repo.write("params.yaml", PARAMS)
    repo.write("helper.sh", "old() { echo 0; }\n")
    repo.write("train.sh", ". ./helper.sh\n" + TRAIN.replace("a + b", "a + b + $(old)"))
    repo.write("evaluate.sh", EVALUATE)
    repo.pipeline(stages=STAGES)
    repo.base()
    repo.write("helper.sh", "fresh() { echo 30; }\n")
    repo.write("other.sh", "nobody reads it")
    repo.write("train.sh", ". ./helper.sh\n" + TRAIN.replace("a + b", "a + b + $(fresh)"))
    repo.replace("params.yaml", "c: 100", "c: 90")
    repo.head()
    found = repo.explained()
    check_sums(found)
    assert effects(found) == {"c 100 -> 90": -10, "helper.sh with train.sh": 30}

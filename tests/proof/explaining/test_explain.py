"""Planted causes: each is named with its effect, rows add up, and no more runs than allowed."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samebits.errors import UserError
from samebits.proof.explaining.text import as_markdown, text
from tests.conftest import ROOT, made_once
from tests.proof.explaining.planted import EVALUATE, PARAMS, STAGES, TRAIN, Two, check_sums, effects, metric, usual

pytestmark = pytest.mark.posix_shell


@pytest.fixture
def repo(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """A copy of the usual repository."""
    made = made_once(tmp_path_factory, "explained", usual)  # type: ignore[arg-type]
    shutil.copytree(made.root, tmp_path / "repo", symlinks=True)
    return Two.there(tmp_path / "repo")


def stages(repo: Two, **changed: Any) -> None:
    """Write dvc.yaml with other stages; None takes one away."""
    found = {**copy.deepcopy(STAGES), **changed}
    repo.pipeline(stages={name: each for name, each in found.items() if each})


def changed(name: str, **keys: Any) -> dict[str, Any]:
    return {**copy.deepcopy(STAGES[name]), **keys}


def one_parameter(repo: Two) -> None:
    repo.replace("params.yaml", "a: 1", "a: 5")


def two_parameters(repo: Two) -> None:
    repo.write("params.yaml", "# a comment\na: 5\nb: 10\nc: 300\n")


def effects_that_cancel(repo: Two) -> None:
    repo.write("params.yaml", "a: 6\nb: 5\nc: 101\n")


def code(repo: Two) -> None:
    repo.replace("train.sh", "a + b", "a + b + 7")
    repo.replace("params.yaml", "c: 100", "c: 90")


def code_of_the_same_bytes(repo: Two) -> None:
    repo.replace("train.sh", "echo", ":\necho")
    repo.replace("params.yaml", "c: 100", "c: 90")


def two_interact(repo: Two) -> None:
    repo.replace("train.sh", "a + b", "a * b")
    repo.write("params.yaml", "a: 3\nb: 10\nc: 100\n")  # 1 + 10, 3 + 10, 1 * 10, 3 * 10


def three_interact(repo: Two) -> None:
    repo.write("params.yaml", "a: 2\nb: 30\nc: 105\n")  # and c is additive
    repo.replace("train.sh", "a + b", "a * b * b")


def a_script_with_the_parameter_that_it_needs(repo: Two) -> None:
    repo.replace("train.sh", "echo", "d=$(sed -n 's/^d: //p' params.yaml)\ntest -n \"$d\" || exit 1\necho")
    repo.replace("train.sh", "a + b", "a + b + d")
    repo.write("params.yaml", PARAMS.replace("c: 100", "c: 90") + "d: 5\n")
    stages(repo, train=changed("train", params=["a", "b", "d"]))


def a_script_with_the_module_that_it_needs(repo: Two) -> None:
    repo.write("helper.sh", "more=30\n")
    repo.replace("train.sh", "echo", ". ./helper.sh\necho")
    repo.replace("train.sh", "a + b", "a + b + more")
    stages(repo, train=changed("train", deps=["train.sh", "helper.sh"]))
    repo.replace("params.yaml", "c: 100", "c: 90")


def an_argument_of_a_command(repo: Two) -> None:
    repo.write("train.sh", TRAIN.replace("b=$(", "b=${1:-0} #"))
    stages(repo, train=changed("train", cmd="sh train.sh 20"))


def a_new_stage(repo: Two) -> None:
    repo.write("prepare.sh", "echo 40 > prepared\n")
    prepare = {"cmd": "sh prepare.sh", "deps": ["prepare.sh"], "outs": ["prepared"]}
    stages(repo, prepare=prepare, train=changed("train", deps=["train.sh", "prepared"]))
    repo.replace("train.sh", "a + b", "a + b + $(cat prepared)")
    repo.replace("params.yaml", "c: 100", "c: 90")


def a_stage_renamed(repo: Two) -> None:
    stages(repo, train=None, fit=changed("train", cmd="sh train.sh && expr $(cat model) + 1 > m && mv m model"))


def a_stage_that_makes_what_another_made(repo: Two) -> None:
    write = "sh train.sh && echo '{\"score\": 7}' > metrics.json"
    stages(repo, train=changed("train", cmd=write, metrics=[{"metrics.json": {"cache": False}}]), evaluate=None)


def a_file_that_no_stage_declares(repo: Two) -> None:
    repo.write("helper.sh", "more=30\n")
    repo.replace("params.yaml", "c: 100", "c: 90")


def a_new_metric(repo: Two) -> None:
    repo.replace("evaluate.sh", "}", ', \\"more\\": 5}')


def nothing_that_a_stage_reads(repo: Two) -> None:
    repo.write("README.md", "text")
    repo.write("docs/more.md", "text")
    repo.replace("params.yaml", "a: 1", "a: 5")


NEEDS = "train: `sh train.sh`: it exited with status 1"
CAUSES: list[tuple[Callable[[Two], None], dict[str, float]]] = [
    (one_parameter, {"a 1 -> 5": 4}),
    (two_parameters, {"a 1 -> 5": 4, "c 100 -> 300": 200}),
    (code, {"train.sh": 7, "c 100 -> 90": -10}),
    (code_of_the_same_bytes, {"c 100 -> 90": -10}),
    (two_interact, {"a 1 -> 3": 2, "train.sh": -1, "a 1 -> 3 & train.sh": 18}),
    (
        three_interact,
        {
            "a 1 -> 2": 1,
            "b 10 -> 30": 20,
            "c 100 -> 105": 5,
            "train.sh": 89,
            "a 1 -> 2 & train.sh": 99,
            "b 10 -> 30 & train.sh": 780,
            "a 1 -> 2 & b 10 -> 30 & train.sh": 800,
        },
    ),
    (a_script_with_the_parameter_that_it_needs, {"c 100 -> 90": -10, "train.sh with d none -> 5": 5}),
    (a_script_with_the_module_that_it_needs, {"c 100 -> 90": -10, "helper.sh with train.sh": 30}),
    (
        an_argument_of_a_command,
        {"stage train: cmd `sh train.sh` -> `sh train.sh 20` & train.sh": 20, "train.sh": -10},
    ),
    (a_new_stage, {"c 100 -> 90": -10, "stage prepare (new) with prepare.sh, train.sh": 40}),
    (a_stage_renamed, {"stage train (gone) with stage fit (new)": 1}),
    (
        a_stage_that_makes_what_another_made,
        {"stage train: cmd, outs with stage evaluate (gone)": -104},
    ),
    (nothing_that_a_stage_reads, {"a 1 -> 5": 4}),
    (a_file_that_no_stage_declares, {"c 100 -> 90": -10}),
    (a_new_metric, {}),
]


@pytest.mark.parametrize(("cause", "expected"), CAUSES, ids=[cause.__name__ for cause, _ in CAUSES])
def test_a_planted_cause_is_found(repo: Two, cause: Callable[[Two], None], expected: dict[str, float]) -> None:
    cause(repo)
    repo.head()
    found = repo.explained()
    print(text(found))
    check_sums(found)
    assert found.status == 0
    if expected:
        assert effects(found) == expected


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


def test_noise_is_measured_and_an_effect_within_it_is_called_so(tmp_path: Path) -> None:
    repo = Two(tmp_path / "repo")
    repo.write("params.yaml", "a: 0\nb: 0\n")
    code = "import random, json, re; p = open('params.yaml').read(); a, b = map(float, re.findall(r': (.*)', p));"
    code += "json.dump({'score': a + random.gauss(0, 0.001)}, open('metrics.json', 'w'))"
    stage = {"cmd": f'python -c "{code}"', "params": ["a", "b"], "metrics": [{"metrics.json": {"cache": False}}]}
    repo.pipeline(stages={"one": stage})
    repo.base()
    repo.write("params.yaml", "a: 5\nb: 1\n")
    repo.head()
    found = repo.explained()
    check_sums(found)
    assert 0 < metric(found).noise < 0.1
    rows = {found.factors[row.factors[0]].short: row for row in metric(found).rows if row.how == "alone"}
    assert rows["a"].effect == pytest.approx(5, abs=0.1)
    assert not rows["a"].noise
    assert rows["b"].noise == (abs(rows["b"].effect or 0) <= metric(found).noise)
    assert found.status == 0


def test_an_end_that_is_not_as_recorded_is_told_first(repo: Two, capfd: pytest.CaptureFixture[str]) -> None:
    repo.replace("params.yaml", "a: 1", "a: 5")
    repo.head()
    repo.write("metrics.json", '{"score": 999}\n')
    with repo.dvc() as dvc:
        dvc.commit("evaluate", force=True)
    repo.commit()
    capfd.readouterr()
    assert repo.command("explain", "base") == 2
    said = capfd.readouterr().out
    assert said.startswith("The answer is doubtful: the head is not what its commit records: score is 999 recorded,")
    assert "score  111 -> 115" in said


def test_a_base_that_is_not_as_recorded_is_run_instead(repo: Two) -> None:
    repo.git("reset", "-q", "--hard", "base")
    repo.write("metrics.json", '{"score": 7}\n')
    with repo.dvc() as dvc:
        dvc.commit("evaluate", force=True)
    repo.commit()
    repo.git("tag", "-f", "base")
    repo.replace("params.yaml", "a: 1", "a: 5")
    repo.replace("params.yaml", "c: 100", "c: 90")
    repo.head()
    found = repo.explained()
    assert found.status == 2
    assert effects(found) == {"a 1 -> 5": 4, "c 100 -> 90": -10}


def test_an_end_that_cannot_run_is_one_line(repo: Two) -> None:
    repo.git("reset", "-q", "--hard", "base")
    repo.replace("train.sh", "echo", "test -e /nowhere || exit 3\necho")
    repo.commit()
    repo.git("tag", "-f", "base")
    repo.write("train.sh", TRAIN)
    repo.replace("params.yaml", "a: 1", "a: 5")
    repo.head()
    with pytest.raises(UserError, match=r"^the base cannot be run: train: `sh train.sh`: it exited with status 3"):
        repo.explained()


@pytest.mark.parametrize("runs", range(7))
def test_the_budget_is_kept_and_what_is_not_separated_is_one_row(repo: Two, runs: int) -> None:
    repo.write("params.yaml", "a: 5\nb: 20\nc: 101\n")
    repo.head()
    found = repo.explained(runs=runs)
    check_sums(found)
    assert found.pipeline_runs <= runs
    together = [row for row in metric(found).rows if row.how == "not separated"]
    assert len(together) == (runs < 4)
    if together:
        assert len(together[0].factors) == min(3, 4 - runs)


def test_shapley_shares_what_factors_do_together(repo: Two) -> None:
    two_interact(repo)
    repo.head()
    found = repo.explained(exact=True)
    check_sums(found)
    assert effects(found) == {"a 1 -> 3": 11, "train.sh": 8}  # 2 and -1, and half of 18 each


def test_commits_as_factors(repo: Two) -> None:
    one_parameter(repo)
    repo.head()
    repo.replace("train.sh", "a + b", "a * b")
    repo.run()
    repo.replace("train.sh", "echo", "exit 1\necho")
    repo.commit("broken")
    repo.replace("train.sh", "exit 1\n", "")
    repo.replace("params.yaml", "c: 100", "c: 90")
    repo.head()
    found = repo.explained(by_commit=True)
    check_sums(found)
    assert [row.effect for row in metric(found).rows] == [35, -10, 4]
    names = [found.factors[row.factors[0]] for row in metric(found).rows]
    assert [len(each.parts) for each in names] == [0, 2, 0]
    assert "broken" in names[1].name
    assert "it exited with status 1" in (names[1].why or "")


def test_the_working_tree_and_that_nothing_of_the_user_changes(repo: Two) -> None:
    before = repo.git("rev-parse", "HEAD") + repo.git("count-objects", "-v")
    one_parameter(repo)
    repo.write("new.sh", "")
    with repo.dvc() as dvc:
        dvc.reproduce()
    status = repo.git("status", "--porcelain")
    found = repo.explained(base=None, worktree=True)
    assert effects(found) == {"a 1 -> 5": 4}
    assert found.head == "worktree"
    assert repo.git("rev-parse", "HEAD") + repo.git("count-objects", "-v") == before
    assert repo.git("status", "--porcelain") == status


def test_the_default_base_is_where_main_and_head_part(repo: Two) -> None:
    with pytest.raises(UserError, match=r"^main and HEAD are one commit"):
        repo.explained(base=None)
    repo.git("checkout", "-q", "-b", "change")
    one_parameter(repo)
    repo.head()
    assert effects(repo.explained(base=None)) == {"a 1 -> 5": 4}


def test_which_factor_changes_the_bytes_of_an_output(repo: Two) -> None:
    code_of_the_same_bytes(repo)
    repo.replace("params.yaml", "a: 1", "a: 5")
    repo.head()
    found = repo.explained(outputs=["model"])
    [output] = found.outputs
    assert {found.factors[row.factor].name: (row.alone, row.needed) for row in output.rows} == {
        "a 1 -> 5": (True, True),
        "train.sh": (False, False),
    }
    assert any("11" in each and "15" in each for row in output.rows for each in row.differences)
    with pytest.raises(UserError, match=r"^--output nothing: no output of a stage; the outputs are "):
        repo.explained(outputs=["nothing"])


def test_metrics_of_the_gate_come_first_and_others_by_name(repo: Two) -> None:
    repo.replace("evaluate.sh", "}", ', \\"loss\\": $c, \\"kind\\": \\"k$c\\"}')
    repo.run()
    repo.git("tag", "-f", "base")
    repo.replace("params.yaml", "c: 100", "c: 90")
    repo.write("samebits.toml", "[gate]\nloss = 1\n")
    repo.head()
    assert [each.name for each in repo.explained().metrics] == ["loss"]
    found = repo.explained(metrics=["score", "kind"])
    assert effects(found) == {"c 100 -> 90": -10}
    assert [(each.base, each.head, [row.shown for row in each.rows]) for each in found.metrics[1:]] == [
        ("k100", "k90", ["k90"])
    ]
    with pytest.raises(UserError, match=r"^--metric: other is not a metric; the metrics are "):
        repo.explained(metrics=["other"])


def test_a_metric_that_is_new_or_gone_names_who_makes_it(repo: Two) -> None:
    a_new_metric(repo)
    repo.replace("params.yaml", "c: 100", "c: 90")
    repo.head()
    found = repo.explained()
    assert [(row.factors, row.shown) for row in metric(found, "more").rows] == [
        ([at for at, each in enumerate(found.factors) if each.name == "evaluate.sh"], "5")
    ]
    assert effects(found) == {"c 100 -> 90": -10}


def test_text_and_markdown_are_safe_and_say_the_same(repo: Two) -> None:
    repo.write("params.yaml", 'a: 5\nb: 10\nc: 100\nd: "\\e[31m<b>|"\n')
    stages(repo, train=changed("train", params=["a", "b", "d"]))
    repo.head()
    found = repo.explained()
    for said in (text(found), as_markdown(found)):
        assert "\x1b" not in said
        assert "+4" in said
    assert "<b>" not in as_markdown(found).replace("\\<b>", "")


def test_json_fits_its_schema(repo: Two, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import jsonschema

    two_interact(repo)
    repo.head()
    capfd.readouterr()
    page, report = tmp_path / "page.html", tmp_path / "report.md"
    assert repo.command("explain", "base", "--json", "--html", str(page), "--markdown", str(report)) == 0
    printed = json.loads(capfd.readouterr().out)
    jsonschema.validate(printed, json.loads((ROOT / "docs" / "explain.schema.json").read_text()))
    assert "a 1 -&gt; 3" in page.read_text()
    assert "| a 1 -> 3" in report.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base", "other"], "git: no commit other in this repository"),
        (["base", "base"], "base and base are one commit"),
        (["base", "--worktree", "--by", "commit"], "--by commit: what is not committed"),
    ],
)
def test_mistakes_are_one_line(repo: Two, arguments: list[str], message: str) -> None:
    one_parameter(repo)
    repo.head()
    with pytest.raises(UserError) as raised:
        repo.command("explain", *arguments)
    assert str(raised.value).startswith(message)

"""What is asked and told: ends, budgets, noise, ways to attribute, files."""

import json
from pathlib import Path

import pytest

from samebits.errors import UserError
from samebits.proof.explaining.text import as_markdown, text
from tests.conftest import ROOT
from tests.proof.explaining.planted import TRAIN, Two, changed, check_sums, effects, metric, stages
from tests.proof.explaining.test_causes import a_new_metric, code_of_the_same_bytes, one_parameter, two_interact

pytestmark = pytest.mark.posix_shell


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

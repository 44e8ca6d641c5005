import json
import math
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from samebits.errors import UserError
from samebits.proof.telling import report
from samebits.proof.telling.changes import Change
from samebits.proof.verdict import Problem
from tests.conftest import Project
from tests.proof.repositories import Repository, simple

pytestmark = pytest.mark.posix_shell


@pytest.mark.parametrize(
    ("base", "now", "higher_is_better", "tolerance", "verdict"),
    [
        (0.5, 0.6, True, 0.0, "better"),
        (0.5, 0.4, True, 0.0, "worse"),
        (0.5, 0.4, True, 0.2, "same"),
        (0.5, 0.6, False, 0.0, "worse"),
        (17, 16, False, 0.0, "better"),
        (17, 18, False, 1.0, "same"),
        (0.5, 0.5, True, 0.0, "same"),
        (None, 0.5, True, 0.0, "new"),
        (0.5, None, True, 0.0, "gone"),
        (8, 4, None, 0.0, "changed"),
        ("exact", "nearest", None, 0.0, "changed"),
        (math.nan, math.nan, True, 0.0, "same"),
        (0.5, math.nan, True, 9.0, "worse"),
        (math.nan, 0.5, True, 0.0, "changed"),
        (1, 10**400, False, 1.0, "worse"),
        (0.5, 10**400, True, 0.0, "better"),
        (10**400, math.inf, False, 0.0, "worse"),
    ],
)
def test_the_verdict_on_a_change(
    base: object, now: object, higher_is_better: bool | None, tolerance: float, verdict: str
) -> None:
    assert Change("metric", base, now, higher_is_better, tolerance).verdict == verdict


def with_metrics(top: Path, metrics: object, settings: str = "") -> Repository:
    """A repository with a file of metrics in git, and others at HEAD~1."""
    repo = simple(top)
    repo.write("samebits.toml", settings)
    repo.write("metrics.json", json.dumps(metrics))
    return repo


def change(repo: Repository, name: str, base: str = "HEAD") -> tuple[object, ...]:
    [found] = [each for each in repo.changes(base).metrics if each.name == name]
    return found.base, found.now, found.higher_is_better, found.verdict


def row(markdown: str, name: str) -> list[str]:
    [line] = [line for line in markdown.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_parameters_and_metrics_of_any_repository(tmp_path: Path) -> None:
    repo = with_metrics(tmp_path / "repo", {"lines": 2, "test": {"r2": 0.9}, "loss": 0.5})
    repo.commit()
    repo.replace("params.yaml", "n: 2", "n: 5")
    repo.write("metrics.json", json.dumps({"lines": 5, "test": {"r2": 0.8}, "loss": 0.4}))
    found = repo.changes("HEAD")
    assert [(each.name, each.base, each.now) for each in found.params] == [("n", 2, 5)]
    seen = {each.name: (each.higher_is_better, each.verdict) for each in found.metrics}
    assert seen == {"lines": (None, "changed"), "test.r2": (True, "worse"), "loss": (False, "better")}
    assert row(report.comparison(found, "HEAD"), "test.r2")[1:] == ["0.9", "0.8", "-0.1", "higher", "worse"]


def test_a_metric_in_several_files_is_named_with_its_file(tmp_path: Path) -> None:
    repo = with_metrics(tmp_path / "repo", {"acc": 0.5})
    stages = repo.lock("dvc.yaml")["stages"]
    other = {"cmd": "echo '{\"acc\": 0.5}' > other.json", "metrics": [{"other.json": {"cache": False}}]}
    repo.pipeline(stages={**stages, "other": other})
    repo.write("other.json", '{"acc": 0.5}')
    repo.commit()
    repo.write("other.json", '{"acc": 0.25}')
    assert change(repo, "other.json:acc") == (0.5, 0.25, True, "worse")
    repo.write("samebits.toml", "[gate]\nacc = 0.1\n")
    with pytest.raises(UserError, match=r"gate: acc is in several files; name one of metrics.json:acc, other.json:acc"):
        repo.changes("HEAD")
    repo.write("samebits.toml", '[gate]\n"other.json:acc" = 0.1\n')
    assert repo.changes("HEAD").failed == ["other.json:acc"]


@pytest.mark.parametrize(
    ("gate", "failed"),
    [
        ('"r2" = 0.2', []),
        ('"r2" = 0.05', ["r2"]),
        ('"metrics.json:r2" = 0.05', ["r2"]),
        ('"lines" = {better = "higher"}', ["lines"]),
        ('"lines" = {tolerance = 1, better = "higher"}', []),
        ('"lines" = {better = "lower"}', []),
        ('"gone" = {better = "lower"}', ["gone"]),
        ('"acc" = 0.1', ["acc"]),
    ],
)
def test_a_gate_fails_beyond_its_tolerance(tmp_path: Path, gate: str, failed: list[str]) -> None:
    repo = with_metrics(tmp_path / "repo", {"r2": 0.9, "lines": 3, "gone": 1, "acc": 0.5})
    repo.commit()
    repo.write("metrics.json", json.dumps({"r2": 0.8, "lines": 2, "acc": "failed"}))
    repo.write("samebits.toml", f"[gate]\n{gate}\n")
    found = repo.changes("HEAD")
    assert found.failed == failed
    assert ("Gate: passed" in report.comparison(found, "HEAD")) == (not failed)


@pytest.mark.parametrize(
    ("settings", "base", "message"),
    [
        ('[gate]\n"r3" = 0.1', "HEAD", "gate: r3 is not a metric; the metrics are lines, r2"),
        ('[gate]\n"lines" = 0.1', "HEAD", "gate: lines: neither more nor less of it is known to be better; say which"),
        ('[gate]\n"r2" = -0.1', "HEAD", "samebits.toml: gate: Expected `number` >= 0.0"),
        ('[gate]\nr2 = "x"', "HEAD", "samebits.toml: gate: Expected `number | table`, got `text`"),
        (
            '[[outputs]]\npath = "a"\ncompare = "same"',
            "HEAD",
            "samebits.toml: outputs, rule 1, compare: 'same' is none of bytes, equal, close, ignore",
        ),
        ("", "nowhere", "git: no commit nowhere in this repository"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, settings: str, base: str, message: str) -> None:
    repo = with_metrics(tmp_path / "repo", {"r2": 0.9, "lines": 3}, settings)
    repo.commit()
    with pytest.raises(UserError) as raised:
        repo.changes(base)
    assert str(raised.value).startswith(message)


def test_a_gate_that_holds_nothing_is_a_mistake(project: Project) -> None:
    project.replace("pyproject.toml", "[tool.samebits.gate]", "[tool.other]")
    done = project.run("python", "-m", "samebits", "report", "--gate", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --gate: the settings have no [gate]")


def test_metrics_that_are_not_at_hand_are_named(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.git("rm", "-q", "--cached", "metrics.json")
    repo.replace("dvc.yaml", "    - metrics.json:\n        cache: false\n", "    - metrics.json\n")
    repo.run(force=True)
    clone = repo.clone(tmp_path / "clone")
    found = clone.changes("HEAD")
    assert found.metrics == []
    assert any("metrics.json" in each for each in found.unread)
    assert "could not be read: metrics.json" in report.comparison(found, "HEAD")
    assert "`dvc pull metrics.json` gets it where a remote has it" in report.comparison(found, "HEAD")


def test_metrics_that_are_at_hand_on_one_side_are_not_gone(tmp_path: Path) -> None:
    repo = with_metrics(tmp_path / "repo", {"r2": 0.9})
    repo.commit()
    repo.git("rm", "-q", "--cached", "metrics.json")
    repo.write("dvc.yaml", repo.read("dvc.yaml").replace("metrics.json:", "metrics.json").replace("cache: false", ""))
    repo.run(force=True)
    clone = repo.clone(tmp_path / "clone")
    assert clone.changes("HEAD~1").metrics == []
    clone.write("samebits.toml", "[gate]\nr2 = 0.1\n")
    with pytest.raises(UserError, match=r"gate: r2 is not a metric; .*; could not be read: metrics.json, now"):
        clone.changes("HEAD~1")


def test_names_from_a_repository_cannot_break_the_table(tmp_path: Path) -> None:
    repo = with_metrics(tmp_path / "repo", {"a|b\n<script>r2": 0.9})
    repo.commit()
    repo.write("metrics.json", json.dumps({"a|b\n<script>r2": 0.5}))
    shown = report.comparison(repo.changes("HEAD"), "HEAD")
    assert "<script>" not in shown.replace("\\<script>", "")
    [line] = [line for line in shown.splitlines() if "script" in line]
    assert line.startswith("| a\\|b ")


def test_every_metric_of_this_project_has_a_direction(project: Project) -> None:
    path = project.root / "metrics" / "evaluate.json"
    metrics = json.loads(path.read_text())
    for group in (metrics, *(value for value in metrics.values() if isinstance(value, dict))):
        group.update({name: 0.9 * value for name, value in group.items() if not isinstance(value, dict)})
    path.write_text(json.dumps(metrics))
    done = project.run("python", "-m", "samebits", "report", "--gate", check=False)
    assert done.returncode == 1
    rows = [
        [cell.strip(" *") for cell in line.split("|")] for line in done.stdout.splitlines() if line.startswith("| ")
    ]
    seen = {row[1]: (row[5], row[7]) for row in rows if row[1] != "name"}
    assert len(seen) == 11
    for name, verdict in seen.items():
        assert verdict == (("higher", "worse") if name.endswith("r2") else ("lower", "better"))
    assert "Gate: float.r2, quant.r2 worse than the settings allow." in done.stdout


def test_the_direction_of_a_metric_is_known_by_its_name(tmp_path: Path) -> None:
    higher = ["accuracy", "auc", "r2", "f1_score", "balanced_accuracy_score"]
    lower = ["log_loss", "brier", "brier_score", "logloss", "fp", "fn", "mean_squared_error"]
    neither = ["tp", "tn", "threshold", "rows"]
    names = [*higher, *lower, *neither]
    repo = with_metrics(tmp_path / "repo", {"quant": dict.fromkeys(names, 1.0)})
    repo.commit()
    repo.write("metrics.json", json.dumps({"quant": dict.fromkeys(names, 2.0)}))
    seen = {each.name.partition(".")[2]: each.higher_is_better for each in repo.changes("HEAD").metrics}
    assert seen == dict.fromkeys(higher, True) | dict.fromkeys(lower, False) | dict.fromkeys(neither, None)


def test_what_is_null_on_both_sides_did_not_change(project: Project) -> None:
    assert Change("scheduler", None, None).verdict == "same"
    project.replace("params.yaml", "bits: 8", "bits: 5")
    shown = project.run("python", "-m", "samebits", "report").stdout
    assert row(shown, "quantize.bits") == ["quantize.bits", "8", "5", "-3"]
    assert "scheduler" not in shown


def test_a_chart_of_nothing_is_a_sentence(project: Project) -> None:
    assert "xychart-beta" in project.run("python", "-m", "samebits", "results", "--chart").stdout
    path = project.root / "plots" / "bits.json"
    path.write_text(json.dumps([{**row, "test_r2": -abs(row["test_r2"])} for row in json.loads(path.read_text())]))
    shown = project.run("python", "-m", "samebits", "results", "--chart").stdout
    assert "mermaid" not in shown
    assert "Test R2 is 0 or less in every format and at every bit-width" in shown


@pytest.mark.parametrize(
    ("path", "command"),
    [("dvc.lock", "lock"), ("metrics/evaluate.json", "report"), ("metrics/evaluate.json", "results")],
)
def test_an_unfinished_merge_is_named(project: Project, path: str, command: str) -> None:
    first, *rest = (project.root / path).read_text().splitlines(keepends=True)
    text = "".join(["<<<<<<< HEAD\n", first, "=======\n", first, ">>>>>>> other\n", *rest])
    (project.root / path).write_text(text)
    assert project.mistake("python", "-m", "samebits", command) == (
        f"error: {path}: has conflict markers of git; take one side whole, for example with "
        f"`git checkout --ours {path}`, then run `dvc repro`\n"
    )


def test_a_gate_names_its_limits_and_the_metrics_without_one(tmp_path: Path) -> None:
    repo = with_metrics(tmp_path / "repo", {"r2": 0.9, "loss_ppm": 0.95, "mae": 1.0}, "[gate]\nr2 = 0.0375\n")
    repo.commit()
    repo.write("metrics.json", json.dumps({"r2": 0.9, "loss_ppm": 784, "mae": 1.0}))
    shown = report.comparison(repo.changes("HEAD"), "HEAD")
    assert row(shown, "r2")[-2:] == ["0.0375", "same"]
    assert row(shown, "loss_ppm")[-2:] == ["none", "worse"]
    assert "Gate: passed; no limit holds loss_ppm." in shown
    before, _, folded = shown.partition("<details><summary>1 metric is unchanged</summary>")
    assert "mae" not in before
    assert row(folded, "mae")[-1] == "same"


def test_metrics_of_another_target_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = with_metrics(tmp_path / "repo", {"rmse": 0.75}, "[gate]\nrmse = 0.01\n")
    repo.write("params.yaml", "n: 2\ndata: {target: price, query: all}\n")
    repo.commit()
    repo.replace("params.yaml", "query: all", "query: some")
    repo.write("metrics.json", json.dumps({"rmse": 21627}))
    assert repo.command("report", "HEAD", "--gate") == 1
    repo.replace("params.yaml", "target: price", "target: rent")
    capsys.readouterr()
    assert repo.command("report", "HEAD", "--gate") == 2
    assert "Gate: the metrics cannot be compared" in capsys.readouterr().out
    assert repo.command("report", "HEAD") == 0


@pytest.mark.parametrize("path", ["params.yaml", "metrics.json", "dvc.yaml", "p.json"])
@pytest.mark.parametrize("text", ["<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n", "a: [", "- {", "a: \x00"])
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path: Path, path: str, text: str) -> None:
    repo = simple(tmp_path / "repo")
    repo.write("p.json", '{"a": 1}')
    repo.replace("dvc.yaml", "    - n\n", "    - n\n    - p.json:\n")
    repo.commit()
    repo.write(path, text)
    with pytest.raises(UserError) as raised:
        repo.changes("HEAD")
    assert path in str(raised.value)


def test_nan_that_stays_is_no_change(tmp_path: Path) -> None:
    repo = with_metrics(tmp_path / "repo", {"acc": math.nan})
    repo.write("params.yaml", "n: 2\nx: .nan\n")
    repo.commit()
    found = repo.changes("HEAD")
    assert (found.params, [each.verdict for each in found.metrics]) == ([], ["same"])
    assert row(report.comparison(replace(found, gated={"acc"}), "HEAD"), "acc")[1:4] == ["nan", "nan", ""]


def test_a_partial_clone_gets_the_files_of_the_base_at_once(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    for option in ("allowFilter", "allowAnySHA1InWant"):
        repo.git("config", f"uploadpack.{option}", "true")
    for n in (3, 4):
        repo.replace("params.yaml", f"n: {n - 1}", f"n: {n}")
        repo.run()
    thin = object.__new__(Repository)
    thin.top = thin.root = tmp_path / "thin"
    command = ["git", "clone", "-q", "--filter=blob:none", "--no-local", repo.root.as_uri(), str(thin.root)]
    subprocess.run(command, check=True)
    fetched = thin.git("count-objects", "-v").splitlines()
    assert [(each.name, each.base, each.now) for each in thin.changes("HEAD~1").params] == [("n", 3, 4)]
    assert thin.git("count-objects", "-v").splitlines() != fetched


def test_open_questions_stand_beside_what_decides_or_alone() -> None:
    decides = Problem("fit", "code-changed", "a.py", "a.py: changed")
    asks = Problem("load", "missing-source", "d.csv", "d.csv: missing")
    assert report.problems([asks]) == {"What keeps it from being decided:": ["load: d.csv: missing"]}
    assert report.problems([asks, decides]) == {
        "The first stage that diverged is fit:": ["a.py: changed"],
        "Besides:": ["load: d.csv: missing"],
    }


def test_metrics_in_the_cache_are_read_at_the_base_too(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("r2.txt", "0.5")
    write = 'mkdir out && echo "{\\"r2\\": $(cat r2.txt)}" | tee out/in.json > one.json'
    stage = {"cmd": write, "deps": ["r2.txt"], "outs": ["out"], "metrics": ["one.json"]}
    repo.pipeline(metrics=["out/in.json"], stages={"one": stage})
    repo.run()
    repo.write("r2.txt", "0.25")
    repo.run()
    found = repo.changes("HEAD~1")
    assert {(each.name, each.base, each.now) for each in found.metrics} == {
        ("one.json:r2", 0.5, 0.25),
        ("out/in.json:r2", 0.5, 0.25),
    }
    assert found.unread == []

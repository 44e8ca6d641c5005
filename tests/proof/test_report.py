import json

import pytest

from samebits.proof import difference
from samebits.proof.compare import Change
from tests.conftest import Project


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
    ],
)
def test_the_verdict_on_a_change(
    base: object, now: object, higher_is_better: bool | None, tolerance: float, verdict: str
) -> None:
    assert Change("metric", base, now, higher_is_better, tolerance).verdict == verdict


def set_metric(project: Project, change: float) -> float:
    path = project.root / "metrics" / "evaluate.json"
    metrics = json.loads(path.read_text())
    metrics["quant"]["r2"] += change
    path.write_text(json.dumps(metrics))
    return float(metrics["quant"]["r2"])


def row(markdown: str, name: str) -> list[str]:
    [line] = [line for line in markdown.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_tiny_change_is_readable(project: Project) -> None:
    set_metric(project, -3e-7)
    done = project.run("python", "-m", "samebits", "report", "--gate")
    assert row(done.stdout, "evaluate.quant.r2")[3:] == ["-3e-07", "higher", "same"]
    assert "Gate: passed." in done.stdout


def test_every_metric_has_a_direction(project: Project) -> None:
    path = project.root / "metrics" / "evaluate.json"
    metrics = json.loads(path.read_text())
    for group in (metrics, *(value for value in metrics.values() if isinstance(value, dict))):
        group.update({name: 0.9 * value for name, value in group.items() if not isinstance(value, dict)})
    path.write_text(json.dumps(metrics))
    shown = project.run("python", "-m", "samebits", "report").stdout
    rows = [line.split("|") for line in shown.splitlines() if line.startswith("| evaluate.")]
    seen = {row[1].strip(): (row[5].strip(), row[6].strip(" *")) for row in rows}
    assert len(seen) == 11
    for name, verdict in seen.items():
        assert verdict == (("higher", "worse") if name.endswith(".r2") else ("lower", "better"))


def test_the_gate_fails_beyond_the_tolerance(project: Project) -> None:
    set_metric(project, -0.1)
    project.replace("params.yaml", "bits: 8", "bits: 5")
    done = project.run("python", "-m", "samebits", "report", "main", "--gate", check=False)
    assert done.returncode == 1
    assert row(done.stdout, "evaluate.quant.r2")[3:] == ["-0.1", "higher", "**worse**"]
    assert row(done.stdout, "quantize.bits") == ["quantize.bits", "8", "5", "-3"]
    assert "Gate: evaluate.quant.r2 worse than" in done.stdout
    assert "xychart-beta" in done.stdout
    assert project.run("python", "-m", "samebits", "report").returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "arguments", "message"),
    [
        (
            "evaluate.float.r2",
            "evaluate.float.r3",
            [],
            "params.yaml: gate.evaluate.float.r3 is not a metric; the metrics are data.",
        ),
        ("bits: 8", "bits: 8", ["nowhere"], "git: no commit nowhere in this repository"),
    ],
)
def test_mistakes_are_one_line(project: Project, old: str, new: str, arguments: list[str], message: str) -> None:
    project.replace("params.yaml", old, new)
    done = project.run("python", "-m", "samebits", "report", *arguments, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_a_difference_names_the_place_and_the_last_places() -> None:
    promised, obtained = (json.dumps({"a": {"r2": value}, "n": 1}).encode() for value in (1.0, 1.0 + 2**-51))
    text = "m.json: a.r2 is 1.0 promised, 1.0000000000000004 obtained (2 ulp)"
    assert difference.describe("m.json", promised, obtained) == [text]
    assert difference.describe("m.json", promised, promised + b" ") == ["m.json: equal values, stored in other bytes"]
    assert difference.describe("p.csv", b"1", b"22") == ["p.csv: 1 bytes promised, 2 obtained, not the same"]


def test_what_is_null_on_both_sides_did_not_change(project: Project) -> None:
    assert Change("scheduler", None, None).verdict == "same"
    project.replace("params.yaml", "bits: 8", "bits: 5")
    shown = project.run("python", "-m", "samebits", "report").stdout
    assert "| quantize.bits " in shown
    assert "scheduler" not in shown


def test_a_gate_needs_a_metric_with_a_direction(project: Project) -> None:
    project.replace("params.yaml", "evaluate.float.r2: 0.001", "train.rank: 0")
    assert project.mistake("python", "-m", "samebits", "report").startswith(
        "error: params.yaml: gate.train.rank: neither more nor less of it is known to be better; "
        "the metrics that a gate can hold are evaluate.bits, "
    )


def test_a_chart_of_nothing_is_a_sentence(project: Project) -> None:
    path = project.root / "plots" / "bits.json"
    path.write_text(json.dumps([{**row, "test_r2": -abs(row["test_r2"])} for row in json.loads(path.read_text())]))
    shown = project.run("python", "-m", "samebits", "report").stdout
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
        f"error: {path}: holds an unfinished merge; take one side whole, as by `git checkout --ours {path}`, "
        "then `dvc repro` writes what the merged tree makes\n"
    )

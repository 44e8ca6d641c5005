import csv
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import joblib
import pytest

from tests.conftest import BIN, Project
from tests.housing import FEATURES

HEAVY = ("torch", "sklearn", "duckdb", "flint", "dvc", "pandas", "scipy", "joblib", "fastapi", "pydantic_core")


def predicted(row: list[float], weights: dict[str, Any]) -> float:
    """The exact prediction, rounded once."""
    terms = (Fraction(weight) * Fraction(value) for weight, value in zip(weights["coef"], row, strict=True))
    return float(sum(terms, Fraction(weights["intercept"])))


@pytest.fixture(scope="module")
def rows(trained: Project) -> list[list[float]]:
    found: list[list[float]] = joblib.load(trained.root / "data" / "test.joblib")["X"].tolist()
    return found


@pytest.fixture(scope="module")
def expected(trained: Project, rows: list[list[float]]) -> str:
    card = json.loads((trained.root / "models" / "card.json").read_text())
    return "".join(f"{predicted(row, card['widths'][str(card['bits'])])!r}\n" for row in rows)


def write_csv(path: Path, rows: list[list[float]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FEATURES)
        writer.writerows(map(repr, row) for row in rows)
    return path


def run(project: Project, *arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    content = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run(
        [BIN / "python", "-m", "samebits", "predict", *arguments], cwd=project.root, input=content, capture_output=True
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_every_test_row_from_a_file_and_from_stdin(
    trained: Project, tmp_path: Path, rows: list[list[float]], expected: str
) -> None:
    assert len(rows) == 4128
    assert run(trained, str(write_csv(tmp_path / "rows.csv", rows))).stdout == expected
    assert run(trained, str(write_csv(tmp_path / "rows.csv", rows * 8))).stdout == expected * 8
    lines = "\n".join(json.dumps(dict(zip(FEATURES, row, strict=True))) for row in rows)
    assert run(trained, stdin=lines).stdout == expected


@pytest.mark.parametrize("times", [1, 5])
def test_the_rows_before_a_mistake_stay_right(
    trained: Project, tmp_path: Path, rows: list[list[float]], expected: str, times: int
) -> None:
    count = 3000 + 4128 * (times - 1)
    path = write_csv(tmp_path / "rows.csv", (rows * times)[:count])
    with path.open("a") as file:
        file.write("1,2,3,4,5,6,7,x\n1,2,3,4,5,6,7,8\n")
    done = run(trained, str(path))
    assert done.returncode == 2
    assert done.stderr == f"error: row {count + 1}, column Longitude: 'x' is not a finite number\n"
    assert done.stdout.splitlines() == (expected * times).splitlines()[:count]


def test_a_prediction_beyond_float64_is_refused(trained: Project) -> None:
    for right in (1, 20_000):
        content = ",".join(FEATURES) + "\n" + "1,2,3,4,5,6,7,8\n" * right + "1.7e308,0,0,1.7e308,0,0,0,0\n"
        done = run(trained, stdin=content)
        assert done.returncode == 2
        assert done.stdout.count("\n") == right
        assert done.stderr.startswith(f"error: row {right + 1}: the prediction is beyond float64")


def test_info(trained: Project) -> None:
    info = json.loads(run(trained, "--info").stdout)
    assert list(info["features"]) == FEATURES
    assert info["features"]["HouseAge"] == {"min": 1.0, "mean": 28.60828488372093, "max": 52.0}
    assert (info["scheme"], info["bits"], info["payload_bytes"]) == ("per_channel_pow2", 8, 17)
    metrics = json.loads((trained.root / "metrics" / "evaluate.json").read_text())
    assert info["metrics"]["test"]["r2"] == metrics["quant"]["r2"]
    assert info["commit"] == trained.git("rev-parse", "HEAD").strip()
    for file, key in (("dvc.lock", "lock_md5"), ("models/quant_params.joblib", "model_md5")):
        assert trained.run("md5sum", file).stdout.split()[0] == info[key]
    assert f"md5: {info['model_md5']}" in (trained.root / "dvc.lock").read_text()


def test_neither_training_nor_serving_is_imported(trained: Project) -> None:
    program = f"""
import io, sys
from samebits import __main__
from samebits.model import predictor, schema
from samebits.serving import predict, rows
file = io.BytesIO(b"{",".join(FEATURES)}\\n1,2,3,4,5,6,7,8\\n")
model = predictor.Predictor.load("models/quant_params.joblib")
predict.predict(model, map(schema.Rows, rows.blocks(io.BufferedReader(file), model.features)), sys.stdout, model.schema)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert trained.run("python", "-c", program).stdout.endswith("[]\n")


def test_any_number_of_rows_in_flat_memory(trained: Project, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        path.write_text(",".join(FEATURES) + "\n" + "1.25,2,3,4,5,6,7,8\n" * rows)
        command = [str(BIN / "python"), "-m", "samebits", "predict", str(path)]
        process = subprocess.Popen(command, cwd=trained.root, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0
        return usage.ru_maxrss * 1024

    assert peak(400_000) - peak(40_000) < 2**21


def test_a_reader_that_leaves_ends_it_quietly(trained: Project, tmp_path: Path, rows: list[list[float]]) -> None:
    path = write_csv(tmp_path / "rows.csv", rows * 3)
    with subprocess.Popen(
        [sys.executable, "-m", "samebits", "predict", path],
        cwd=trained.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "error: missing.csv: No such file or directory\n"),
        (["models"], "error: models: Is a directory\n"),
        (["--model", "missing.joblib"], "error: card.json: No such file or directory"),
        (["--model", "models/model.joblib"], "error: models/model.joblib: not a quantized model"),
    ],
)
def test_mistakes(trained: Project, arguments: list[str], message: str) -> None:
    done = run(trained, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("shell", "message"),
    [
        (">/dev/full", "error: cannot write the output: No space left on device\n"),
        ("1</dev/null", "error: cannot write the output: Bad file descriptor\n"),
        (">&-", "error: stdout is closed; the predictions need a place\n"),
    ],
)
@pytest.mark.parametrize("times", [1, 5])
def test_an_output_that_cannot_be_written_is_one_line(
    trained: Project, tmp_path: Path, rows: list[list[float]], times: int, shell: str, message: str
) -> None:
    path = write_csv(tmp_path / "rows.csv", (rows * times)[: 10 if times == 1 else None])
    done = trained.run("sh", "-c", f"python -m samebits predict '{path}' {shell}", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)

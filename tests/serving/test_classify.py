"""A model of a yes or no in use: the probability, correctly rounded, and the class by the threshold of the card."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.http as triton

from tests.conftest import Project
from tests.serving import logistic
from tests.serving.logistic import FEATURES, LABELS, THRESHOLD
from tests.serving.test_predict import run
from tests.serving.test_serve import Running, running

RAW, X, _ = logistic.table()
MODEL = logistic.quantized(logistic.model(), 8).model
ODDS = MODEL.predict(X)
PROBABILITIES = [logistic.probability(row, MODEL) for row in X.tolist()]
FAR = [0.0, 1.7e308, -1.7e308]  # its log odds are beyond float64
CLASSES = [LABELS[each >= THRESHOLD] for each in PROBABILITIES]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("logistic")
    logistic.write(root)
    return Project(root)


@pytest.fixture(scope="module")
def server(project: Project) -> Iterator[Running]:
    with running(project) as found:
        yield found


def lines(rows: Any, names: list[str]) -> str:
    return "".join(f"{','.join(map(str, row))}\n" for row in [names, *rows])


@pytest.mark.parametrize("times", [1, 50])
def test_a_line_of_csv_for_each_row(project: Project, times: int) -> None:
    assert len(set(CLASSES)) == 2
    for rows, names in ((X.tolist(), FEATURES), (RAW, ["age", "plan"])):
        done = run(project, stdin=lines(list(rows) * times, names))
        assert done.returncode == 0
        found = list(csv.reader(io.StringIO(done.stdout)))
        assert found == [[repr(p), label] for p, label in zip(PROBABILITIES, CLASSES, strict=True)] * times


def test_a_row_without_a_prediction_has_empty_cells(project: Project) -> None:
    done = run(project, stdin=lines([[30, "plus"], ["", "plus"], [40, "family"]], ["age", "plan"]))
    first, second, third = csv.reader(io.StringIO(done.stdout))
    assert second == ["", ""]
    assert {first[1], third[1]} <= set(LABELS)
    assert "row 2: no prediction" in done.stderr


def test_log_odds_beyond_float64_have_a_probability(project: Project) -> None:
    done = run(project, stdin=lines([FAR, [-each for each in FAR]], FEATURES))
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["1.0", "0.0"]


def test_info_names_labels_and_threshold(project: Project) -> None:
    info = json.loads(run(project, "--info").stdout)
    assert (info["model"], info["labels"], info["threshold"]) == ("logistic", list(LABELS), THRESHOLD)


@pytest.mark.parametrize("wrong", [{"model": "probit"}, {"labels": None}, {"threshold": "half"}])
def test_a_card_of_another_family_is_one_line(tmp_path: Path, wrong: dict[str, Any]) -> None:
    card = logistic.write(tmp_path).with_name("card.json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **wrong}))
    assert "card" in Project(tmp_path).mistake("python", "-m", "samebits", "predict", "--info")


def infer(**more: Any) -> dict[str, Any]:
    return {
        "inputs": [{"name": "rows", "shape": list(X.shape), "datatype": "FP64", "data": X.ravel().tolist()}],
        **more,
    }


def test_the_server_says_what_it_gives(server: Running) -> None:
    metadata = json.loads(server.get("/v2/models/samebits")[1])
    outputs = {each["name"]: (each["datatype"], each["shape"]) for each in metadata["outputs"]}
    numbers = ("FP64", [-1, 1])
    assert outputs == {
        "probability": numbers,
        "label": ("BYTES", [-1, 1]),
        "log_odds": numbers,
        "features": ("FP64", [-1, 3]),
    }
    assert metadata["parameters"]["labels"] == list(LABELS)
    described = json.loads(server.get("/openapi.json")[1])["components"]["schemas"]["RequestedOutput"]
    assert described["properties"]["name"]["enum"] == list(outputs)


def test_the_server_gives_probabilities_and_labels(server: Running) -> None:
    raw = [
        {"name": "age", "shape": [400], "datatype": "FP64", "data": [age for age, _ in RAW]},
        {"name": "plan", "shape": [400], "datatype": "BYTES", "data": [plan for _, plan in RAW]},
    ]
    for body in (infer(), {"inputs": raw}):
        status, answer = server.infer(body)
        assert status == 200
        probability, label = answer["outputs"]
        assert (probability["name"], probability["datatype"], probability["shape"]) == ("probability", "FP64", [400, 1])
        assert probability["data"] == PROBABILITIES
        assert (label["name"], label["datatype"], label["shape"]) == ("label", "BYTES", [400, 1])
        assert label["data"] == CLASSES
    _, answer = server.infer(infer(outputs=[{"name": "log_odds"}, {"name": "features"}]))
    assert answer["outputs"][0]["data"] == ODDS.tolist()
    assert answer["outputs"][1]["data"] == X.ravel().tolist()
    status, answer = server.infer(infer(outputs=[{"name": "predict"}]))
    assert status == 400
    assert answer["error"] == "outputs: no output 'predict'; there are probability, label, log_odds, features"


def test_log_odds_beyond_float64_are_refused_where_they_are_asked_for(server: Running) -> None:
    far = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": FAR}]}
    assert server.infer(far)[1]["outputs"][0]["data"] == [1.0]
    status, answer = server.infer({**far, "outputs": [{"name": "log_odds"}]})
    assert (status, answer["error"]) == (400, "row 1: the prediction is beyond float64")


def test_tritons_client_reads_binary_labels(server: Running) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    tensor = triton.InferInput("rows", list(X.shape), "FP64")
    tensor.set_data_from_numpy(X)
    for binary in (True, False):
        outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "probability")]
        result = client.infer("samebits", [tensor], outputs=outputs)
        assert result.as_numpy("probability").ravel().tolist() == PROBABILITIES
        texts = result.as_numpy("label").ravel().tolist()
        assert [text.decode() if isinstance(text, bytes) else text for text in texts] == CLASSES
    client.close()

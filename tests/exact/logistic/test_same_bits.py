"""The same bytes with other BLAS kernels, CPU features, threads and blocks of rows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samebits import ExactLogisticRegression, ExactLogisticRegressionCV
from samebits.exact.logistic import curvature, information, likelihood, score
from samebits.exact.logistic.separation import SeparationError
from samebits.model import sigmoid
from samebits.model.linear import LinearModel

ROOT = Path(__file__).parents[3]
MACHINES = [
    {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"},
    {"OPENBLAS_CORETYPE": "Sandybridge", "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "3"},
    {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "4", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX"},
]


def told() -> dict[str, Any]:
    """All that comes from rows, as text that shows every bit."""
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 5)) * [1, 1e3, 1e-3, 1, 1] + [0, 0, 0, 1e4, 0]
    X = np.column_stack([X, X[:, 0] + X[:, 4]])
    y = X[:, :3] @ [1, 1e-3, 1e3] + 2 * random.logistic(size=300) > 0
    plain = ExactLogisticRegression().fit(X, y)
    model = LinearModel(plain.coef_[0], float(plain.intercept_[0]))
    odds = model.predict(X)
    chosen = ExactLogisticRegressionCV(Cs=[0.01, 1, 100], cv=2, standardize=True).fit(X[:, :5], y)
    with pytest.raises(SeparationError) as separated:
        ExactLogisticRegression().fit(X[:, :5], X @ [1, 1e-3, 0, 0.5, 0, 0] > 5e3)
    numbers = {
        "coef": plain.coef_[0].tolist(),
        "summary": plain.summary().to_plain(),
        "probabilities": plain.predict_proba(X)[::20].tolist(),
        "penalised": [*chosen.coef_[0].tolist(), chosen.C_, *chosen.cv_losses_.ravel().tolist()],
        "scores": [score.scores(odds, y, odds > 0), score.calibration(odds, y)],
        "moments": curvature.moments(X, model).to_plain(),
        "separated": str(separated.value),
    }
    return json.loads(json.dumps(numbers))


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return told()


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine["OPENBLAS_CORETYPE"])
def test_on_other_machines(here: dict[str, Any], machine: dict[str, str]) -> None:
    code = "import json; from tests.exact.logistic.test_same_bits import told; print(json.dumps(told()))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **machine},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == here


@pytest.mark.parametrize(("many", "few"), [(2**18, 64), (150, 150), (100, 30)])
def test_in_other_blocks(here: dict[str, Any], monkeypatch: pytest.MonkeyPatch, many: int, few: int) -> None:
    monkeypatch.setattr(likelihood, "MANY", many)
    monkeypatch.setattr(sigmoid, "BLOCK", few)
    monkeypatch.setattr(information, "BLOCK", few)
    assert told() == here

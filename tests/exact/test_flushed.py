"""Where the processor takes subnormal numbers for 0, nothing is computed."""

import subprocess
import sys

PROGRAM = """
import numpy as np, torch
from samebits import ExactLinearRegression
X, y = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 2.0, 3.0])
model = ExactLinearRegression().fit(X, y)
if not torch.set_flush_denormal(True):
    raise SystemExit(3)
for call in (lambda: model.fit(X, y), lambda: model.predict(X)):
    try:
        call()
    except FloatingPointError as error:
        assert "flushes subnormal numbers to zero" in str(error)
    else:
        raise SystemExit("computed")
"""


def test_a_process_that_flushes_subnormal_numbers_is_refused() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr  # 3: this processor cannot

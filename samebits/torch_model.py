"""The model as a single-layer PyTorch network."""

import numpy as np
import torch

from samebits import score
from samebits.linear import LinearModel

DECIMALS = 9  # of what is kept of the network's float64 predictions, whose noise is about 1e-15
UNIT_ROUNDOFF = 2.0**-53


def network(model: LinearModel) -> torch.nn.Linear:
    """`nn.Linear(p, 1)` in float64 with the parameters of `model`, which it holds exactly."""
    layer = torch.nn.Linear(len(model.coef), 1, dtype=torch.float64)
    parameters = {"weight": model.coef[None, :], "bias": [model.intercept]}
    layer.load_state_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in parameters.items()})
    return layer.eval()


def predict(model: LinearModel, X: np.ndarray) -> np.ndarray:
    """The predictions (n,) of the network for X (n, p), checked against those of `model`.

    Raises AssertionError where the two lie farther apart than rounding allows.
    """
    with torch.inference_mode():
        predicted = network(model)(torch.from_numpy(X)).squeeze(1).numpy()
    beyond = np.abs(predicted - model.predict(X)) > error_bound(model, X)
    if beyond.any():
        raise AssertionError(f"the network's prediction for row {int(beyond.argmax())} is not the model's")
    return predicted


def r2(model: LinearModel, X: np.ndarray, y: np.ndarray) -> float:
    """R2 of the network over X (n, p), y (n,), rounded far above the noise in which machines differ."""
    return round(score.r2_of_predictions(y, predict(model, X)), DECIMALS)


def error_bound(model: LinearModel, X: np.ndarray) -> np.ndarray:
    """How far (n,) two float64 evaluations of `model` over X (n, p) can lie apart, in whatever order they add.

    Each lies within gamma * (|b| + |X| @ |w|) of the exact prediction, gamma = k u / (1 - k u) with k = p + 1 (Higham,
    Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1); fused multiply-adds only lower the error.
    """
    size = LinearModel(np.abs(model.coef), abs(model.intercept)).predict(np.abs(X))
    k = len(model.coef) + 2  # one more than p + 1, for the rounding of `size` itself
    return 2 * k * UNIT_ROUNDOFF / (1 - k * UNIT_ROUNDOFF) * size

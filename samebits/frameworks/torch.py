"""The model as a single-layer PyTorch network, of float64 parameters or of packed codes."""

from typing import Any

import numpy as np
import torch

from samebits.model import payload
from samebits.model.linear import LinearModel
from samebits.model.schemes import Quantized
from samebits.model.sigmoid import probabilities

UNIT_ROUNDOFF = 2.0**-53
LEAST_FLOAT = 2.0**-1074  # what a product can lose by underflow


def network(model: LinearModel) -> torch.nn.Linear:
    """`nn.Linear(p, 1)` in float64 with the parameters of `model`, which it holds exactly."""
    layer = torch.nn.Linear(len(model.coef), 1, dtype=torch.float64)
    parameters = {"weight": model.coef[None, :], "bias": [model.intercept]}
    layer.load_state_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in parameters.items()})
    return layer.eval()


class QuantizedLinear(torch.nn.Module):
    """A linear layer that keeps the packed codes of a quantized model and de-quantizes them where it is called.

    The state_dict holds the payload as a uint8 tensor, and the header that is needed to read it.
    """

    payload: torch.Tensor

    def __init__(self, quantized: Quantized) -> None:
        super().__init__()
        self._header = payload.to_plain(quantized)
        self.register_buffer("payload", torch.frombuffer(bytearray(self._header.pop("payload")), dtype=torch.uint8))

    def get_extra_state(self) -> dict[str, Any]:
        """The header, for the state_dict."""
        return self._header

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the header from a state_dict."""
        self._header = state

    @property
    def model(self) -> LinearModel:
        """The de-quantized model."""
        return payload.from_plain({**self._header, "payload": bytes(self.payload.tolist())}).model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From x (n, p) to (n, 1), in the type of x; in float32, with the float32 numbers nearest to the parameters."""
        model = self.model
        weight, bias = torch.tensor(model.coef, dtype=x.dtype), torch.tensor([model.intercept], dtype=x.dtype)
        return torch.nn.functional.linear(x, weight[None, :], bias)


def predict(layer: torch.nn.Module, model: LinearModel, X: np.ndarray) -> np.ndarray:
    """The predictions (n,) of a network for X (n, p) in float64, checked against those of the `model` that it holds.

    Raises AssertionError where the two lie farther apart than rounding allows.
    """
    with torch.inference_mode():
        predicted = layer(torch.from_numpy(X)).squeeze(1).numpy()
    beyond = np.abs(predicted - model.predict(X)) > error_bound(model, X)
    if beyond.any():
        raise AssertionError(f"the network's prediction for row {int(beyond.argmax())} is not the model's")
    return predicted


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """The probabilities (n,) of log odds (n,), checked against exact ones.

    Raises AssertionError where torch's exponential, sum and quotient lie farther from them than a few roundings.
    """
    probability = torch.sigmoid(torch.from_numpy(log_odds)).numpy()
    beyond = np.abs(probability - probabilities(log_odds).high) > 8 * UNIT_ROUNDOFF
    if beyond.any():
        raise AssertionError(f"the network's probability for row {int(beyond.argmax())} is not that of its log odds")
    return probability


def log_loss(log_odds: np.ndarray, y: np.ndarray) -> float:
    """The mean log loss of log odds (n,) for y (n,) of 0 and 1."""
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.from_numpy(log_odds), torch.from_numpy(y))
    return float(loss)


def error_bound(model: LinearModel, X: np.ndarray) -> np.ndarray:
    """How far (n,) two float64 evaluations of `model` over X (n, p) can lie apart, in whatever order they add.

    Each lies within gamma * (|b| + |X| @ |w|) of the exact prediction, gamma = k u / (1 - k u) with k = p + 1 (Higham,
    Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1); fused multiply-adds only lower the error.
    """
    size = LinearModel(np.abs(model.coef), abs(model.intercept)).predict(np.abs(X))
    k = len(model.coef) + 2  # one more than p + 1, for the rounding of `size` itself
    return 2 * k * (UNIT_ROUNDOFF / (1 - k * UNIT_ROUNDOFF) * size + LEAST_FLOAT)

"""A linear model: its parameters and its predictions."""

from dataclasses import dataclass

import numpy as np

from samebits.model import prediction


@dataclass(frozen=True)
class LinearModel:
    """y = intercept + X @ coef, with coef (p,) float64."""

    coef: np.ndarray
    intercept: float

    @property
    def parameters(self) -> np.ndarray:
        """The weights and the intercept, (p + 1,)."""
        return np.append(self.coef, self.intercept)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) for X (n, p), each rounded once."""
        if X.shape[1] != len(self.coef):
            raise ValueError(f"X has {X.shape[1]} features, but the model has {len(self.coef)}")
        return prediction.predict(X, self.coef, self.intercept)

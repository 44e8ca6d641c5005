"""A linear model: its parameters and its predictions, in an order of operations that gives the same bits everywhere."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinearModel:
    """y = intercept + X @ coef, with coef (p,) float64."""

    coef: np.ndarray
    intercept: float

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) for X (n, p), added up feature by feature: BLAS would add in an order of its own."""
        total = np.full(len(X), self.intercept)
        for weight, column in zip(self.coef, X.T, strict=True):
            total += weight * column
        return total

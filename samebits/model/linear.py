"""A linear model: its parameters and its predictions, in an order of operations that gives the same bits everywhere."""

from dataclasses import dataclass

import numpy as np


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
        """Predictions (n,) for X (n, p), added up feature by feature: BLAS would add in an order of its own."""
        if X.shape[1] != len(self.coef):
            raise ValueError(f"X has {X.shape[1]} features, but the model has {len(self.coef)}")
        terms = np.empty((len(X), 1 + len(self.coef)))
        terms[:, 0] = self.intercept
        np.multiply(X, self.coef, out=terms[:, 1:])
        return np.add.accumulate(terms, axis=1)[:, -1]

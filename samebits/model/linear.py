"""A linear model: its parameters and its predictions."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from samebits.model import prediction


@dataclass(frozen=True)
class LinearModel:
    """y = intercept + X @ coef, with coef (p,) float64."""

    coef: np.ndarray
    intercept: float

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """That of a fitted scikit-learn estimator, with coef_ (p,) or, of a classifier, (1, p)."""
        return cls(np.ravel(estimator.coef_), float(np.ravel(estimator.intercept_)[0]))

    @property
    def parameters(self) -> np.ndarray:
        """The weights and the intercept, (p + 1,)."""
        return np.append(self.coef, self.intercept)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) for X (n, p), each rounded once."""
        if X.shape[1] != len(self.coef):
            raise ValueError(f"X has {X.shape[1]} features, but the model has {len(self.coef)}")
        return prediction.predict(X, self.coef, self.intercept)

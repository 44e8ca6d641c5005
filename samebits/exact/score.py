"""R2, RMSE and MAE of a linear model, each a float that has the same bits everywhere."""

import math

import numpy as np
from flint import fmpq

from samebits.exact.moments import Moments
from samebits.exact.rational import exactly, nearest_float, nearest_sqrt
from samebits.model.linear import LinearModel


def residual_sum_of_squares(moments: Moments, model: LinearModel) -> fmpq:
    """The exact sum of the squared errors, in squared units of y."""
    return moments.sum_of_squares([*(exactly(each) for each in (model.intercept, *model.coef)), fmpq(-1)])


def r2(moments: Moments, model: LinearModel) -> fmpq:
    """The exact coefficient of determination. For a constant y: 1 if predicted exactly, else 0, as in scikit-learn."""
    residual, total = residual_sum_of_squares(moments, model), moments.total_sum_of_squares()
    if not total:
        return fmpq(0 if residual else 1)
    return 1 - residual / total


def rmse(moments: Moments, model: LinearModel) -> float:
    """The correctly rounded root of the mean squared error, in units of y."""
    return nearest_sqrt(residual_sum_of_squares(moments, model) / moments.rows)


def scores(moments: Moments, model: LinearModel) -> dict[str, float]:
    """R2 and RMSE, correctly rounded, under the names of the metrics."""
    return {"r2": nearest_float(r2(moments, model)), "rmse": rmse(moments, model)}


def mae(X: np.ndarray, y: np.ndarray, model: LinearModel) -> float:
    """The mean absolute error of the float64 predictions over X (n, p), y (n,), summed without error."""
    return math.fsum(np.abs(y - model.predict(X))) / len(y)


def r2_of_predictions(y: np.ndarray, predicted: np.ndarray) -> float:
    """R2 from predictions (n,), for what does not predict by `LinearModel`."""
    residual, deviation = y - predicted, y - math.fsum(y) / len(y)
    remaining = math.fsum(residual * residual)
    if (y == y[0]).all():
        return 0.0 if remaining else 1.0
    return 1 - remaining / math.fsum(deviation * deviation)

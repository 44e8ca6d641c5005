"""What statsmodels says of the fits that test_inference.py compares, as JSON.

It brings pandas, which scikit-learn imports wherever it is installed: the stages would take longer. So run it in an
environment of its own, from the root of the project:

    pip install statsmodels scikit-learn pytest filelock
    PYTHONPATH=. python tests/exact/statsmodels/make.py > tests/exact/statsmodels/fits.json
"""

import json
import sys
from typing import Any

import numpy as np
import statsmodels
import statsmodels.api
from statsmodels.stats.outliers_influence import variance_inflation_factor

from tests import housing


def fit(X: np.ndarray, y: np.ndarray, intercept: bool) -> dict[str, Any]:
    """The numbers by the names that a Summary gives them."""
    A = statsmodels.api.add_constant(X) if intercept else X
    found = statsmodels.api.OLS(y, A).fit()
    low, high = found.conf_int().T
    factors = [variance_inflation_factor(A, j, standardize=False) for j in range(intercept, A.shape[1])]
    columns = {
        "estimate": found.params,
        "std_error": found.bse,
        "t": found.tvalues,
        "p_value": found.pvalues,
        "low": low,
        "high": high,
        "vif": np.array([*([np.nan] if intercept else []), *factors]),
    }
    return {
        "rows": int(found.nobs),
        "df_model": int(found.df_model),
        "df_residual": int(found.df_resid),
        "r2": found.rsquared,
        "adjusted_r2": found.rsquared_adj,
        "residual_variance": found.mse_resid,
        "f": found.fvalue,
        "f_p_value": found.f_pvalue,
        "log_likelihood": found.llf,
        "aic": found.aic,
        "bic": found.bic,
        "condition_number": found.condition_number,
        "coefficients": {
            name: [None if np.isnan(v) else v for v in values.tolist()] for name, values in columns.items()
        },
    }


if __name__ == "__main__":
    i = np.arange(40)
    X = np.column_stack([i % 7, i * i % 11, i * 13 % 17]).astype(float)
    y = X @ [1.0, -2.0, 0.0] + i * i * i % 19
    rows = {"X": X.tolist(), "y": y.tolist()}
    X_train, _, y_train, _ = housing.split()
    fits = {
        "housing": fit(X_train, y_train, True),
        "with": {**rows, **fit(X, y, True)},
        "without": {**rows, **fit(X, y, False)},
    }
    json.dump({"statsmodels": statsmodels.__version__, **fits}, sys.stdout)
    print()

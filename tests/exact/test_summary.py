"""The printed summary, to the letter."""

import numpy as np

from samebits import ExactLinearRegression

X = np.array([[1.0, 2], [2, 1], [3, 5], [4, 3], [5, 8]])
Y = np.array([1.0, 2, 2, 5, 4])

LEAST_SQUARES = """\
price: ordinary least squares, 5 rows

                   coef  std err        t   P>|t|   [0.025   0.975]   VIF  digits
---------------------------------------------------------------------------------
(intercept)  -0.0714286   0.5985  -0.1194   0.916  -2.6464   2.5036            13
x1                  1.5   0.2973    5.045  0.0371  0.22078   2.7792  2.75      14
x2            -0.428571   0.1694    -2.53   0.127  -1.1575  0.30033  2.75      14

R2                 0.940476    P>F                  0.0595
adjusted R2        0.880952    log-likelihood    -1.966516
residual std       0.566947    condition number      14.02
residual df               2    AIC                9.933032
F(2, 2)                15.8    BIC               8.7613457

assumed: independent, normal errors of equal variance"""

RIDGE = """\
price: ridge regression, alpha = 1.5, 5 rows

                  coef  digits
------------------------------
(intercept)   0.482759      14
x1             1.03448      14
x2           -0.206897      14

R2            0.867222    GCV            1.27171
effective df   2.62553"""


def test_a_summary_prints_as_a_table() -> None:
    assert str(ExactLinearRegression().fit(X, Y).summary("price")) == LEAST_SQUARES


def test_a_summary_of_an_odd_number_of_lines_leaves_the_last_place_empty() -> None:
    assert str(ExactLinearRegression(alpha=1.5).fit(X, Y).summary("price")) == RIDGE


def test_very_small_numbers_print_with_an_exponent() -> None:
    X = np.arange(2000.0)[:, None]
    model = ExactLinearRegression().fit(X, 1e-9 * X[:, 0] + 1e-12 * (np.arange(2000) % 2))
    lines = repr(model.summary()).splitlines()
    [row] = [line.split() for line in lines if line.startswith("x1")]
    assert row[1].endswith("e-09")
    assert "<1e-323" in row
    [row] = [line.split() for line in lines if line.startswith("residual std")]
    assert row[2] == "5.0025e-13"  # half of 1e-12, times the root of 2000 / 1998

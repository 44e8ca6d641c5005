"""What statistics says of a fit, as data that prints itself as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from samebits.exact.inference.printed import Column, Printed, number

FREQUENCY, PRECISION = "frequency", "precision"  # what weights mean
HETEROSCEDASTIC = ("HC0", "HC1", "HC2", "HC3")  # covariances for errors of unequal variance
CLUSTERED = ("CR0", "CR1")  # and for errors that depend on each other within clusters
ASSUMED = {
    None: "assumed: independent, normal errors of equal variance",
    FREQUENCY: "assumed: independent, normal errors of equal variance; a weight counts copies of its row",
    PRECISION: "assumed: independent, normal errors, each of a variance proportional to 1 / weight",
}


@dataclass(frozen=True)
class Coefficient:
    """An estimate and its statistics. Those that are not defined are None.

    Attributes
    ----------
    name : str
    estimate : float
    std_error : float or None
        Its standard error.
    t : float or None
        Its t statistic.
    p_value : float or None
        The two-sided p-value of t.
    low : float or None
        The lower end of the 95 % interval.
    high : float or None
        The upper end.
    vif : float or None
        The variance inflation factor.
    std_ratio : float or None
        The standard deviation of the feature divided by that of y. Estimate times this is the standardised coefficient.
    digits : int or None
        How many decimal digits the data determine, if each value is known to half a unit of its last place.

    """

    name: str
    estimate: float
    std_error: float | None = None
    t: float | None = None
    p_value: float | None = None
    low: float | None = None
    high: float | None = None
    vif: float | None = None
    std_ratio: float | None = None
    digits: int | None = None


@dataclass(frozen=True, repr=False)
class Summary(Printed):
    """The statistics of a least-squares fit. Those that are not defined are None.

    Attributes
    ----------
    target : str
        The name of y.
    alpha : float
        The penalty.
    fit_intercept : bool
    rows : int
        The number of rows, or the sum of weights that count copies.
    coefficients : tuple of Coefficient
    df_model : int or None
        The rank, without the intercept.
    df_residual : int or None
        The number of rows minus the rank, with the intercept.
    df_test : int or None
        The degrees of freedom of t and of the denominator of F: `df_residual`, or the number of clusters minus one.
    weights : str or None
        What the weights mean, if there are any: "frequency" or "precision".
    cov : str or None
        The covariance of the coefficients: "HC0" to "HC3", "CR0", "CR1", or None, the usual one.
    r2 : float or None
    adjusted_r2 : float or None
    residual_variance : float or None
        The residual sum of squares divided by `df_residual`.
    residual_std : float or None
        Its square root.
    f : float or None
        F of the model against the intercept alone, or against 0 if there is no intercept.
    f_p_value : float or None
    log_likelihood : float or None
        At its maximum, for normal errors.
    aic : float or None
        Akaike's criterion. Like statsmodels, it counts the coefficients, not the variance.
    bic : float or None
        The Bayesian criterion, with the same count.
    condition_number : float or None
        Of the matrix [1, X].
    effective_df : float or None
        The trace of the hat matrix of a ridge fit.
    gcv : float or None
        The generalised cross-validation of a ridge fit.
    undecided : tuple of str
        Numbers whose last bit could not be decided, if any.
    notes : tuple of str
        Why something is not defined.

    """

    target: str
    alpha: float
    fit_intercept: bool
    rows: int
    coefficients: tuple[Coefficient, ...]
    df_model: int | None = None
    df_residual: int | None = None
    df_test: int | None = None
    weights: str | None = None
    cov: str | None = None
    r2: float | None = None
    adjusted_r2: float | None = None
    residual_variance: float | None = None
    residual_std: float | None = None
    f: float | None = None
    f_p_value: float | None = None
    log_likelihood: float | None = None
    aic: float | None = None
    bic: float | None = None
    condition_number: float | None = None
    effective_df: float | None = None
    gcv: float | None = None
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The summary that `to_plain` gave."""
        coefficients = tuple(Coefficient(**each) for each in plain["coefficients"])
        texts = {name: tuple(plain[name]) for name in ("undecided", "notes")}
        return cls(**{**plain, "coefficients": coefficients, **texts})

    def _title(self) -> str:
        kind = "weighted least squares" if self.weights else "ordinary least squares"
        method = f"ridge regression, alpha = {self.alpha:g}" if self.alpha else kind
        weights = f", {self.weights} weights" if self.weights else ""
        errors = f", {self.cov} standard errors" if self.cov else ""
        clusters = f" in {self.df_test + 1} clusters" if self.cov in CLUSTERED and self.df_test else ""
        return f"{self.target}: {method}{weights}{errors}, {self.rows:,} rows{clusters}"

    def _columns(self) -> list[Column]:
        columns = [
            ("coef", "estimate", ".6g"),
            ("std err", "std_error", ".4g"),
            ("t", "t", ".4g"),
            ("P>|t|", "p_value", "p"),
            ("[0.025", "low", ".5g"),
            ("0.975]", "high", ".5g"),
            ("VIF", "vif", ".4g"),
            ("digits", "digits", "d"),
        ]
        if self.alpha:
            columns = [columns[0], columns[-1]]
        return columns

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("R2", number(self.r2, ".6g")),
            ("adjusted R2", number(self.adjusted_r2, ".6g")),
            ("residual std", number(self.residual_std, ".6g")),
            ("residual df", number(self.df_residual, "d")),
            (f"F({self.df_model}, {self.df_test})", number(self.f, ".6g")),
            ("P>F", number(self.f_p_value, "p")),
            ("log-likelihood", number(self.log_likelihood, ".8g")),
            ("condition number", number(self.condition_number, ".4g")),
            ("AIC", number(self.aic, ".8g")),
            ("BIC", number(self.bic, ".8g")),
            ("effective df", number(self.effective_df, ".6g")),
            ("GCV", number(self.gcv, ".6g")),
        ]

    def _assumed(self) -> str:
        if self.alpha:
            return ""
        if not self.cov:
            return ASSUMED[self.weights]
        of = "errors dependent within clusters only" if self.cov in CLUSTERED else "independent errors"
        return f"assumed: {of}; t has {self.df_test} degrees of freedom"

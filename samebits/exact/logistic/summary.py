"""What statistics says of a logistic fit, as data that prints itself as a table."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from samebits.exact.inference.printed import Column, Printed, number


@dataclass(frozen=True)
class LogisticCoefficient:
    """An estimate and its statistics. Those that are not defined are None.

    Attributes
    ----------
    name : str
    estimate : float
        The change of the log odds of the positive class with one unit of the feature.
    std_error : float or None
        Its standard error, from the inverse of the Fisher information.
    z : float or None
        Its z statistic.
    p_value : float or None
        The two-sided p-value of z.
    low : float or None
        The lower end of Wald's 95 % interval.
    high : float or None
        The upper end.
    odds_ratio : float or None
        exp(estimate).
    odds_low : float or None
        exp(low).
    odds_high : float or None
        exp(high).

    """

    name: str
    estimate: float
    std_error: float | None = None
    z: float | None = None
    p_value: float | None = None
    low: float | None = None
    high: float | None = None
    odds_ratio: float | None = None
    odds_low: float | None = None
    odds_high: float | None = None


@dataclass(frozen=True, repr=False)
class LogisticSummary(Printed):
    """The statistics of a logistic fit without a penalty. Those that are not defined are None.

    Attributes
    ----------
    target : str
        The name of y.
    positive : str
        The class whose odds the coefficients speak of.
    rows : int
        The number of rows, or the sum of the weights.
    coefficients : tuple of LogisticCoefficient
    df_model : int
        The rank, without the intercept.
    df_residual : int
        The number of rows minus the rank, with the intercept.
    log_likelihood : float
    null_log_likelihood : float
        That of the intercept alone, or of the probability 1/2 if there is no intercept.
    deviance, null_deviance : float
        -2 times these.
    lr : float or None
        The likelihood ratio statistic, the difference of both deviances.
    lr_p_value : float or None
        The probability that chi-squared with `df_model` degrees of freedom exceeds it.
    pseudo_r2 : float
        McFadden's: 1 - log_likelihood / null_log_likelihood.
    aic : float
        Akaike's criterion.
    bic : float
        The Bayesian criterion.
    undecided : tuple of str
        Numbers whose last bit could not be decided, if any.
    notes : tuple of str
        Why something is not defined.

    """

    target: str
    positive: str
    rows: int
    coefficients: tuple[LogisticCoefficient, ...]
    df_model: int
    df_residual: int
    log_likelihood: float | None = None
    null_log_likelihood: float | None = None
    deviance: float | None = None
    null_deviance: float | None = None
    lr: float | None = None
    lr_p_value: float | None = None
    pseudo_r2: float | None = None
    aic: float | None = None
    bic: float | None = None
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The summary that `to_plain` gave; of a coefficient, the pipeline's files may know more."""
        known = [each.name for each in fields(LogisticCoefficient)]
        coefficients = tuple(LogisticCoefficient(*map(each.get, known)) for each in plain["coefficients"])
        texts = {name: tuple(plain[name]) for name in ("undecided", "notes")}
        return cls(**{**plain, "coefficients": coefficients, **texts})

    def _title(self) -> str:
        return f"{self.target} = {self.positive}: logistic regression, {self.rows:,} rows"

    def _columns(self) -> list[Column]:
        return [
            ("coef", "estimate", ".6g"),
            ("std err", "std_error", ".4g"),
            ("z", "z", ".4g"),
            ("P>|z|", "p_value", "p"),
            ("[0.025", "low", ".5g"),
            ("0.975]", "high", ".5g"),
            ("odds ratio", "odds_ratio", ".4g"),
        ]

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("log-likelihood", number(self.log_likelihood, ".8g")),
            ("null log-likelihood", number(self.null_log_likelihood, ".8g")),
            ("residual deviance", number(self.deviance, ".6g")),
            ("residual df", number(self.df_residual, "d")),
            ("null deviance", number(self.null_deviance, ".6g")),
            (f"LR chi2({self.df_model})", number(self.lr, ".6g")),
            ("P>chi2", number(self.lr_p_value, "p")),
            ("McFadden R2", number(self.pseudo_r2, ".6g")),
            ("AIC", number(self.aic, ".8g")),
            ("BIC", number(self.bic, ".8g")),
        ]

    def _assumed(self) -> str:
        return "assumed: independent rows; errors and tests are those of large samples"

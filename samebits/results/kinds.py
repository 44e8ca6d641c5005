"""What the page shows of a kind of models: columns, facts and pictures. Its words are in templates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Column(NamedTuple):
    """A header, what a row has under it, and how `page.number` writes that."""

    header: str
    value: Callable[[Row], float | None]
    how: str


def _of(key: str, header: str, how: str) -> Column:
    return Column(header, lambda row: row[key], how)


def _estimate(statistic: str) -> tuple[Column, ...]:
    """An estimate, its standard error, the statistic that tests it, and its interval."""
    return (
        _of("estimate", "coefficient", ".6g"),
        _of("std_error", "std. error", ".4g"),
        _of(statistic, statistic, ".4g"),
        _of("p_value", f"P > |{statistic}|", "p"),
        _of("low", "2.5 %", ".5g"),
        _of("high", "97.5 %", ".5g"),
    )


@dataclass(frozen=True)
class Kind:
    """A kind of models.

    template: its macros are the words of the page. coefficients, widths: the columns of both tables. facts: by name,
    the key in metrics/coefficients.json and how it is written. error: of cross-validation. hidden: by file and field,
    the pictures that say nothing.
    """

    template: str
    coefficients: tuple[Column, ...]
    facts: Mapping[str, tuple[str, str]]
    widths: tuple[Column, ...]
    error: str
    hidden: frozenset[tuple[str, str]] = frozenset()


STANDARDISED = Column("standardised", lambda row: row["std_ratio"] and row["std_ratio"] * row["estimate"], "+.4f")

LINEAR = Kind(
    template="results/linear.html",
    coefficients=(
        *_estimate("t"),
        STANDARDISED,
        _of("vif", "VIF", ".4g"),
        _of("digits", "digits", "d"),
    ),
    facts={
        "R2, training rows": ("r2", ".6g"),
        "adjusted R2": ("adjusted_r2", ".6g"),
        "residual standard deviation": ("residual_std", ".6g"),
        "residual degrees of freedom": ("df_residual", ",d"),
        "effective degrees of freedom": ("effective_df", ".6g"),
        "F": ("f", ".6g"),
        "P > F": ("f_p_value", "p"),
        "log-likelihood": ("log_likelihood", ".8g"),
        "AIC": ("aic", ".8g"),
        "BIC": ("bic", ".8g"),
        "generalised cross-validation": ("gcv", ".6g"),
        "condition number": ("condition_number", ".4g"),
    },
    widths=(_of("train_loss", "R2 lost, training rows", ".3g"), _of("test_r2", "test R2", ".7f")),
    error="mean squared error",
)

LOGISTIC = Kind(
    template="results/logistic.html",
    coefficients=(
        *_estimate("z"),
        _of("odds_ratio", "odds ratio", ".5g"),
        _of("odds_low", "OR 2.5 %", ".5g"),
        _of("odds_high", "OR 97.5 %", ".5g"),
        STANDARDISED,
    ),
    facts={
        "McFadden's R2": ("pseudo_r2", ".6g"),
        "log-likelihood": ("log_likelihood", ".8g"),
        "null log-likelihood": ("null_log_likelihood", ".8g"),
        "residual deviance": ("deviance", ".8g"),
        "null deviance": ("null_deviance", ".8g"),
        "residual degrees of freedom": ("df_residual", ",d"),
        "likelihood ratio": ("lr", ".6g"),
        "its P": ("lr_p_value", "p"),
        "AIC": ("aic", ".8g"),
        "BIC": ("bic", ".8g"),
    },
    widths=(
        _of("train_loss", "log loss added, training rows", ".3g"),
        _of("test_log_loss", "test log loss", ".7f"),
    ),
    error="log loss",
    hidden=frozenset({("plots/predictions.csv", "predicted"), ("plots/predictions.csv", "residual")}),
)


def of(fit: Mapping[str, Any]) -> Kind:
    """The kind of the model in metrics/coefficients.json."""
    return LOGISTIC if "positive" in fit else LINEAR

"""What statistics says of a fit, as data that prints itself as a table."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pandas

ASSUMED = "assumed: independent, normal errors of equal variance"


@dataclass(frozen=True)
class Coefficient:
    """An estimate and what is known of it; None where it is not defined.

    low, high: the ends of the 95 % interval. p_value: of |t|, two-sided. vif: variance inflation factor.
    std_ratio: the standard deviation of the feature by that of y, which makes an estimate a standardised coefficient.
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


@dataclass(frozen=True, repr=False)
class Summary:
    """The statistics of a least-squares fit; None where one is not defined.

    target: the name of y. rows: n. df_model: the rank without the intercept, df_residual: n minus the rank.
    residual_variance: the residual sum of squares by df_residual; residual_std is its root. f_p_value: of F, against
    the intercept alone, or against 0 without one. log_likelihood: at its maximum, for normal errors; aic and bic count
    the coefficients, not the variance, as statsmodels does. condition_number: of [1, X].
    effective_df: the trace of the hat matrix, gcv: generalised cross-validation; of a ridge fit only.
    undecided: numbers, if any, whose last bit could not be decided. notes: why something is not defined.
    """

    target: str
    alpha: float
    fit_intercept: bool
    rows: int
    coefficients: tuple[Coefficient, ...]
    df_model: int | None = None
    df_residual: int | None = None
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

    def to_plain(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The summary that `to_plain` gave."""
        coefficients = tuple(Coefficient(**each) for each in plain["coefficients"])
        texts = {name: tuple(plain[name]) for name in ("undecided", "notes")}
        return cls(**{**plain, "coefficients": coefficients, **texts})

    def to_pandas(self) -> "pandas.DataFrame":
        """The coefficients as a DataFrame, a row each, with the names of `Coefficient`. Needs pandas."""
        import pandas

        return pandas.DataFrame([asdict(each) for each in self.coefficients]).set_index("name")

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return "\n\n".join(filter(None, [self._title(), self._table(), self._of_the_fit(), self._remarks()]))

    def _title(self) -> str:
        method = f"ridge regression, alpha = {self.alpha:g}" if self.alpha else "ordinary least squares"
        return f"{self.target}: {method}, {self.rows:,} rows"

    def _table(self) -> str:
        columns = [
            ("coef", "estimate", ".6g"),
            ("std err", "std_error", ".4g"),
            ("t", "t", ".4g"),
            ("P>|t|", "p_value", "p"),
            ("[0.025", "low", ".5g"),
            ("0.975]", "high", ".5g"),
            ("VIF", "vif", ".4g"),
        ]
        if self.alpha:
            columns = columns[:1]
        cells = [["", *(header for header, _, _ in columns)]]
        for each in self.coefficients:
            cells.append([each.name, *(_number(getattr(each, name), how) for _, name, how in columns)])
        return _aligned(cells)

    def _of_the_fit(self) -> str:
        pairs = [
            ("R2", _number(self.r2, ".6g")),
            ("adjusted R2", _number(self.adjusted_r2, ".6g")),
            ("residual std", _number(self.residual_std, ".6g")),
            ("residual df", _number(self.df_residual, "d")),
            (f"F({self.df_model}, {self.df_residual})", _number(self.f, ".6g")),
            ("P>F", _number(self.f_p_value, "p")),
            ("log-likelihood", _number(self.log_likelihood, ".8g")),
            ("condition number", _number(self.condition_number, ".4g")),
            ("AIC", _number(self.aic, ".8g")),
            ("BIC", _number(self.bic, ".8g")),
            ("effective df", _number(self.effective_df, ".6g")),
            ("GCV", _number(self.gcv, ".6g")),
        ]
        shown = [pair for pair in pairs if pair[1]]
        half = (len(shown) + 1) // 2
        rows = [[*left, *right] for left, right in zip(shown[:half], [*shown[half:], ("", "")], strict=False)]
        names, numbers = zip(*shown, strict=True)
        left, right = max(map(len, names)), max(map(len, numbers))
        return "\n".join(f"{a:<{left}}  {b:>{right}}    {c:<{left}}  {d:>{right}}".rstrip() for a, b, c, d in rows)

    def _remarks(self) -> str:
        lines = [] if self.alpha else [ASSUMED]
        lines += self.notes
        if self.undecided:
            lines.append(f"the last bit of these could not be decided: {', '.join(self.undecided)}")
        return "\n".join(lines)


def _number(value: float | None, how: str) -> str:
    if value is None:
        return ""
    if how == "p":
        return f"{value:.3g}" if value else "<1e-323"  # a probability is never 0, but float64 may have no nearer number
    return format(value, how)


def _aligned(cells: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for name, *numbers in cells:
        padded = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])

"""samebits: a linear model whose every bit is the same on every machine, in the fewest bits that keep its quality."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samebits.exact.estimator import ExactLinearRegression

__all__ = ["ExactLinearRegression"]


def __getattr__(name: str) -> Any:
    """Import scikit-learn only for those who ask: predictions start fast and need none."""
    if name == "ExactLinearRegression":
        from samebits.exact.estimator import ExactLinearRegression

        return ExactLinearRegression
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

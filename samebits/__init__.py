"""samebits: a linear model whose every bit is the same on every machine, in the fewest bits that keep its quality."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samebits.exact.estimator import ExactLinearRegression
    from samebits.exact.ridge_cv import ExactRidgeCV

__all__ = ["ExactLinearRegression", "ExactRidgeCV"]


def __getattr__(name: str) -> Any:
    """Import scikit-learn only for those who ask: predictions start fast and need none."""
    modules = {"ExactLinearRegression": "samebits.exact.estimator", "ExactRidgeCV": "samebits.exact.ridge_cv"}
    if name in modules:
        return getattr(import_module(modules[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

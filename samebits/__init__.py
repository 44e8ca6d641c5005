"""samebits re-runs a DVC pipeline from scratch and compares every byte with the commit; its own linear model passes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samebits.exact.estimator import ExactLinearRegression
    from samebits.exact.inference.summary import Summary
    from samebits.exact.logistic.estimator import ExactLogisticRegression
    from samebits.exact.logistic.estimator_cv import ExactLogisticRegressionCV
    from samebits.exact.ridge_cv import ExactRidgeCV

__all__ = ["ExactLinearRegression", "ExactLogisticRegression", "ExactLogisticRegressionCV", "ExactRidgeCV", "Summary"]
__version__ = "0.1.0"  # pyproject.toml takes it from here


def __getattr__(name: str) -> Any:
    """Import scikit-learn only for those who ask: predictions start fast and need none."""
    modules = {
        "ExactLinearRegression": "estimator",
        "ExactLogisticRegression": "logistic.estimator",
        "ExactLogisticRegressionCV": "logistic.estimator_cv",
        "ExactRidgeCV": "ridge_cv",
        "Summary": "inference.summary",
    }
    if name in modules:
        return getattr(import_module(f"samebits.exact.{modules[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, also those that nobody asked for yet."""
    return sorted({*globals(), *__all__})

"""Run scikit-learn's own tests of LinearRegression, Ridge and RidgeCV against our estimators, and tell what fails.

    python -m tests.exact.contract [pytest's arguments]

The exit status is 1 if a test fails that is not among those which we want to be different. It takes some minutes.
"""

import sys
from fnmatch import fnmatch

import pytest

MODULES = ["sklearn.linear_model.tests.test_base", "sklearn.linear_model.tests.test_ridge"]
# tests by name, and why we want to be different
DIFFERENT = {
    "test_linear_regression_positive*": "positive=True is not available",
    "test_raises_value_error_if_positive_and_sparse": "positive=True is not available",
    "test_ridge_positive*": "positive=True is not available",
    "test_positive_ridge_loss": "positive=True is not available",
    "test_lbfgs_solver*": "positive=True is not available",
    "test_ridge_cv_individual_penalties": "cv_errors_ has the error of each fold, not cv_results_ of each row",
    "test_ridge_shapes_type": "y of one column keeps its dimension, as in LinearRegression",
}


class Told:
    """Keeps the names of the tests that failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of one step of a test."""
        if report.failed:
            self.failed.append(report.nodeid.rpartition("::")[2])
        self.passed += report.passed and report.when == "call"


def main(arguments: list[str]) -> int:
    """Run, tell, and give the exit status."""
    told = Told()
    fixed = ["-c", "/dev/null", "-p", "tests.exact.contract.adapter", "-p", "no:cacheprovider", "-W", "ignore", "-q"]
    pytest.main([*fixed, *arguments, "--tb=line", "--pyargs", *MODULES], plugins=[told])
    known = {name: why for name in told.failed for test, why in DIFFERENT.items() if fnmatch(name.split("[")[0], test)}
    for name, why in known.items():
        print(f"different: {name}: {why}")
    others = [name for name in told.failed if name not in known]
    for name in others:
        print(f"FAILED: {name}")
    print(f"{told.passed} passed, {len(known)} different, {len(others)} failed")
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

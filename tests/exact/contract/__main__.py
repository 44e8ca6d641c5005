"""Run scikit-learn's own tests of LinearRegression, Ridge and RidgeCV against our estimators, and tell what fails.

    python -m tests.exact.contract [pytest's arguments]

The exit status is 1 if a test fails that is not in `different.py`, or if one that is there does not fail as it says.
"""

import sys
from collections import Counter

import pytest

from tests.exact.contract.adapter import FITTED
from tests.exact.contract.different import DIFFERENT

MODULES = ["sklearn.linear_model.tests.test_base", "sklearn.linear_model.tests.test_ridge"]


class Told:
    """Counts the tests by their names without parameters."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.passed = self.fitted = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of one step of a test."""
        name = report.nodeid.rpartition("::")[2].partition("[")[0]
        self.ran[name] += report.when == "setup"
        self.failed[name] += report.failed
        self.passed += report.passed and report.when == "call"
        self.fitted += report.when == "teardown" and (FITTED, True) in map(tuple, report.user_properties)

    def problems(self) -> list[str]:
        """What the list does not say, or says wrongly of the tests that ran."""
        found = [
            f"{name}: {n} failed, not in the list" for name, n in self.failed.items() if n and name not in DIFFERENT
        ]
        for name, (expected, _) in DIFFERENT.items():
            if self.ran[name] and self.failed[name] != expected:
                found.append(f"{name}: {self.failed[name]} failed, {expected} in the list")
        return found


def main(arguments: list[str]) -> int:
    """Run, tell, and give the exit status."""
    told = Told()
    fixed = ["-c", "/dev/null", "-p", "tests.exact.contract.adapter", "-p", "no:cacheprovider", "-W", "ignore", "-q"]
    status = pytest.main([*fixed, "--tb=line", *arguments, "--pyargs", *MODULES], plugins=[told])
    problems = told.problems()
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        problems.append(f"pytest ended with {status!r}")
    for name, (_, why) in DIFFERENT.items():
        if told.failed[name]:
            print(f"different: {name} ({told.failed[name]} of {told.ran[name]}): {why}")
    for problem in problems:
        print(f"WRONG: {problem}")
    print(f"{told.passed} passed, {told.failed.total()} failed; {told.fitted} of them fitted an estimator of ours")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Both ways in which a check keeps stages apart: views in namespaces, and copies, as where a system has none."""

import pytest

from samebits.proof.running import system


def pytest_configure(config: pytest.Config) -> None:
    """Switch namespaces off before tests are collected, as some ask for them then."""
    if config.getoption("--copies"):
        system.can_isolate = lambda: False  # type: ignore[assignment]


@pytest.fixture(params=["views", "copies"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One way and the other."""
    if request.param == "copies":
        monkeypatch.setattr(system, "can_isolate", lambda: False)
    elif not system.can_isolate():
        pytest.skip("this system has no namespaces for a user")
    return str(request.param)

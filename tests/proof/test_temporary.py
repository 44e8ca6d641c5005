"""Temporary folders go, whenever a signal comes."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from samebits.proof.repository import temporary
from samebits.proof.repository.temporary import temporary_folder, undisturbed

ENDS = {signal.SIGTERM: SystemExit, signal.SIGINT: KeyboardInterrupt}
pytestmark = [
    pytest.mark.parametrize("number", ENDS),
    pytest.mark.skipif(sys.platform == "win32", reason="there, no process can catch what ends it"),
]


@pytest.fixture(autouse=True)
def _as_a_program_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)
    yield
    assert signal.getsignal(signal.SIGTERM) == before


def _kill(folder: Path, number: signal.Signals) -> None:
    (folder / "file").touch()
    os.kill(os.getpid(), number)


def test_a_signal_while_it_is_used(tmp_path: Path, number: signal.Signals) -> None:
    with pytest.raises(ENDS[number]), temporary_folder() as folder:
        _kill(folder, number)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_it_is_made(tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tempfile.mkdtemp

    def disturbed(**options: str) -> str:
        os.kill(os.getpid(), number)
        return real(**options)

    monkeypatch.setattr("tempfile.mkdtemp", disturbed)
    with pytest.raises(ENDS[number]), temporary_folder():
        pytest.fail("it came too late")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_it_goes(tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    real = temporary.remove

    def disturbed(folder: Path) -> None:
        os.kill(os.getpid(), number)
        real(folder)

    monkeypatch.setattr(temporary, "remove", disturbed)
    with pytest.raises(ENDS[number]), undisturbed() as heeded, heeded(), temporary_folder() as folder:
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []

"""Temporary folders that go, however the process that made them ends, but by a signal that it cannot catch."""

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder, which goes after the block."""
    with undisturbed() as disturbed:
        folder = Path(tempfile.mkdtemp(prefix="samebits-")).resolve()
        try:
            with disturbed():
                yield folder
        finally:
            remove(folder)


@contextmanager
def undisturbed() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Signals that end this process do so only after the block, but at once in the context that is given."""
    if threading.current_thread() is not threading.main_thread():
        yield nullcontext  # no other thread is disturbed
        return
    noted: list[int] = []
    before = {each: signal.signal(each, lambda number, _: noted.append(number)) or signal.SIG_DFL for each in ENDING}

    @contextmanager
    def disturbed() -> Iterator[None]:
        now = {each: signal.signal(each, _end if how is signal.SIG_DFL else how) for each, how in before.items()}
        try:
            if noted:
                signal.raise_signal(noted.pop())
            yield
        finally:
            _set(now)

    try:
        yield disturbed
    finally:
        _set(before)
    if noted:
        signal.raise_signal(noted[0])


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def _set(handlers: "Mapping[signal.Signals, signal._HANDLER]") -> None:
    for each, how in handlers.items():
        signal.signal(each, how)


def remove(folder: Path) -> None:
    """Remove a folder in which stages, or overlayfs in its own folders, may have taken rights away."""
    with suppress(OSError):
        folder.chmod(0o700)
    for parent, folders, _ in os.walk(folder):
        for name in folders:  # before it is walked, or a normal user could not
            with suppress(OSError):
                if not os.path.islink(os.path.join(parent, name)):
                    os.chmod(os.path.join(parent, name), 0o700)
    shutil.rmtree(folder, ignore_errors=True)

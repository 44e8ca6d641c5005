"""What a long check does now: one line that updates on a terminal, a line a stage in a log."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from samebits.markdown import printable


@dataclass
class Progress:
    """Tells on a stream which step runs, since when, and how many are left.

    verbose: what the steps print is shown, too. stream: None is silence.
    """

    stream: TextIO | None = None
    verbose: bool = False

    def say(self, text: str) -> None:
        """A line."""
        if self.stream:
            print(printable(text, "\n"), file=self.stream, flush=True)

    def printed(self, output: bytes) -> None:
        """What a step printed."""
        if self.stream and self.verbose:
            print(printable(output.decode(errors="replace"), "\n\t"), end="", file=self.stream, flush=True)

    def failed(self, output: str) -> None:
        """The last of what a failed step printed."""
        if self.stream and not self.verbose:
            self.say("\n".join(f"  | {printable(line)}" for line in output.splitlines()))

    @contextmanager
    def step(self, name: str, number: int = 0, of: int = 0) -> Iterator[None]:
        """Tell that a step runs, as long as the block does."""
        what = f"[{number}/{of}] {printable(name)}" if of else printable(name)
        if not self.stream or self.verbose or not self.stream.isatty():
            self.say(what)
            yield
            return
        ended = threading.Event()
        clock = threading.Thread(target=self._tick, args=(what, ended), daemon=True)
        clock.start()
        try:
            yield
        finally:
            ended.set()
            clock.join()

    def _tick(self, what: str, ended: threading.Event) -> None:
        assert self.stream
        start = time.monotonic()
        while True:
            print(f"\r\x1b[K{what}  {time.monotonic() - start:.0f} s", end="", file=self.stream, flush=True)
            if ended.wait(1):
                break
        print(f"\r\x1b[K{what}  {time.monotonic() - start:.1f} s", file=self.stream, flush=True)

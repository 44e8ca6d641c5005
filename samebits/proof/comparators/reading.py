"""What a reader of a format is, and the bounds within which it reads."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

LIMIT = 256 * 2**20  # bytes of a file that is read, and of all that is unpacked from it
MEMBERS = 100_000  # of archives
DEPTH = 5  # archives within archives


class UnreadableError(Exception):
    """Why a file is compared by its bytes."""


@dataclass
class Budget:
    """What may still be unpacked from a file: a small one can hold any number of bytes."""

    bytes: int = field(default_factory=lambda: LIMIT)
    members: int = MEMBERS
    depth: int = DEPTH

    def take(self, size: int, members: int = 1) -> None:
        """Take some of it. Raises UnreadableError where it is used up."""
        self.bytes -= size
        self.members -= members
        if self.bytes < 0 or self.members < 0:
            raise UnreadableError(f"it unpacks to more than {LIMIT // 2**20} MB or {MEMBERS:,} members")

    @contextlib.contextmanager
    def deeper(self) -> Iterator[None]:
        """One file within another. Raises UnreadableError where there are too many."""
        if not self.depth:
            raise UnreadableError(f"more than {DEPTH} files within one another")
        self.depth -= 1
        try:
            yield
        finally:
            self.depth += 1


class Reader(Protocol):
    """Reads the files of a format."""

    def __call__(self, content: bytes, name: str, budget: Budget) -> Any:
        """The values in a file, as `values` has them.

        name: of the file. budget: what may be unpacked. Raises UnreadableError, or any error of a library, where it
        cannot be read; ImportError where a library is not installed.
        """

"""The working precision of flint's balls."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flint import ctx

_held = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child would wait for ever for a lock that another thread held
    os.register_at_fork(before=_held.acquire, after_in_parent=_held.release, after_in_child=_held.release)


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Compute with so many bits, then restore the precision that was set before.

    flint has one precision for the whole process, so threads take turns here. flint holds Python's global lock while it
    computes, so they lose no time.
    """
    with _held:
        before = ctx.prec
        try:
            ctx.prec = bits
            yield
        finally:
            ctx.prec = before

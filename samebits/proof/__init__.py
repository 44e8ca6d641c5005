"""The proof: whether a commit describes its outputs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samebits.proof.record.recorded import lock
    from samebits.proof.reproduce import Asked, check
    from samebits.proof.verdict import Record, Verdict

__all__ = ["Asked", "Record", "Verdict", "check", "lock"]
MODULES = {
    "Asked": "reproduce",
    "Record": "verdict",
    "Verdict": "verdict",
    "check": "reproduce",
    "lock": "record.recorded",
}


def __getattr__(name: str) -> Any:
    """Import DVC only for those who ask."""
    if name in MODULES:
        return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

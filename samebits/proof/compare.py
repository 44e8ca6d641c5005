"""Parameters and metrics of the working tree against a base revision: what changed, and for better or worse."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samebits import artifacts, params
from samebits.errors import UserError
from samebits.git import commit_of, files_at, git

HIGHER_IS_BETTER = {"r2": True, "rmse": False, "mae": False, "loss_ppm": False, "bits": False, "bytes": False}
LOWER_IS_BETTER_PREFIXES = ("quantize.payload_bits", "quantize.bits_per_weight", "quantize.file_bytes.")


@dataclass(frozen=True)
class Change:
    """A parameter or a metric at the base and now, None where it is not there.

    higher_is_better: None where neither direction is better.
    tolerance: how much worse a metric may get and still be the same.
    """

    name: str
    base: Any
    now: Any
    higher_is_better: bool | None = None
    tolerance: float = 0.0

    @property
    def difference(self) -> float | None:
        """Now minus base, of numbers."""
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in (self.base, self.now)):
            return float(self.now - self.base)
        return None

    @property
    def verdict(self) -> str:
        """One of better, worse, same, changed, new and gone."""
        if self.base == self.now:
            return "same"
        if self.base is None or self.now is None:
            return "new" if self.base is None else "gone"
        if self.higher_is_better is None or self.difference is None:
            return "changed"
        gain = self.difference if self.higher_is_better else -self.difference
        return "better" if gain > 0 else "same" if -gain <= self.tolerance else "worse"


def changed_params(base: str) -> list[Change]:
    """The parameters that differ from those at the revision `base`."""
    now = _flat_params(Path(params.FILE).read_bytes(), params.FILE)
    then = _flat_params(git("show", f"{commit_of(base)}:{params.FILE}"), f"{base}:{params.FILE}")
    return [change for change in _changes(then, now) if change.verdict != "same"]


def metrics(base: str, gate: Mapping[str, float]) -> list[Change]:
    """The metrics now and at `base`: those with a direction, and what else changed.

    gate: tolerances by the name of a metric. Raises UserError where it names one that is not there, or of which it is
    not known whether more is better.
    """
    now = _flat_metrics({str(path): path.read_bytes() for path in sorted(Path("metrics").glob("*.json"))})
    then = _flat_metrics(files_at(commit_of(base), "metrics", ".json"))
    if unknown := [name for name in gate if name not in now and name not in then]:
        raise UserError(f"params.yaml: gate.{unknown[0]} is not a metric; the metrics are {', '.join(now)}")
    if unclear := [name for name in gate if _higher_is_better(name) is None]:
        known = [name for name in now if _higher_is_better(name) is not None]
        raise UserError(
            f"params.yaml: gate.{unclear[0]}: neither more nor less of it is known to be better; "
            f"the metrics that a gate can hold are {', '.join(known)}"
        )
    changes = [
        Change(change.name, change.base, change.now, _higher_is_better(change.name), gate.get(change.name, 0.0))
        for change in _changes(then, now)
    ]
    return [change for change in changes if change.higher_is_better is not None or change.verdict != "same"]


def _changes(base: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    return [Change(name, base.get(name), now.get(name)) for name in dict.fromkeys([*now, *base])]


def _higher_is_better(name: str) -> bool | None:
    return False if name.startswith(LOWER_IS_BETTER_PREFIXES) else HIGHER_IS_BETTER.get(name.rpartition(".")[2])


def _flat_params(content: bytes, path: str) -> dict[str, Any]:
    return params.flatten(params.read(content, path))


def _flat_metrics(files: dict[str, bytes]) -> dict[str, Any]:
    return params.flatten({Path(path).stem: artifacts.parse_json(content, path) for path, content in files.items()})

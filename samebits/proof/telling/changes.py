"""Parameters and metrics of the working tree against a base revision: what changed, and for better or worse."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.index.index import DataIndexDirError

from samebits.artifacts import check_merged
from samebits.errors import UserError
from samebits.git import commit_of
from samebits.proof.settings import Gate

# What the last words of a metric's name say of its direction
HIGHER = {
    *("r2", "acc", "accuracy", "auc", "auroc", "f1", "precision", "recall", "ap", "prec", "map", "iou", "dice", "bleu"),
    *("rouge", "score", "kappa", "sensitivity", "specificity", "ndcg", "mrr", "psnr", "ssim", "likelihood"),
}
LOWER = {
    *("loss", "rmse", "mse", "mae", "mape", "rmsle", "err", "error", "logloss", "perplexity", "deviance", "bits"),
    *("bytes", "size", "ppm", "seconds", "latency", "wer", "cer", "aic", "bic"),
}


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


@dataclass(frozen=True)
class Changes:
    """What changed since a revision.

    gated: the names of the metrics that a gate holds. unread: files that DVC could not read at one side, and why.
    """

    params: list[Change]
    metrics: list[Change]
    gated: set[str]
    unread: list[str]

    @property
    def failed(self) -> list[str]:
        """The metrics that got worse than the gate allows."""
        return [each.name for each in self.metrics if each.name in self.gated and each.verdict in ("worse", "gone")]


def since(repo: Repo, base: str, gate: Mapping[str, Gate]) -> Changes:
    """The parameters that changed since the revision `base`; its metrics with a direction, and those that changed.

    gate: by the name of a metric, alone or as `file:name`. Raises UserError where there is no such revision; where a
    gate names a metric that is not there, or of which it is not known whether more is better.
    """
    commit_of(base)
    all_params, of_params = _read(repo.params.diff, base, repo.root_dir)
    all_metrics, of_metrics = _read(repo.metrics.diff, base, repo.root_dir)
    params, metrics = _named(all_params), _named(all_metrics)
    gates = {_full_name(name, metrics, of_metrics): each for name, each in gate.items()}
    changes = []
    for name, (then, now) in metrics.items():
        own = gates.get(name, Gate())
        higher = own.better == "higher" if own.better else _direction(name)
        if name in gates and higher is None:
            raise UserError(
                f"gate: {name}: neither more nor less of it is known to be better; say which, "
                f'as in "{name}" = {{tolerance = {own.tolerance:g}, better = "higher"}}'
            )
        changes.append(Change(name, then, now, higher, own.tolerance))
    return Changes(
        params=[Change(name, then, now) for name, (then, now) in params.items() if then != now],
        metrics=[each for each in changes if each.higher_is_better is not None or each.verdict != "same"],
        gated=set(gates),
        unread=[*of_params, *of_metrics],
    )


Values = dict[tuple[str, str], tuple[Any, Any]]  # by file and name: at the base, and now


def _read(diff: Callable[..., dict[str, Any]], base: str, root: str) -> tuple[Values, list[str]]:
    """What DVC's own diff says of all parameters or metrics, and what it could not read."""
    try:
        told = diff(a_rev=base, all=True)
    except DvcException as error:
        raise UserError(f"DVC: {error}") from None
    for path in (told.get("errors") or {}).get("workspace") or {}:
        with suppress(OSError):
            check_merged(Path(root, path).read_bytes(), path)
    unread = {
        path: f"{path}, {'now' if side == 'workspace' else f'at {side}'}: {_why(path, error)}"
        for side, errors in (told.get("errors") or {}).items()
        for path, error in errors.items()
    }
    values = {
        (path, name): (each.get("old"), each.get("new"))
        for path, names in sorted((told.get("diff") or {}).items())
        for name, each in sorted(names.items())
        if path not in unread  # what is on one side only is neither new nor gone
    }
    return values, list(unread.values())


def _why(path: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError | DataIndexDirError):
        return f"neither git nor the cache has it; `dvc pull {path}` gets it where a remote has it"
    return str(error)


def _named(values: Values) -> dict[str, tuple[Any, Any]]:
    """By the name alone where one file only has it, else as `file:name`."""
    count = Counter(name for _, name in values)
    return {name if count[name] == 1 else f"{path}:{name}": each for (path, name), each in values.items()}


def _full_name(name: str, metrics: Collection[str], unread: Collection[str]) -> str:
    """The name of a metric as it is listed. Raises UserError where there is none, or several."""
    short = name.partition(":")[2]
    for each in (name, short):
        if each in metrics:
            return each
    if several := [each for each in metrics if each.endswith(f":{name}")]:
        raise UserError(f"gate: {name} is in several files; name one of {', '.join(several)}")
    more = f"; could not be read: {'; '.join(unread)}" if unread else ""
    raise UserError(f"gate: {name} is not a metric; the metrics are {', '.join(metrics) or 'none'}{more}")


def _direction(name: str) -> bool | None:
    """Whether more of a metric is better, by the words of its name, the last first."""
    for word in reversed(re.findall(r"[a-z]+[0-9]*", name.lower())):
        if word in HIGHER | LOWER:
            return word in HIGHER
    return None

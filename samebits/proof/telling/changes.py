"""Parameters and metrics of a pipeline against those of a base: what changed, and for better or worse."""

import math
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from samebits.artifacts import check_merged
from samebits.errors import UserError
from samebits.git import git, not_checked_out
from samebits.params import flatten
from samebits.proof.record.values import parsed, same
from samebits.proof.repository.answers import Shown
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.settings import Gate

# What the last words of a metric's name say of its direction
HIGHER = {
    *("r2", "acc", "accuracy", "auc", "auroc", "f1", "precision", "recall", "ap", "prec", "map", "iou", "dice", "bleu"),
    *("rouge", "score", "kappa", "sensitivity", "specificity", "ndcg", "mrr", "psnr", "ssim", "likelihood"),
}
LOWER = {
    *("loss", "rmse", "mse", "mae", "mape", "rmsle", "err", "error", "logloss", "brier", "perplexity", "deviance"),
    *("bits", "fp", "fn", "bytes", "size", "ppm", "seconds", "latency", "wer", "cer", "aic", "bic"),
}


# The last part of a parameter's name that says of which data the metrics are
OF_DATA = re.compile(
    r"(?:target|label|dataset|table|data_?source|source)(?:_?(?:column|col|name|path|file|url|variable))?"
)


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
        if not (_is_number(self.base) and _is_number(self.now)):
            return None
        try:
            return self.now - self.base
        except OverflowError:  # an integer beyond float64, which Python still compares
            return math.inf if self.now > self.base else -math.inf

    @property
    def verdict(self) -> str:
        """One of better, worse, same, changed, new and gone."""
        if same(self.base, self.now):
            return "same"
        if self.base is None or self.now is None:
            return "new" if self.base is None else "gone"
        if self.higher_is_better is None or self.difference is None or self.base != self.base:
            return "changed"
        gain = self.difference if self.higher_is_better else -self.difference
        return "better" if gain > 0 else "same" if -gain <= self.tolerance else "worse"

    @property
    def is_loss(self) -> bool:
        """Whether a metric is worse than tolerated, or a number no more."""
        return self.verdict in ("worse", "gone") or (_is_number(self.base) and not _is_number(self.now))


@dataclass(frozen=True)
class Changes:
    """What changed since a base.

    gated: the names of the metrics that a gate holds. unread: files that could not be read at one side, and why.
    """

    params: list[Change]
    metrics: list[Change]
    gated: set[str]
    unread: list[str]

    @property
    def failed(self) -> list[str]:
        """The metrics that got worse than the gate allows."""
        if self.of_other_data:
            return []
        return [each.name for each in self.metrics if each.name in self.gated and each.is_loss]

    @property
    def of_other_data(self) -> list[Change]:
        """The parameters that name another target or table, so that no gate can compare the metrics."""
        return [
            each
            for each in self.params
            if OF_DATA.fullmatch(each.name.rpartition(".")[2].lower()) and None not in (each.base, each.now)
        ]


def since(base: Repository, now: Repository, gate: Mapping[str, Gate]) -> Changes:
    """The parameters that changed between two trees; the metrics with a direction, and those that changed.

    gate: by the name of a metric, alone or as `file:name`. Raises UserError where a file of `now` cannot be read; where
    a gate names a metric that is not there, or of which it is not known whether more is better.
    """
    all_params, of_params = compared(base, now, "params")
    all_metrics, of_metrics = compared(base, now, "metrics")
    params, metrics = _named(all_params), _named(all_metrics)
    gates = {full_name(name, metrics, of_metrics): each for name, each in gate.items()}
    changes = []
    for name, (then, is_) in metrics.items():
        own = gates.get(name, Gate())
        higher = own.better == "higher" if own.better else _direction(name)
        if name in gates and higher is None:
            raise UserError(
                f"gate: {name}: neither more nor less of it is known to be better; say which, "
                f'as in "{name}" = {{tolerance = {own.tolerance:g}, better = "higher"}}'
            )
        changes.append(Change(name, then, is_, higher, own.tolerance))
    return Changes(
        params=[Change(name, then, is_) for name, (then, is_) in params.items() if not same(then, is_)],
        metrics=[each for each in changes if each.higher_is_better is not None or each.verdict != "same"],
        gated=set(gates),
        unread=[*of_params, *of_metrics],
    )


Values = dict[tuple[str, str], tuple[Any, Any]]  # by file and name: at the base, and now
Side = Literal["at the base", "now"]


def compared(base: Repository, now: Repository, what: Literal["params", "metrics"]) -> tuple[Values, list[str]]:
    """All parameters or metrics of both sides, and what could not be read."""
    (then, not_then), (is_, not_now) = _shown(base, what, "at the base"), _shown(now, what, "now")
    unread = {path: f"{path}, at the base: {why}" for path, why in not_then.items()}
    unread |= {path: f"{path}, now: {why}" for path, why in not_now.items()}
    # What could be read on one side only is neither new nor gone
    keys = sorted(key for key in then.keys() | is_.keys() if key[0] not in unread)
    return {key: (then.get(key), is_.get(key)) for key in keys}, list(unread.values())


def _shown(
    repo: Repository, what: Literal["params", "metrics"], side: Side
) -> tuple[dict[tuple[str, str], Any], dict[str, str]]:
    """The values that DVC shows of a tree, by file and name; files without any, and why."""
    values: dict[tuple[str, str], Any] = {}
    unread: dict[str, str] = {}
    for path, shown in repo.show(what, side).items():
        data, why = shown.values, shown.why
        if shown.absent and side == "now" and (content := _of_git(repo, path)) is not None:
            data, why = parsed(content, path), None
        if why:
            unread[path] = _why(repo, path, shown, side)
        elif isinstance(data, Mapping):
            values |= {(path, name): value for name, value in flatten(data).items()}
        else:
            values[path, ""] = data  # a file that is one number
    return values, unread


def _of_git(repo: Repository, path: str) -> bytes | None:
    """A file that a sparse checkout leaves out."""
    with suppress(UserError):  # there may be no repository
        object_ = not_checked_out(repo.root).get(path)
        return git("cat-file", "blob", object_, cwd=repo.root) if object_ else None
    return None


def _why(repo: Repository, path: str, shown: Shown, side: Side) -> str:
    """Why a file has no values. Raises UserError where it lies there now, and cannot be read."""
    if shown.absent:
        return f"neither git nor the cache has it; `dvc pull {path}` gets it where a remote has it"
    file = repo.root / path
    if side == "now" and os.path.isfile(file):
        check_merged(file.read_bytes(), path)
        raise UserError(f"{path}: cannot be read ({shown.why})")
    return str(shown.why)


def _named(values: Values) -> dict[str, tuple[Any, Any]]:
    """By the names of people."""
    return {name: values[key] for key, name in names(values).items()}


def names(values: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Of values by file and name, how people name them: by the name alone where one file only has it."""
    count = Counter(name for _, name in values)
    return {(path, name): name if count[name] == 1 else f"{path}:{name}" for path, name in values}


def full_name(name: str, metrics: Collection[str], unread: Collection[str], where: str = "gate") -> str:
    """The name of a metric as it is listed. where: who names it. Raises UserError where there is none, or several."""
    short = name.partition(":")[2]
    for each in (name, short):
        if each in metrics:
            return each
    if several := [each for each in metrics if each.endswith(f":{name}")]:
        raise UserError(f"{where}: {name} is in several files; name one of {', '.join(several)}")
    more = f"; could not be read: {'; '.join(unread)}" if unread else ""
    raise UserError(f"{where}: {name} is not a metric; the metrics are {', '.join(metrics) or 'none'}{more}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _direction(name: str) -> bool | None:
    """Whether more of a metric is better, by the words of its name, the last first; a score is what comes before it."""
    words = re.findall(r"[a-z]+[0-9]*", name.lower())[::-1]
    for word in sorted(words, key=lambda word: word == "score"):
        if word in HIGHER | LOWER:
            return word in HIGHER
    return None

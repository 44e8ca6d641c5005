"""What was measured, as rows: numbers that add up as they are printed, too."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

from samebits import __version__
from samebits.proof.comparators import compare
from samebits.proof.comparators.findings import short
from samebits.proof.explaining import explanation
from samebits.proof.explaining.attribution import Group, Measured, Part, attributed, number, shapley
from samebits.proof.explaining.build import Builder
from samebits.proof.explaining.explanation import Bytes, Explanation, Metric, Output, Row, Run
from samebits.proof.explaining.factors import Factor, Found, joined
from samebits.proof.explaining.runs import Outcome, Runs
from samebits.proof.explaining.search import Search
from samebits.proof.record.values import same

if TYPE_CHECKING:
    from samebits.proof.explaining.explain import Task

DIGITS = 4  # of a difference that are printed at least
MOST_DECIMALS = 20


def explanation_of(task: "Task", found: Found, builder: Builder, runs: Runs, search: Search) -> Explanation:
    """The explanation by factors."""
    groups = list(search.groups)
    idle = sorted(set(range(len(found.factors))).difference(*groups))
    places = {group: at for at, group in enumerate(groups)}
    listed = [_factor(found.factors, group, search, builder.unsaid) for group in groups]
    listed += [_idle(task, found.factors[number]) for number in idle]
    if found.unread:
        names = _some(found.unread)
        listed.append(explanation.Factor(names, names, "undeclared", "no stage", parts=found.unread))
    if found.left_out:
        why = "no `setup` in the settings installs them"
        listed.append(explanation.Factor(found.left_out.label, "packages", "packages", "left out", why=why))
    subsets = bool(task.asked.exact and not search.spent and search.groups)
    base, head = task.names_of_ends
    return Explanation(
        version=__version__,
        base=base,
        head=head,
        by="factor",
        method="Shapley" if subsets else "one at a time",
        problems=task.problems,
        factors=listed,
        metrics=[_metric(task, search, key, places, subsets) for key in task.chosen],
        outputs=[_output(task, runs, search, path, places) for path in task.outputs],
        runs=[
            run_of(task, [place for group, place in places.items() if group <= taken], outcome)
            for taken, outcome in search.outcomes.items()
        ],
        pipeline_runs=runs.budget.used,
        most_runs=runs.budget.runs,
        stage_runs=runs.stages_run,
        seconds=round(runs.seconds, 3),
        notes=task.notes + (["the budget was spent before all was separated"] if search.spent else []),
    )


def _factor(factors: Sequence[Factor], group: Group, search: Search, unsaid: Group) -> explanation.Factor:
    own = [factors[number] for number in sorted(group)]
    alone, none = search.outcomes.get(group), search.outcomes.get(frozenset(), Outcome())
    why = next((text for parts, text in search.merged if frozenset[int]().union(*parts) <= group), None)
    stages = list(alone.ran) if alone else []
    results = alone.results if alone and not alone.failed else {}
    same_bytes = bool(results) and all(
        name not in none.results or each.hashes == none.results[name].hashes for name, each in results.items()
    )
    undeclared = group <= unsaid
    return explanation.Factor(
        name=f"{_some([each.label for each in own])} (no stage declares it)" if undeclared else joined(own).label,
        short=_some([each.name for each in own]) if undeclared else joined(own).name,
        kind="undeclared" if undeclared else joined(own).kind,
        state="ran" if alone or search.every - group in search.outcomes else "not run",
        parts=list(joined(own).parts),
        why=why and f"cannot be separated: {why}",
        stages=stages,
        same_bytes=same_bytes,
    )


def _idle(task: "Task", factor: Factor) -> explanation.Factor:
    reads = any(stage.runs for side in (task.base, task.head) for change in factor.changes if not change.keys
                for stage in side.pipeline.readers(change.path))  # fmt: skip
    why = "only stages depend on it that do not lead there" if reads else None
    return explanation.Factor(factor.label, factor.name, factor.kind, "no stage", why=why)


def _metric(task: "Task", search: Search, key: tuple[str, str], places: Mapping[Group, int], subsets: bool) -> Metric:
    ends = [search.outcomes.get(each, Outcome()) for each in (frozenset[int](), search.every)]
    base, head = (each.values.get(key) for each in ends)
    measured = task.measured(search, key)
    if measured is None:
        return of_texts(task.names[key], base, head, _rows_of_texts(search, key, base, head, places))
    if subsets:
        values = {
            each: found
            for each, outcome in search.outcomes.items()
            if (found := number(outcome.values.get(key))) is not None
        }
        parts = shapley(values, search.groups)
    else:
        parts = attributed(measured, search.groups)
    return metric_of(task.names[key], base, head, measured, parts, places)


def metric_of(
    name: str, base: Any, head: Any, measured: Measured, parts: Sequence[Part], places: Mapping[Group, int]
) -> Metric:
    """A metric with its rows; what some do only together is left out where it is too small to be printed."""
    whole = measured.head - measured.base
    decimals = _decimals([measured.base, measured.head], [whole, *(each.effect for each in parts)])
    ends = [round(each * 10**decimals) for each in (measured.base, measured.head)]
    units = _rounded([each.effect * 10**decimals for each in parts], ends[1] - ends[0])
    rows = [
        Row(
            factors=[places[each] for each in part.groups],
            how=part.how,
            effect=float(part.effect),
            exact=str(part.effect),
            shown=_signed(unit, decimals),
            noise=0 < abs(part.effect) <= measured.noise,
            from_base=_float(measured.first.get(part.groups[0])) if part.how == "alone" else None,
            from_head=_float(measured.last.get(part.groups[0])) if part.how == "alone" else None,
        )
        for part, unit in zip(parts, units, strict=True)
        if unit or part.how in ("alone", "not separated")
    ]
    texts = [_decimal(each, decimals) for each in ends]
    difference = _signed(ends[1] - ends[0], decimals)
    return Metric(name, base, head, texts[0], texts[1], difference, str(whole), float(measured.noise), rows)


def of_texts(name: str, base: Any, head: Any, rows: list[Row]) -> Metric:
    """A metric that is no number at both ends."""
    return Metric(name, _plain(base), _plain(head), shown(base), shown(head), "", None, rows=rows)


def _rows_of_texts(
    search: Search, key: tuple[str, str], base: Any, head: Any, places: Mapping[Group, int]
) -> list[Row]:
    """Which groups make a metric that is no number, or is new or gone, other than at an end."""
    rows = []
    for group, place in places.items():
        alone, without = search.outcomes.get(group), search.outcomes.get(search.every - group)
        found = alone.values.get(key) if alone and not alone.failed else base
        left = without.values.get(key) if without and not without.failed else head
        if not same(found, base):
            rows.append(Row([place], "alone", None, None, shown(found)))
        elif not same(left, head):
            rows.append(Row([place], "together", None, None, f"without it {shown(left)}"))
    return rows


def _output(task: "Task", runs: Runs, search: Search, path: str, places: Mapping[Group, int]) -> Output:
    def made(taken: Group) -> tuple[str | None, Any]:
        outcome = search.outcomes.get(taken)
        for result in outcome.results.values() if outcome and not outcome.failed else ():
            if path in result.hashes:
                return result.hashes[path], result
        return None, None

    (base, of_base), (head, _) = made(frozenset()), made(search.every)
    rows = []
    for group, place in places.items():
        hash_, result = made(group)
        without, _ = made(search.every - group)
        alone = None if group not in search.outcomes else hash_ != base
        needed = None if search.every - group not in search.outcomes else without != head
        told: list[str] = []
        if alone and result and of_base:
            one, other = runs.file(of_base, path), runs.file(result, path)
            if one and other and one.is_file() and other.is_file():
                found = compare(path, one, other, [])
                told = [each.sentence("at the base", "with it") for each in found.differences]
                told += [f"and {found.more:,} more"] if found.more else []
        rows.append(Bytes(place, alone, needed, told))
    return Output(path, base, head, rows)


def run_of(task: "Task", factors: list[int], outcome: Outcome) -> Run:
    """A hybrid that was looked at."""
    values = {task.names[key]: _plain(outcome.values.get(key)) for key in task.chosen}
    return Run(factors, outcome.ran, round(outcome.seconds, 3), outcome.failed, values)


# Numbers


def _decimals(ends: Sequence[Fraction], effects: Sequence[Fraction]) -> int:
    """How many decimals show a difference with some digits; none where all are whole numbers."""
    if all(each.denominator == 1 for each in (*ends, *effects)):
        return 0
    largest = max((abs(each) for each in effects), default=Fraction(0)) or max(map(abs, ends))
    exponent = (Decimal(largest.numerator) / Decimal(largest.denominator)).adjusted() if largest else DIGITS - 2
    return max(0, min(MOST_DECIMALS, DIGITS - 1 - exponent))


def _rounded(values: Sequence[Fraction], total: int) -> list[int]:
    """Whole numbers near some values that add up to a total: those with the largest remainders are rounded up."""
    found = [floor(each) for each in values]
    order = sorted(range(len(values)), key=lambda at: found[at] - values[at])
    left = total - sum(found)
    for count in range(left if order else 0):
        found[order[count % len(order)]] += 1
    if left < 0 and values:
        found[max(order, key=lambda at: abs(values[at]))] += left
    return found


def _decimal(units: int, decimals: int) -> str:
    digits = str(abs(units)).rjust(decimals + 1, "0")
    text = f"{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}" if decimals else digits
    return f"-{text}" if units < 0 else text


def _signed(units: int, decimals: int) -> str:
    return (
        _decimal(units, decimals) if units < 0 else f"+{_decimal(units, decimals)}" if units else _decimal(0, decimals)
    )


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _plain(value: Any) -> float | int | str | bool | None:
    return value if value is None or isinstance(value, float | int | str | bool) else short(value)


def shown(value: Any) -> str:
    """A value that is no number, in words."""
    return "none" if value is None else short(value) if not isinstance(value, str) else value


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

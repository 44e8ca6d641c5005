"""From a table to the `data:` part of params.yaml: the query that a person would start with, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from samebits import params
from samebits.advice import decide, dependence, features, ranks
from samebits.advice.column import Column
from samebits.advice.decide import Decision
from samebits.advice.features import Line
from samebits.advice.profile import HASH_ROWS, Profile, profiled
from samebits.advice.reader import Asked
from samebits.errors import UserError
from samebits.tables import summary
from samebits.tables.diagnosis import clean, identifier, string
from samebits.tables.table import Table

MANY_FEATURES = 200  # from here on the sweep over all formats may take minutes
ROWS_A_FEATURE = 2  # training rows; with fewer, a model can learn them by heart
FEW = 12  # whole numbers that may be asked about
WIDTH = 60  # of a line before its comment


@dataclass(frozen=True)
class Proposal:
    """What `samebits use` would write: the query, as lines; `split` for the rows.

    warnings: for the person, also in the query. left_out: by its name, why a column is no feature.
    """

    query: str
    split: str
    features: int
    columns: int
    rows: int
    warnings: list[str]
    left_out: dict[str, str]


def propose(source: str, target: str, data: params.Data, asked: Asked | None = None) -> Proposal:
    """Look at a table and decide what becomes of each column. `source`: a path, a glob or a URL.

    Raises UserError where the table cannot be read, or nothing can predict this target.
    """
    asked = asked or Asked()
    if data.split not in params.SPLITS:  # a column that this table has not
        data = msgspec.structs.replace(data, split="shuffle")
    with profiled(source, target, data, asked) as profile:
        y, notes = _target(profile)
        decisions = _decided(profile, asked)
        notes = [*decide.warnings(decisions, profile.target, asked), *_of_rows(profile), *notes]
        notes += _of_ranks(profile, decisions)
        lines = _some(_lines(decisions, profile.target), source, target)
    split = "hash" if profile.rows >= HASH_ROWS else data.split
    where = _where(profile)
    query = _query(lines, y, [], where)
    whole = msgspec.structs.replace(data, source=source, target=target, split=split, keep_rows=1, query=query)
    here = params.Compute("threading", "all", None)
    moments = summary.of(Table.of(source, query, target), whole, 1, here)["train"].moments
    lines, more = _without_dependent(lines, dependence.find(moments), target)
    names = [line.name for line in _some(lines, source, target) if line.sql]
    if ROWS_A_FEATURE * (len(names) + 1) >= moments.rows:
        if len(names) + 1 >= moments.rows:
            more = []  # what depends on what is then chance
        more.append(
            f"{features.count(len(names), 'feature')} for {moments.rows} training rows: the model can memorise "
            "them and fail on other rows; remove columns from the query, or set train.alpha"
        )
    if len(names) >= MANY_FEATURES:
        more.append(f"{len(names)} features: the stage quantize may take minutes")
    notes = [clean(each) for each in notes + more]
    query = _query(lines, y, [*_head(profile, len(names)), *(f"warning: {each}" for each in notes)], where)
    return Proposal(query, split, len(names), len(profile.columns) + 1, profile.rows, notes, _left_out(lines))


def _decided(profile: Profile, asked: Asked) -> list[Decision]:
    """What becomes of each column, also beside the others."""
    decisions = decide.decide(profile.columns, asked, profile.serial())
    alike, pairs = decide.pairs(decisions, profile.target, profile.rows)
    values = profile.values_together([*((each, profile.target) for each in alike), *pairs])
    with_target = dict(zip((each.name for each in alike), values, strict=False))
    together = dict(zip(((less.name, more.name) for less, more in pairs), values[len(alike) :], strict=True))
    return decide.without_determined(decisions, profile.target, with_target, together)


def _lines(decisions: Sequence[Decision], target: Column) -> list[Line]:
    """The lines for all columns but the target, in the order of the table. No name stands twice, in any case."""
    taken = {each.name.lower() for each in (target, *(decision.column for decision in decisions))}
    found: list[Line] = []
    for each in decisions:
        name = each.column.name
        if each.why:
            found.append(Line(name, name, None, each.why))
        else:
            found += features.unique(features.lines(each.column, each.as_category), taken)
    return found


def _left_out(lines: Sequence[Line]) -> dict[str, str]:
    """By the names of columns and features, why they are none."""
    return {line.name: line.why for line in lines if not line.sql}


def _of_rows(profile: Profile) -> list[str]:
    """What is to be said of rows."""
    notes = []
    if profile.total:
        notes.append(f"{profile.total.told}; it is left out")
    if duplicates := profile.duplicates():
        share = 100 * duplicates / profile.rows
        notes.append(
            f"{features.count(duplicates, 'row')} ({share:.2g} %) {'repeat' if duplicates > 1 else 'repeats'} another "
            "in all columns: if that is a mistake, rows that training knows are in the test"
        )
    return notes


def _of_ranks(profile: Profile, decisions: Sequence[Decision]) -> list[str]:
    """Features that order the rows as the target does, and those that would tell more as categories."""
    used = [each for each in decisions if not each.why and each.column.kind in ("number", "date", "time")]
    as_numbers = [each.column for each in used if not each.as_category and each.column.distinct > 2]
    if profile.target.kind != "number" or profile.target.distinct <= 2:
        return []
    notes = []
    for column, x, y in profile.sample(as_numbers):
        if (rank := ranks.correlation(x, y)) ** 2 > dependence.NEARLY and np.corrcoef(x, y)[
            0, 1
        ] ** 2 <= dependence.NEARLY:
            notes.append(
                f"{column.name} orders the rows as {profile.target.name} does (rank correlation {rank:.3f}): leave it "
                "out if it is made of it, or known only together with it"
            )
        if column.integral and column.is_category and column.seen_levels <= FEW and not column.pooled[0]:
            linear, levels = ranks.explained(x, y)
            if levels > linear + ranks.MORE:
                notes.append(
                    f"{column.name} has {column.distinct} whole numbers: as categories they explain {levels:.2f} of "
                    f"{profile.target.name}'s variance, as a number {linear:.2f}: --category {column.name!r}"
                )
    return notes


def _some(lines: list[Line], source: str, target: str) -> list[Line]:
    """The lines. Raises UserError where none is a feature."""
    if any(line.sql for line in lines):
        return lines
    shown = [f"{clean(line.name)}: {clean(line.why)}" for line in lines[:3]]
    more = [f"and {len(lines) - 3} more"] if len(lines) > 3 else []
    why = "; ".join([*shown, *more]) or "there is none"
    raise UserError(f"{Path(source).name}: no column except {clean(target)} can be a feature: {why}")


def _target(profile: Profile) -> tuple[Line, list[str]]:
    """The line of the target, and what is to be said of it. Raises UserError where it is none."""
    y = profile.target
    name, where = y.name, f"--target {clean(y.name)}"
    if not y.rows:
        raise UserError(f"{where}: no row has a value" if profile.all_rows else f"{where}: the table has no rows")
    if y.kind not in ("number", "boolean", "text"):
        raise UserError(f"{where}: has type {y.kind}; least squares predicts a number; name a column of numbers")
    if y.distinct == 1:
        raise UserError(f"{where}: every value is {features.text(y.low)}; there is nothing to predict")
    if y.kind == "text" and y.distinct > 2:
        raise UserError(
            f"{where}: text with {y.distinct:,} values; least squares predicts a number, not a class; "
            f"name a column of numbers, or compare one class with the rest, in data.query: "
            f"({identifier(name)} = {string(str(y.low))})::INT AS {identifier(name)}"
        )
    notes = []
    if y.distinct == 2:
        (more, _), (less, rows) = profile.frequencies(y)
        low, high = features.text(y.low), features.text(y.high)
        if y.kind == "number" and (y.low, y.high) != (0, 1):
            share = (
                f"a number between {low} and {high} (({identifier(name)} = {high})::INT makes it the share of {high})"
            )
        else:
            share = f"the share of {clean(less if y.kind == 'text' else 'true' if y.kind == 'boolean' else high)}"
        notes.append(
            f"{name} has two values: this is a linear probability model. It predicts {share} among similar rows, "
            "sometimes outside that range, and a low R2 is usual; to classify rows, use logistic regression"
        )
        if y.kind == "text":
            sql = f"({y.value} = {string(less)})::INT"
            return Line(name, name, sql, f"target: 1 for {less}, {features.count(rows, 'row')}; 0 for {more}"), notes
    elif y.integral and y.distinct <= 10:
        notes.append(
            f"{name} has {y.distinct} values: fine for counts and grades; if they are codes of classes, least squares "
            "is the wrong model"
        )
    plain = y.value == identifier(name)
    return Line(name, name, y.value, "target", plain), notes


def _without_dependent(lines: list[Line], found: dependence.Dependences, target: str) -> tuple[list[Line], list[str]]:
    """The lines without features that say nothing new, and what a person should know of those that stay."""
    places = [i for i, line in enumerate(lines) if line.sql]
    lines, notes = list(lines), []

    def names(terms: list[int]) -> str:
        shown = ", ".join(lines[places[k]].name for k in terms[:3])
        return shown + (f" and {len(terms) - 3} more" if len(terms) > 3 else "")

    copies = {j for j, share in found.alike.items() if 1 - share <= dependence.UNEXPLAINED}
    reasons = {each.column: _why(each, names) for each in found.columns}
    reasons |= dict.fromkeys(copies, f"the target in another unit: a linear function of {target}")
    if len(reasons) == len(places) and copies:  # a law of nature, or of a textbook
        kept = min(copies)
        del reasons[kept]
        notes.append(f"{lines[places[kept]].name} determines {target} exactly")
    alike = [j for j in found.alike if j not in reasons and j not in copies]
    if alike:
        notes.append(
            f"each of {names(alike)} alone explains more than {dependence.NEARLY:.0%} of {target}: leave it out if it "
            "is known only together with the target"
        )
    if found.target and not copies and not alike:
        notes.append(
            f"{target} is a combination of {names(found.target.terms)}: leave these out if they are known only "
            "together with the target"
        )
    for j, why in reasons.items():
        lines[places[j]] = replace(lines[places[j]], sql=None, why=why)
    return lines, notes


def _why(each: dependence.Dependence, names: Callable[[list[int]], str]) -> str:
    if not each.terms:
        return "constant in the training rows"
    return f"in the training rows a combination of {names(each.terms)}"


def _head(profile: Profile, count: int) -> list[str]:
    """Comments above the query."""
    rows, columns = features.count(profile.rows, "row"), features.count(len(profile.columns) + 1, "column")
    head = [f"{rows}, {columns}; {features.count(count, 'feature')}"]
    if not profile.knows_training:
        head.append("medians and levels are those of all rows, for which rows are test rows is not known before")
    dates = [column for column in profile.columns if column.kind == "date" and column.late is not None]
    if dates:
        late = _literal(dates[0])
        head.append(
            f"to test on the latest rows: add ({dates[0].value} >= {late})::INT AS is_test, and set split: is_test"
        )
    return head


def _literal(column: Column) -> str:
    return f"{'TIMESTAMP' if hasattr(column.late, 'hour') else 'DATE'} '{column.late}'"


def _where(profile: Profile) -> str:
    y = profile.target
    conditions = []
    if missing := profile.without_target:
        conditions.append(
            f"{y.value} IS NOT NULL -- leaves out {features.count(missing, 'row')} without {clean(y.name)}"
        )
    if profile.total:
        conditions.append(f"{profile.total.where} -- leaves out the total in row {profile.total.row}")
    return "\n  ".join(("AND " if i else "WHERE ") + each for i, each in enumerate(conditions))


def _query(lines: list[Line], target: Line, head: list[str], where: str) -> str:
    """The SQL, a line for each feature and each column that is left out, with its reason."""
    parts = [*lines, target]
    sql = [f"{'' if part.plain else f'{part.sql} AS '}{identifier(part.name)}," for part in parts]
    sql[-1] = sql[-1].removesuffix(",")
    width = min(WIDTH, max(len(text) for part, text in zip(parts, sql, strict=True) if part.sql))
    body = [
        f"{text:<{width}} -- {clean(part.why)}" if part.sql else f"-- left out: {clean(part.name)}: {clean(part.why)}"
        for part, text in zip(parts, sql, strict=True)
    ]
    text = [*(f"-- {clean(each)}" for each in head), "SELECT", *(f"  {each}" for each in body), "FROM source"]
    return "\n".join([*text, *([where] if where else [])]) + "\n"

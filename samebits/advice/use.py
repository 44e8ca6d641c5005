"""From a table to the `data:` part of params.yaml: the query that a person would start with, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from samebits import params
from samebits.advice import classes, decide, dependence, features, periods, ranks
from samebits.advice import target as of_target
from samebits.advice.classes import Classes
from samebits.advice.column import Column
from samebits.advice.decide import Decision
from samebits.advice.features import Line
from samebits.advice.profile import HASH_ROWS, TRAIN, Profile, profiled
from samebits.advice.reader import Asked
from samebits.advice.target import Model, Target
from samebits.errors import UserError
from samebits.tables.diagnosis import clean, identifier
from samebits.tables.source import Source

MANY_FEATURES = 200  # from here on the sweep over all formats may take minutes
ROWS_A_FEATURE = 2  # training rows; with fewer, a model can learn them by heart
FEW = 12  # whole numbers that may be asked about
WIDTH = 60  # of a line before its comment


@dataclass(frozen=True)
class Proposal:
    """What `samebits use` would write: the query, as lines; `split` for the rows; the model, and what its classes are.

    target: its name in the table. labels: what 0 and 1 mean, where the table does not hold these. told: which class is
    1, and how many rows have no target, for people. warnings: for the person, also in the query. left_out: by its name,
    why a column is no feature.
    """

    query: str
    target: str
    split: str
    model: Model
    labels: tuple[str, str] | None
    told: list[str]
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
        target = profile.target.name
        y = _target(profile, source, asked)
        decisions = periods.chosen(_decided(profile, asked), profile.sample, str(y.line.sql))
        notes = [*decide.warnings(decisions, profile.target, asked), *_of_rows(profile), *y.notes]
        notes += _of_ranks(profile, decisions, y)
        lines = _some(_lines(decisions, profile.target), source, target)
        lines, separating = _without_chance(profile, lines, y)
        lines, where = _some(lines, source, target), _where(profile)
        moments = profile.moments(
            _query(lines, y.line, [], where), [each.name for each in (*lines, y.line) if each.sql]
        )
    lines, more = _without_dependent(lines, dependence.find(moments), target)
    names = [line.name for line in _some(lines, source, target) if line.sql]
    more += separating.notes(target, names) if separating else []
    if ROWS_A_FEATURE * (len(names) + 1) >= moments.rows:
        if len(names) + 1 >= moments.rows:
            more = []  # what depends on what is then chance
        more.append(
            f"{features.count(len(names), 'feature')} for {moments.rows} training rows: the model can memorise "
            "them and fail on other rows; remove columns from the query, or set train.alpha"
        )
    if y.model == "logistic" and moments.rows > data.keep_rows:
        more.append(f"logistic regression needs all training rows: set data.keep_rows to {moments.rows} or more")
    if len(names) >= MANY_FEATURES:
        more.append(f"{len(names)} features: the stage quantize may take minutes")
    notes = [clean(each) for each in notes + more]
    split = "hash" if profile.rows >= HASH_ROWS else data.split
    told = [f"{target}: {y.told}"] if y.told else []
    head = [*_head(profile, len(names)), *told, *(f"warning: {each}" for each in notes)]
    query = _query(lines, y.line, head, where)
    told += periods.told(decisions)
    if missing := profile.without_target:
        told.append(f"left out: {features.count(missing, 'row')} without {target}")
    return Proposal(
        query,
        target,
        split,
        y.model,
        y.labels,
        [clean(each) for each in told],
        len(names),
        len(profile.columns) + 1,
        profile.rows,
        notes,
        _left_out(lines),
    )


def _target(profile: Profile, source: str, asked: Asked) -> Target:
    """What becomes of the target."""
    y = profile.target
    listed = y.kind != "number" or y.distinct <= of_target.LISTED or asked.positive is not None
    found = profile.frequencies(y) if listed and y.distinct else []
    words = Source.of(source).words(y.name) if y.kind == "boolean" else {}
    return of_target.of(y, found, words, asked, profile.all_rows)


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
            found += features.unique(features.lines(each.column, each.as_category, each.periods), taken)
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


def _without_chance(profile: Profile, lines: list[Line], y: Target) -> tuple[list[Line], Classes | None]:
    """The lines without features that only chance lets separate the two classes of y, and the others that do."""
    if y.model != "logistic":
        return lines, None
    found = Classes.of(profile.asked, [line for line in lines if line.sql], str(y.line.sql), y.names, TRAIN)
    why = found.by_chance()
    return [replace(line, sql=None, why=why[line.name]) if line.name in why else line for line in lines], found


def _of_ranks(profile: Profile, decisions: Sequence[Decision], y: Target) -> list[str]:
    """Features that order the rows as the target does, and those that would tell more as categories."""
    used = [each for each in decisions if not each.why and each.column.kind in ("number", "date", "time")]
    as_numbers = [each.column for each in used if not each.as_category and each.column.distinct > 2]
    if y.model == "linear" and profile.target.distinct == 2:
        return []
    notes, varies = [], "variance" if y.model == "linear" else "deviance"
    for column, x, values in profile.sample(as_numbers, str(y.line.sql)):
        if how := ranks.alike(x, values) if y.model == "linear" else classes.alike(x, values):
            notes.append(
                f"{column.name} orders the rows as {profile.target.name} does ({how}): leave it out if it is made of "
                "it, or known only together with it"
            )
        if column.integral and column.is_category and column.seen_levels <= FEW and not column.pooled[0]:
            linear, levels = (ranks if y.model == "linear" else classes).explained(x, values)
            if levels > linear + ranks.MORE:
                notes.append(
                    f"{column.name} has {column.distinct} whole numbers: as categories they explain {levels:.2f} of "
                    f"{profile.target.name}'s {varies}, as a number {linear:.2f}: --category {column.name!r}"
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

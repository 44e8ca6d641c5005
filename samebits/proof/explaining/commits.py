"""The commits between base and head as factors, in their order: what each did is the metric after it less before it.

So the rows add up whatever commits do together: what one does only with earlier ones counts as its own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import TYPE_CHECKING

from samebits import __version__
from samebits.errors import UserError
from samebits.git import git, subject_of
from samebits.proof.explaining import explanation, rows
from samebits.proof.explaining.attribution import Group, Measured, Part, number
from samebits.proof.explaining.build import linked, put
from samebits.proof.explaining.ends import read, read_pipeline
from samebits.proof.explaining.explanation import Explanation, Metric
from samebits.proof.explaining.factors import is_prose
from samebits.proof.explaining.hybrid import Hybrid
from samebits.proof.explaining.runs import Budget, Outcome, Runs, SpentError
from samebits.proof.explaining.side import Side
from samebits.proof.record import lock
from samebits.proof.record.pins import is_pins
from samebits.proof.repository.export import export
from samebits.proof.repository.paths import Paths

if TYPE_CHECKING:
    from samebits.proof.explaining.explain import Task

LONGEST = 60  # characters of a subject


def explained(task: "Task") -> Explanation:
    """The explanation by commits."""
    between = between_of(task)
    with ExitStack() as stack:
        sides = [task.base]
        for commit in between[:-1]:
            tree = stack.enter_context(export(commit, task.user.root, task.isolated))
            sides.append(read(commit, tree, task.user, task.store))
        sides.append(task.head)
        budget = Budget(len(between) + 1 if task.asked.runs is None else task.asked.runs, task.until)
        runs = task.runs(budget)
        hybrids = [_whole(task, each, at) for at, each in enumerate(sides)]
        if not task.asked.fresh:
            for hybrid, side in zip(hybrids, sides, strict=True):
                contradicted = {each.stage for each in lock.problems(side.pipeline) if each.decides}
                runs.remember(hybrid, side, contradicted)
        outcomes = _outcomes(task, runs, hybrids, between)
    return _told(task, runs, between, outcomes)


def between_of(task: "Task") -> list[str]:
    """The commits after the base up to the head, along first parents. Raises UserError where there are none."""
    if task.ends.worktree:
        raise UserError("--by commit: what is not committed is in no commit; leave --worktree out")
    found = git("rev-list", "--first-parent", "--reverse", f"{task.ends.base}..{task.ends.head}", cwd=task.user.root)
    if not found.split():
        raise UserError("--by commit: the head is no later commit than the base")
    return found.decode().split()


def _whole(task: "Task", side: Side, at: int) -> Hybrid:
    """The tree of a commit, ready to run."""
    tree = linked(side.tree, task.base.tree.folder / f"c{at}", side.tree.absent)
    for path in [path for stage in side.running for path in stage.makes]:
        put(tree, path, None)
    pipeline = read_pipeline(tree, task.user, task.store)
    made, declared = side.made(), Paths([path for stage in side.running for path in stage.reads])
    files = {path: each for path, each in side.files.items() if not made.at_or_around(path)}
    pins = {path: each for path, each in files.items() if is_pins(path)} if task.settings.commands else {}
    unsaid = {
        path: each
        for path, each in files.items()
        if not declared.at_or_around(path)
        and not is_prose(path)
        and not path.endswith((".dvc", "dvc.yaml", "dvc.lock"))
    }
    firm = {stage.name: frozenset(dep.path for dep in stage.deps if dep.here) for stage in side.running}
    return Hybrid(tree, files, pipeline, _digest(pins), _digest(unsaid), firm=firm)


def _digest(files: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def _outcomes(task: "Task", runs: Runs, hybrids: Sequence[Hybrid], between: Sequence[str]) -> list[Outcome | None]:
    """Of base and each commit; None where the budget is spent."""
    names = ["base", *(each[:10] for each in between)]
    found: list[Outcome | None] = [None] * len(hybrids)
    ends = (0, len(hybrids) - 1)
    planned = [each.planned for each in hybrids]
    moved = {name for one in planned for name in one if any(other.get(name) != one[name] for other in planned)}
    with suppress(SpentError):
        again = runs.outcome(hybrids[0], "base once more", moved)
        if not task.compared(runs, hybrids[0], again, 0, "base"):
            runs.forget_records(again)
    for at in (*ends, *range(1, len(hybrids) - 1)):
        try:
            found[at] = runs.outcome(hybrids[at], names[at])
        except SpentError:
            if at in ends:
                raise UserError(
                    f"{names[at]} is not recorded and must run; the budget of runs does not allow it"
                ) from None
        outcome = found[at]
        if at in ends and outcome and outcome.failed:
            raise UserError(f"{names[at]} cannot be run: {outcome.failed}; `samebits check` tells more")
    return found


def _told(task: "Task", runs: Runs, between: Sequence[str], outcomes: Sequence[Outcome | None]) -> Explanation:
    ran = [at for at, each in enumerate(outcomes) if each and task.is_complete(each)]
    spans = [frozenset(range(one + 1, other + 1)) for one, other in pairwise(ran)]
    places = {span: at for at, span in enumerate(spans)}
    names = [f"{each[:10]} {subject_of(each)[:LONGEST]}" for each in between]
    factors = [
        explanation.Factor(
            name=", ".join(names[at - 1] for at in sorted(span)),
            short=", ".join(between[at - 1][:10] for at in sorted(span)),
            kind="commit",
            state="ran",
            parts=[names[at - 1] for at in sorted(span)] if len(span) > 1 else [],
            why=_why(outcomes, span),
            stages=outcome.ran if (outcome := outcomes[max(span)]) else [],
            same_bytes=_is_same(outcomes[min(span) - 1], outcomes[max(span)]),
        )
        for span in spans
    ]
    base, head = task.names_of_ends
    return Explanation(
        version=__version__,
        base=base,
        head=head,
        by="commit",
        method="in order",
        problems=task.problems,
        factors=factors,
        metrics=[_metric(task, key, spans, places, outcomes) for key in task.chosen],
        outputs=[],
        runs=list(_runs(task, places, outcomes)),
        pipeline_runs=runs.budget.used,
        most_runs=runs.budget.runs,
        stage_runs=runs.stages_run,
        seconds=round(runs.seconds, 3),
        notes=task.notes,
    )


def _why(outcomes: Sequence[Outcome | None], span: Group) -> str | None:
    """Why some commits are one."""
    for at in sorted(span)[:-1]:
        outcome = outcomes[at]
        return f"cannot be separated: {outcome.failed or 'no metric'}" if outcome else "the budget of runs was spent"
    return None


def _is_same(one: Outcome | None, other: Outcome | None) -> bool:
    hashes = [{name: each.hashes for name, each in outcome.results.items()} for outcome in (one, other) if outcome]
    return len(hashes) == 2 and hashes[0] == hashes[1]


def _metric(
    task: "Task",
    key: tuple[str, str],
    spans: Sequence[Group],
    places: dict[Group, int],
    outcomes: Sequence[Outcome | None],
) -> Metric:
    values = [each.values.get(key) if each else None for each in outcomes]
    steps = [(span, number(values[min(span) - 1]), number(values[max(span)])) for span in spans]
    base, head = number(values[0]), number(values[-1])
    if base is None or head is None or any(None in each for each in steps):
        found = [
            explanation.Row([places[span]], "alone", None, None, rows.shown(values[max(span)]))
            for span in spans
            if values[min(span) - 1] != values[max(span)]
        ]
        return rows.of_texts(task.names[key], values[0], values[-1], found)
    parts = [Part((span,), other - one, "alone") for span, one, other in steps if one is not None and other is not None]
    parts.sort(key=lambda part: -abs(part.effect))
    measured = Measured(base, head, {}, {})
    return rows.metric_of(task.names[key], values[0], values[-1], measured, parts, places)


def _runs(task: "Task", places: dict[Group, int], outcomes: Sequence[Outcome | None]) -> Iterator[explanation.Run]:
    for at, outcome in enumerate(outcomes):
        if outcome:
            own = [place for span, place in places.items() if max(span) <= at]
            yield rows.run_of(task, own, outcome)

"""Why metrics differ between two trees: plan hybrids, run them, attribute the differences to factors.

`factors` and `attribution` are pure; `Runs` alone runs stages.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from samebits.errors import UserError
from samebits.proof.explaining import commits, evidence, rows
from samebits.proof.explaining.attribution import MOST_EXACT, Group, Measured, noise_of, number
from samebits.proof.explaining.build import Builder
from samebits.proof.explaining.ends import WORKTREE, Ends, ends, sides
from samebits.proof.explaining.explanation import Explanation
from samebits.proof.explaining.factors import factors
from samebits.proof.explaining.hybrid import Hybrid
from samebits.proof.explaining.runs import Budget, Metric, Outcome, Runs, SpentError
from samebits.proof.explaining.search import Search
from samebits.proof.explaining.side import Side
from samebits.proof.record import lock
from samebits.proof.record.values import same
from samebits.proof.repository.export import Export
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.store import Store
from samebits.proof.running import system
from samebits.proof.running.chosen import ancestors
from samebits.proof.running.progress import Progress
from samebits.proof.running.run import Runner
from samebits.proof.running.views import Place
from samebits.proof.settings import Settings
from samebits.proof.telling import changes


@dataclass(frozen=True)
class Asked:
    """What to explain.

    Attributes
    ----------
    base : str or None
        A revision; by default, the merge base of main and the head; of the working tree, HEAD.
    head : str
        A revision.
    worktree : bool
        Whether the head is the working tree instead.
    by_commit : bool
        Take the commits between both as factors, in their order.
    metrics : sequence of str
        Their names; by default, those of the gate that changed, else all that changed.
    outputs : sequence of str
        Outputs that are no metrics, by path.
    exact : bool
        Shapley's values, from all subsets of factors.
    runs : int or None
        How many runs of the pipeline are allowed; by default, 2 for each factor and 2 more.
    minutes : float or None
        After how many minutes no more run starts.
    fresh : bool
        Run base and head, too, instead of using what DVC recorded of them.

    """

    base: str | None = None
    head: str = "HEAD"
    worktree: bool = False
    by_commit: bool = False
    metrics: Sequence[str] = ()
    outputs: Sequence[str] = ()
    exact: bool = False
    runs: int | None = None
    minutes: float | None = None
    fresh: bool = False


def explain(asked: Asked | None = None, progress: Progress | None = None, folder: Path | None = None) -> Explanation:
    """Explain why metrics and outputs differ between two trees of the DVC repository around the working directory.

    Hybrids of both run in views of their own; nothing of the user's is changed. folder: the root of the repository, if
    that is another. Raises UserError where an end cannot be run.
    """
    asked, progress = asked or Asked(), progress or Progress()
    user, start = Repository.open(folder, git=False), time.monotonic()
    isolated = system.can_isolate()
    with (
        ends(asked.base, asked.head, asked.worktree, user) as found,
        sides(found, user, isolated) as (base, head, store),
    ):
        task = Task(asked, progress, user, found, base, head, store, isolated, start)
        return commits.explained(task) if asked.by_commit else task.by_factor()


@dataclass
class Task:
    """One explanation under way."""

    asked: Asked
    progress: Progress
    user: Repository
    ends: Ends
    base: Side
    head: Side
    store: Store
    isolated: bool
    start: float
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    samples: dict[Metric, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings.load(self.head.tree.root, self.head.tree.top)
        self.recorded, unread = changes.compared(self._shown(self.base), self._shown(self.head), "metrics")
        self.notes += [f"could not be read: {each}" for each in unread]
        self.names = changes.names(self.recorded)
        self.chosen = self._chosen(unread)
        self.outputs = self._outputs()

    @property
    def names_of_ends(self) -> tuple[str, str]:
        """Base and head, in words."""
        return self.ends.base, WORKTREE if self.ends.worktree else self.ends.head

    # What is asked

    def _shown(self, side: Side) -> Repository:
        """A side with the user's cache, from which DVC shows metrics."""
        return Repository.exported(side.tree.root, side.tree.folder, self.user, own_cache=False)

    def _chosen(self, unread: Sequence[str]) -> list[Metric]:
        keys = {name: key for key, name in self.names.items()}
        changed = [name for key, name in self.names.items() if not same(*self.recorded[key])]
        if self.asked.metrics:
            return [keys[changes.full_name(each, keys, unread, "--metric")] for each in self.asked.metrics]
        if self.asked.outputs:
            return []
        gated = [changes.full_name(each, keys, unread) for each in self.settings.gates]
        chosen = [each for each in gated if each in changed] or changed
        made = [
            each for each in chosen if any(side.made().at_or_around(keys[each][0]) for side in (self.base, self.head))
        ]
        if lost := [each for each in chosen if each not in made]:
            self.notes.append(f"{', '.join(lost)}: changed, and no stage makes the file; so it is not explained")
        return [keys[each] for each in made]

    def _outputs(self) -> list[str]:
        known = {path for side in (self.base, self.head) for stage in side.running for path in stage.makes}
        for path in self.asked.outputs:
            if path not in known:
                raise UserError(f"--output {path}: no output of a stage; the outputs are {', '.join(sorted(known))}")
        return list(self.asked.outputs)

    @property
    def files(self) -> list[str]:
        """The files that are looked at."""
        return list(dict.fromkeys([*(path for path, _ in self.chosen), *self.outputs]))

    def relevant(self, hybrid: Hybrid) -> list[str]:
        """The stages that lead to what is looked at."""
        before = ancestors(hybrid.pipeline)
        makers = {each.name for path in self.files for each in hybrid.pipeline.makers(path) if each.runs}
        return [name for name in before if name in makers or any(name in before[each] for each in makers)]

    def runs(self, budget: Budget) -> Runs:
        """What runs hybrids, within a budget."""
        folder = self.base.tree.folder
        place = Place.of(self.user, folder, self.isolated)

        def runner(tree: Export, pipeline: Pipeline, shown: dict[str, Path]) -> Runner:
            return Runner(tree, pipeline, self.settings, self.progress, place, shown)

        records = folder / "records"
        records.mkdir()
        prefix = self.base.tree.root.relative_to(self.base.tree.top).as_posix()
        return Runs(
            runner, self.relevant, self.files, self.store, budget, self.isolated, records, prefix, self.progress
        )

    @property
    def until(self) -> float | None:
        """When no more run starts, by the clock of `time.monotonic`."""
        return None if self.asked.minutes is None else self.start + 60 * self.asked.minutes

    # By factor

    def by_factor(self) -> Explanation:
        """The explanation by factors."""
        found = factors(self.base, self.head, self.settings.commands)
        builder = Builder(
            self.base, self.head, found.factors, found.left_out, self.base.tree.folder, self.user, self.store
        )
        none, every = frozenset[int](), builder.all
        active = [number for number in sorted(every) if self._matters(builder, number)]
        builder.unsaid = every - frozenset(active)
        budget = Budget(2 * len(active) + 2 if self.asked.runs is None else self.asked.runs, self.until)
        runs = self.runs(budget)
        count = "1 factor" if len(active) == 1 else f"{len(active)} factors"
        self.progress.say(f"{count}, at most {budget.runs} runs of the pipeline")
        fresh = self.asked.fresh or found.left_out is not None
        if found.left_out:
            self.notes.append(
                "packages differ and no `setup` installs them: base and head ran with those that are here"
            )
        if not fresh:
            for taken, side in ((none, self.base), (every, self.head)):
                contradicted = {each.stage for each in lock.problems(side.pipeline) if each.decides}
                runs.remember(builder.hybrid(taken), side, contradicted)

        def name(taken: Group) -> str:
            if taken in (none, every):
                return "base" if taken == none else "head"
            way, some = ("with", taken) if len(taken) * 2 <= len(every) else ("head without", every - taken)
            return f"{way} {', '.join(found.factors[each].label for each in sorted(some))}"

        def measure(taken: Group) -> Outcome:
            try:
                hybrid = builder.hybrid(taken)
            except UserError as error:
                return Outcome(failed=str(error))
            return runs.outcome(hybrid, name(taken))

        search = Search(measure, self.is_complete, evidence.Evidence(builder).likely, [], every, builder.unsaid)
        search.groups = [frozenset((each,)) for each in active]
        if self.files:
            self._ends_run(builder, runs, search, fresh)
            if self.asked.exact:
                if len(active) > MOST_EXACT:
                    raise UserError(f"--exact: {len(active)} factors have {2 ** len(active):,} subsets; leave it out")
                search.all_subsets()
            else:
                search.run()
            self._rest(builder, runs, search, fresh)
        return rows.explanation_of(self, found, builder, runs, search)

    def _matters(self, builder: Builder, number: int) -> bool:
        """Whether a stage that leads to what is looked at depends on a factor."""
        factor, none, every = builder.factors[number], frozenset[int](), builder.all
        if factor.kind == "packages":
            return True
        try:
            pairs = ((none, frozenset((number,))), (every, every - {number}))
            for taken, other in pairs:
                one, two = builder.hybrid(taken), builder.hybrid(other)
                if any(
                    one.planned.get(name) != two.planned.get(name)
                    for name in {*self.relevant(one), *self.relevant(two)}
                ):
                    return True
        except UserError:
            return True
        return False

    def is_complete(self, outcome: Outcome) -> bool:
        """Whether a hybrid ran, and has the metrics that both ends have."""
        both = [key for key in self.chosen if None not in self.recorded.get(key, (None, None))]
        return outcome.failed is None and all(key in outcome.values for key in both)

    def _ends_run(self, builder: Builder, runs: Runs, search: Search, fresh: bool) -> None:
        """Run the base once more, to see whether it has its recorded values, or others each time."""
        none, every = frozenset[int](), builder.all
        base = builder.hybrid(none)
        try:
            if fresh:
                search.of(none), search.of(every)
                self.compared(runs, base, search.of(none), 0, "base")
                self.compared(runs, builder.hybrid(every), search.of(every), 1, "head")
            else:
                again = runs.outcome(base, "base once more", self._affected(builder))
                if not self.compared(runs, base, again, 0, "base"):
                    runs.forget_records(again)
                    search.outcomes[none] = again
        except SpentError:
            search.spent = True
        with suppress(SpentError):
            search.of(none), search.of(every)
        for taken, what in ((none, "base"), (every, "head")):
            if taken not in search.outcomes:
                raise UserError(f"the {what} is not recorded and must run, and the budget of runs does not allow it")
            if why := search.outcomes[taken].failed:
                raise UserError(f"the {what} cannot be run: {why}; `samebits check` tells more")

    def _affected(self, builder: Builder) -> set[str]:
        """The stages that a factor reaches."""
        one, other = (builder.hybrid(each).planned for each in (frozenset[int](), builder.all))
        return {name for name in {*one, *other} if one.get(name) != other.get(name)}

    def compared(self, runs: Runs, hybrid: Hybrid, outcome: Outcome, at: int, what: str) -> bool:
        """Whether a run of an end has its recorded values, or others each time, which is noise; else tell it.

        at: 0 for the base, 1 for the head.
        """
        if outcome.failed:
            raise UserError(f"the {what} cannot be run: {outcome.failed}; `samebits check` tells more")
        values = {key: (self.recorded.get(key, (None, None))[at], outcome.values.get(key)) for key in self.chosen}
        other = {key: pair for key, pair in values.items() if pair[0] is not None and not same(*pair)}
        if not other:
            return True
        try:
            second = runs.outcome(hybrid, f"{what} once more", set(outcome.ran))
        except SpentError:
            second = outcome
        if any(not same(second.values.get(key), outcome.values.get(key)) for key in self.chosen):
            for key, pair in values.items():
                self.samples.setdefault(key, [])
                self.samples[key] += [*pair, second.values.get(key)] if not self.samples[key] else []
            return True
        told = ", ".join(
            f"{self.names[key]} is {pair[0]!r} recorded, {pair[1]!r} in a run" for key, pair in other.items()
        )
        self.problems.append(f"the {what} is not what its commit records: {told}; `samebits check` is for that")
        return False

    def _rest(self, builder: Builder, runs: Runs, search: Search, fresh: bool) -> None:
        """Where the factors do not add up: see whether the head is as recorded, and what undeclared files do."""
        if search.spent or not search.groups:
            return
        every = builder.all
        closes = len(search.groups) > 1 and all(self._closes(search, key) for key in self.chosen)
        if closes and not self.outputs:
            return
        try:
            if not fresh:
                again = self._affected(builder)
                if len(search.groups) > 1:  # the hybrids from the head ran most of it
                    again &= {each.name for path in self.files for each in builder.hybrid(every).pipeline.makers(path)}
                head = runs.outcome(builder.hybrid(every), "head once more", again)
                if not self.compared(runs, builder.hybrid(every), head, 1, "head"):
                    search.outcomes[every] = head
                    self.problems[-1] += "; --fresh explains it from runs alone"
            if search.spare and not closes and not self.asked.exact:
                search.groups, search.spare = [*search.groups, search.spare], frozenset()
                search.run()
        except SpentError:
            search.spent = True

    def _closes(self, search: Search, key: Metric) -> bool:
        """Whether what the factors do alone adds up to the whole."""
        measured = self.measured(search, key)
        if measured is None:
            return False
        return abs(measured.head - measured.base - sum(measured.first.values())) <= measured.least

    def measured(self, search: Search, key: Metric) -> Measured | None:
        """What is known of a metric; None where it is no number at both ends."""

        def of(taken: Group) -> Fraction | None:
            outcome = search.outcomes.get(taken)
            return number(outcome.values[key]) if outcome and not outcome.failed and key in outcome.values else None

        base, head = of(frozenset()), of(search.every)
        if base is None or head is None:
            return None
        pairs = {each: (of(each), of(search.every - each)) for each in search.groups}
        samples = [each for found in self.samples.get(key, []) if (each := number(found)) is not None]
        return Measured(
            base,
            head,
            {each: one - base for each, (one, _) in pairs.items() if one is not None},
            {each: head - other for each, (_, other) in pairs.items() if other is not None},
            noise_of(samples),
        )

"""Statements of one commit, combined: which outputs independent machines made alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from samebits import markdown
from samebits.errors import UserError
from samebits.git import commit_of, subject_of
from samebits.proof.judging.judge import ORDER
from samebits.proof.repository.export import export
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.store import Store
from samebits.proof.statements.promise import Promise
from samebits.proof.statements.statement import PREDICATE, Facts, Made, Read, load
from samebits.proof.telling import report
from samebits.proof.verdict import Conclusion, OutputVerdict

WORSE: tuple[Conclusion, ...] = ("reproduced", "inconclusive", "not reproduced")
ANSWER = ("Verified", "NOT verified", "Inconclusive")  # by exit status


@dataclass
class Machine:
    """An environment that made statements: the same machine with the same packages counts once.

    number: by which the table names it.
    """

    number: int
    facts: Facts
    reads: list[Read] = field(default_factory=list)

    def made(self, path: str) -> list[Made]:
        """What its statements say of an output."""
        return [made for each in self.reads for made in each.statement.facts.outputs if made.path == path]

    def verdict(self, path: str) -> OutputVerdict | None:
        """The worst that it says of an output, if it says anything."""
        return max((each.verdict for each in self.made(path)), key=ORDER.index, default=None)

    def counts(self, path: str) -> bool:
        """Whether it made an output as the commit promises, in a check that was not inconclusive."""
        made = self.made(path)
        return self.conclusion != "inconclusive" and bool(made) and all(each.allowed for each in made)

    @property
    def conclusion(self) -> Conclusion:
        """The worst of its statements."""
        return max((each.statement.facts.conclusion for each in self.reads), key=WORSE.index)

    def __str__(self) -> str:
        """`2 (aarch64, Neoverse-N1, Python 3.13.1)`."""
        facts = self.facts.machine
        words = [facts.get("machine", "unknown"), facts.get("cpu", ""), f"Python {facts.get('python', 'unknown')}"]
        return f"{self.number} ({', '.join(filter(None, words))})"


@dataclass(frozen=True)
class Combined:
    """What statements say together of a commit.

    outputs: all that its stages make, by path. refuted: statements that contradict themselves or the commit, and why.
    disagreeing: files that have one hash of DVC and more than one SHA-256. files: those of all statements; of those
    `looked_at`, the bytes were at hand.
    """

    commit: str
    subject: str
    at_least: int
    outputs: list[str]
    machines: list[Machine]
    refuted: list[tuple[Read, list[str]]]
    disagreeing: list[str]
    files: set[str]
    looked_at: set[str]

    @cached_property
    def alike(self) -> dict[str, int]:
        """How many machines made each output as promised."""
        return {path: sum(each.counts(path) for each in self.machines) for path in self.outputs}

    @cached_property
    def against(self) -> list[str]:
        """What speaks against the commit, or against a statement, in words."""
        found = [f"{each.name} does not verify: {reason}" for each, reasons in self.refuted for reason in reasons]
        found += [f"{path}: machines that made the same by DVC's hash tell other SHA-256" for path in self.disagreeing]
        for machine in (each for each in self.machines if each.conclusion == "not reproduced"):
            bad = [(path, one) for path in self.outputs for one in machine.made(path) if not one.allowed]
            told = (f"{path}: {one.verdict} on machine {machine}" for path, one in bad if one.verdict != "unknown")
            found += dict.fromkeys(told)  # statements of one machine may say the same
            kinds = {kind for each in machine.reads for kind in each.statement.facts.problems}
            kinds |= {name for each in machine.reads for name, same in each.statement.facts.varied.items() if not same}
            found += [f"machine {machine}: not reproduced ({', '.join(sorted(kinds)) or 'other bytes'})"]
        return found

    @property
    def status(self) -> int:
        """0: so many machines made each output alike. 1: something speaks against it. 2: there are too few."""
        if self.against:
            return 1
        return 0 if self.alike and all(count >= self.at_least for count in self.alike.values()) else 2


def verify(files: Sequence[str], at_least: int = 1) -> Combined:
    """Read the statements in files and combine them, in a clone that has their commit; else raises UserError."""
    return combine([each for file in files for each in load(file)], at_least)


def combine(statements: Sequence[Read], at_least: int) -> Combined:
    """As `verify`, of statements that were read."""
    user = Repository.open(git=False)
    first, commit = statements[0], statements[0].statement.facts.commit
    for each in statements:
        if (other := each.statement.facts.commit) != commit:
            raise UserError(f"{first.name} is of commit {commit[:10]}, {each.name} of {other[:10]}; give those of one")
    try:
        commit_of(commit)
    except UserError:
        raise UserError(f"{first.name}: of commit {commit[:10]}, which this repository does not have") from None
    with export(commit, user.root) as tree:
        promise = Promise(tree, Store(user))
        judged = [(each, list(promise.refutes(each))) for each in statements]
        believed = [each for each, reasons in judged if not reasons]
        machines: dict[object, Machine] = {}
        for each in believed:
            facts = each.statement.facts
            machines.setdefault(facts.place, Machine(len(machines) + 1, facts)).reads.append(each)
        return Combined(
            commit=commit,
            subject=subject_of(commit),
            at_least=at_least,
            outputs=promise.outputs,
            machines=list(machines.values()),
            refuted=[(each, reasons) for each, reasons in judged if reasons],
            disagreeing=list(dict.fromkeys(_disagreeing(believed))),
            files={file.path for each in believed for made in each.statement.facts.outputs for file in made.files},
            looked_at=promise.looked_at,
        )


def text(combined: Combined, tablefmt: str) -> str:
    """What people read of it, its table in a format of tabulate."""
    names = [f"{each.number}: {each.facts.machine.get('machine')}" for each in combined.machines]
    rows = [
        [path, *(each.verdict(path) or "-" for each in combined.machines), str(count)]
        for path, count in combined.alike.items()
    ]
    table = markdown.table(rows, ["output", *names, "alike"], tablefmt).splitlines()
    lines = [f"Commit {combined.commit[:10]}: {combined.subject}", "", *table, ""]
    lines += [*(_told(each, combined.machines) for each in combined.machines), ""] if combined.machines else []
    if combined.against:
        lines += ["What speaks against it:", "", *(f"- {each}" for each in combined.against), ""]
    if combined.looked_at:
        lines += [f"The bytes of {len(combined.looked_at)} of {len(combined.files)} files are here, and were compared."]
    if any(each.enveloped for machine in combined.machines for each in machine.reads):
        command = f"gh attestation verify OUTPUT --bundle FILE --repo OWNER/NAME --predicate-type {PREDICATE}"
        lines += [f"Signatures were not checked: `{command}` does."]
    enough = sum(count >= combined.at_least for count in combined.alike.values())
    machines = "1 machine" if combined.at_least == 1 else f"{combined.at_least} machines"
    count = f"{enough} of {len(combined.outputs)} outputs were made alike by {machines} or more"
    lines += [f"{ANSWER[combined.status]}: {'something speaks against it; ' if combined.against else ''}{count}."]
    return markdown.joined(lines, tablefmt)


def _told(machine: Machine, machines: list[Machine]) -> str:
    """What there is to know of a machine, and what sets it apart from an earlier one that is like it."""
    facts = machine.facts
    words = [f"{key} {value}" for key, value in facts.machine.items() if key != "machine"]
    like = next(each for each in machines if each.facts.machine == facts.machine)
    if like is not machine:
        count = len({each.partition("==")[0] for each in {*facts.packages} ^ {*like.facts.packages}})
        words.append(f"{count} of its packages other than on {like.number}")
    words.append(report.network(facts.network))
    words += ["only declared inputs"] if facts.strict else []
    words += [f"taken as recorded: {', '.join(facts.taken)}"] if facts.taken else []
    files = ", ".join(each.name for each in machine.reads)
    return f"- machine {machine.number}, {files}: {machine.conclusion} ({', '.join(words)})"


def _disagreeing(believed: Sequence[Read]) -> Iterator[str]:
    found: dict[tuple[str, str], set[str]] = {}
    for file in (file for each in believed for made in each.statement.facts.outputs for file in made.files):
        found.setdefault((file.path, file.hash), set()).add(file.sha256)
    yield from (path for (path, _), values in found.items() if len(values) > 1)

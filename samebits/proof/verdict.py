"""What a check found, as data."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal[
    "lock-edited",  # dvc.lock says what no single run can have written
    "stage-unrecorded",  # a stage of dvc.yaml is not in dvc.lock, or the reverse, or has other deps or outs there
    "command-changed",
    "parameter-changed",
    "code-changed",  # a file in git that a stage reads
    "dependency-changed",  # what a stage reads of a `.dvc` file, or elsewhere
    "dependency-missing",
    "package-changed",  # the pins of packages are not those of the run
    "output-edited",  # a file in git that a stage wrote is not what it wrote, or another stage replaced it
    "output-missing",
    "cache-edited",  # an object of DVC's cache has other bytes than its name says
    "not-deterministic",  # two runs on one machine made other bytes
    "undeclared-dependency",  # a stage reads a file that it does not declare
    "computes-otherwise",  # other bytes from the same inputs
    "output-not-made",  # a stage ran to its end without making it
    "stage-failed",
    "missing-source",
    "environment-differs",  # an installed package is not the one that the commit pins
    "cannot-tell",
]
# Of these, none says that the commit does not describe its outputs: the check could not find out.
UNDECIDED: frozenset[Kind] = frozenset(("stage-failed", "missing-source", "environment-differs", "cannot-tell"))
Conclusion = Literal["reproduced", "not reproduced", "inconclusive"]
OutputVerdict = Literal["same", "equal", "close", "differs", "missing", "new", "ignored", "unknown"]


class Problem(msgspec.Struct, frozen=True):
    """Why a commit does not describe its outputs, or why it cannot be told.

    path: the file or parameter, if there is one. pull: what `dvc pull` would bring to tell it.
    """

    stage: str
    kind: Kind
    path: str | None
    text: str
    pull: str | None = None

    @property
    def decides(self) -> bool:
        """Whether it says that the commit does not describe its outputs."""
        return self.kind not in UNDECIDED


class File(msgspec.Struct, frozen=True):
    """A file that a run made: its path from the root of DVC, its hash as DVC writes it down, its SHA-256."""

    path: str
    hash: str
    sha256: str


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a text, or 16 bytes in hexadecimal digits, where both versions have it; `_at`: its number or offset."""

    promised_at: int | None = None
    promised: str | None = None
    obtained_at: int | None = None
    obtained: str | None = None


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an output differs from its promise at one place. All texts are bounded, and printable.

    text: what the difference is, as `is`, `has` or `line 3:` before a pair. promised, obtained: the pair, if it is one.
    distance: of two numbers. sizes: of both files in bytes, where bytes were compared; rows: what stands there, side by
    side. note: what else is to know of it. place: in the file, as `model.coef_[3]`. file: where the output is a folder.
    allowed: how a rule lets it pass. more: how many more differences the file has.
    """

    text: str
    promised: str | None = None
    obtained: str | None = None
    distance: str | None = None
    sizes: tuple[int, int] | None = None
    rows: list[Row] = []
    note: str | None = None
    place: str = ""
    file: str | None = None
    allowed: Literal["close", "ignored"] | None = None
    more: int = 0

    def sentence(self, one: str = "promised", other: str = "obtained") -> str:
        """In words. one, other: whose the values of a pair are."""
        pair = f"{self.promised} {one}, {self.obtained} {other}" if self.promised is not None else ""
        text = " ".join(filter(None, (self.place, self.text, pair)))
        text += f" ({self.distance})" if self.distance else ""
        text += f"; {self.size(one, other)}" if self.sizes else ""
        text += f" ({self.note})" if self.note else ""
        text += f" [{self.allowed}]" if self.allowed else ""
        return f"{text} (and {self.more:,} more)" if self.more else text

    def size(self, one: str = "promised", other: str = "obtained") -> str:
        """The sizes of both files in words; nothing where bytes were not compared."""
        if not self.sizes:
            return ""
        first, second = (f"{size:,}" for size in self.sizes)
        return f"{first} bytes" + ("" if first == second else f" {one}, {second} {other}")


class Output(msgspec.Struct, frozen=True):
    """An output: the hash that the commit promises and that of the run, None where there is none; and how they compare.

    allowed: whether the verdict lets it pass. differences: the first ones, or why they are not known; more: how many
    more there are. rule: the setting by which it passes, if its bytes are not the same.
    files: what the run made.
    """

    stage: str
    path: str
    verdict: OutputVerdict
    allowed: bool
    promised: str | None
    obtained: str | None
    differences: list[Difference] = []
    more: int = 0
    rule: str | None = None
    files: list[File] = []


class Node(msgspec.Struct, frozen=True):
    """A stage in the graph of its pipeline: the outputs that it reads, of stages and of `.dvc` files, and its own."""

    reads: list[str]
    makes: list[str]


class Verdict(msgspec.Struct, frozen=True):
    """What the check of a commit found.

    graph: the stages that it is about, in order. problems: those of the first stage that diverged first. taken: stages
    that did not run, whose outputs were taken as they are recorded; why, by name. notes: what else limits the verdict.
    machine: where the check ran. network: the stages that could use it; None where it could not be kept from any.
    varied: for each environment that was tried, whether it gave the same bytes. strict: whether each stage also
    ran with only what it declares, elsewhere.

    root: that of DVC, from that of git. locks: the SHA-256 of each dvc.lock, by path from the root of DVC. packages:
    versions by name, of the Python of the stages. version: of this program.
    """

    conclusion: Conclusion
    commit: str
    subject: str
    version: str
    root: str
    locks: dict[str, str]
    packages: dict[str, str]
    graph: dict[str, Node]
    outputs: list[Output]
    problems: list[Problem]
    taken: dict[str, str]
    notes: list[str]
    machine: dict[str, str]
    network: list[str] | None
    seconds: Annotated[dict[str, float], Meta(description="of each stage that ran")]
    varied: dict[str, bool]
    strict: bool = False

    @property
    def reproduced(self) -> bool:
        """Whether the commit is proved to describe its outputs."""
        return self.conclusion == "reproduced"


def concluded(outputs: list[Output], problems: list[Problem], varied: dict[str, bool], whole: bool) -> Conclusion:
    """The conclusion: a contradiction decides, else what is undecided does.

    whole: whether all was at hand that could explain outputs that differ: files of the tree, the environment.
    """
    if any(problem.decides and problem.kind not in ("computes-otherwise", "output-not-made") for problem in problems):
        return "not reproduced"
    differ = any(not output.allowed and output.verdict != "unknown" for output in outputs)
    if (differ or not all(varied.values())) and whole:
        return "not reproduced"
    settled = not problems and all(output.allowed for output in outputs) and all(varied.values())
    return "reproduced" if settled else "inconclusive"

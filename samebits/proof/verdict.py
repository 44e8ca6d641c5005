"""What a check found, as data."""

from typing import Literal

import msgspec

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
    "input-overwritten",  # a stage changed a source, or what another stage reads
    "undeclared-output",  # a stage writes a file of the commit that it does not declare, with other bytes
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
Recorded = Literal["recorded", "not recorded", "inconclusive"]
OutputVerdict = Literal["same", "equal", "close", "differs", "missing", "new", "ignored", "unknown"]


class Problem(msgspec.Struct, frozen=True):
    """One reason against the commit, or one reason why the check cannot decide.

    Attributes
    ----------
    stage : str
        As DVC names it.
    kind : str
        One of a fixed list, which docs/verdicts.md explains.
    path : str or None
        The file or parameter, if there is one.
    text : str
        What is wrong, in words.
    pull : str or None
        What `dvc pull` must get before the check can decide.

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
    """A file that the run made.

    Attributes
    ----------
    path : str
        From the root of the DVC repository.
    hash : str
        As DVC writes it.
    sha256 : str

    """

    path: str
    hash: str
    sha256: str


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a text, or 16 bytes in hexadecimal digits, in both versions of an output.

    Attributes
    ----------
    promised_at : int or None
        The number of the line, or the offset of the bytes; None if this version has no such line.
    promised : str or None
    obtained_at : int or None
    obtained : str or None

    """

    promised_at: int | None = None
    promised: str | None = None
    obtained_at: int | None = None
    obtained: str | None = None


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an output differs from its promise in one place. All texts are printable and of limited length.

    Attributes
    ----------
    text : str
        What differs, for example `is`, `has` or `line 3:` before a pair of values.
    promised : str or None
        The promised value, if the difference is a pair of values.
    obtained : str or None
        The obtained value.
    distance : str or None
        Between two numbers.
    sizes : tuple of int or None
        Bytes of both files, if their bytes were compared.
    rows : list of Row
        The lines or bytes around the first difference, side by side.
    unit : "line" or "byte"
        What the rows are.
    note : str or None
    place : str
        Within the file, for example `model.coef_[3]`.
    file : str or None
        The file, if the output is a folder.
    allowed : "close", "ignored" or None
        How a rule allows this difference.
    more : int
        How many more differences the file has.

    """

    text: str
    promised: str | None = None
    obtained: str | None = None
    distance: str | None = None
    sizes: tuple[int, int] | None = None
    rows: list[Row] = []
    unit: Literal["line", "byte"] = "line"
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
    """One output of a stage: what the commit promises, and what the run made.

    Attributes
    ----------
    stage : str
    path : str
    verdict : str
        "same", "equal", "close", "ignored", "differs", "missing", "new" or "unknown".
    allowed : bool
        Whether it counts as reproduced.
    promised : str or None
        The hash in dvc.lock, if there is one.
    obtained : str or None
        The hash of what the run made, if it made the output.
    differences : list of Difference
        The first ones, or why they are not known.
    more : int
        How many more there are.
    rule : str or None
        The rule in the settings that allows other bytes.
    files : list of File
        What the run made.

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
    """A stage in the graph of its pipeline.

    Attributes
    ----------
    reads : list of str
        The outputs of stages and of `.dvc` files that it reads.
    makes : list of str
        Its outputs.

    """

    reads: list[str]
    makes: list[str]


class Verdict(msgspec.Struct, frozen=True):
    """All that a check of a commit found.

    Attributes
    ----------
    conclusion : "reproduced", "not reproduced" or "inconclusive"
    commit : str
    subject : str
        The subject of the commit's message.
    version : str
        The version of samebits.
    root : str
        The folder of the DVC repository, from that of the git repository.
    locks : dict of str
        The SHA-256 of each dvc.lock, by its path.
    packages : dict of str
        The version of each package that the stages can import, by its name.
    graph : dict of Node
        The stages that the check is about, in order.
    outputs : list of Output
        In the order of the stages.
    problems : list of Problem
        In the order of the stages.
    taken : dict of str
        Why a stage did not run although its outputs were used, by the name of the stage.
    notes : list of str
        What else limits the verdict.
    machine : dict of str
        Processor, Python and libraries of the run.
    network : list of str or None
        The stages that could use the network; None if the network could not be cut off.
    seconds : dict of float
        The time of each stage that ran.
    varied : dict of bool
        Whether an environment of `--vary` gave the same bytes, by its description.
    strict : bool
        Whether each stage also ran with only its declared inputs.
    isolation : list of str or None
        What the system could not keep the stages from; empty if each stage ran in a view; None if an older version
        of samebits wrote the verdict, which did not tell.
    unproved : list of str
        Metrics, plots and artifacts at the top of a dvc.yaml that no stage wrote.
    setup : bool
        Whether `setup` of the settings ran, with the network.

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
    seconds: dict[str, float]
    varied: dict[str, bool]
    strict: bool = False
    isolation: list[str] | None = None
    unproved: list[str] = []
    setup: bool = False

    @property
    def reproduced(self) -> bool:
        """Whether the conclusion is "reproduced"."""
        return self.conclusion == "reproduced"


class Record(msgspec.Struct, frozen=True):
    """Whether dvc.lock is the record of a run of the tree, as `samebits lock` found without a run.

    Attributes
    ----------
    conclusion : "recorded", "not recorded" or "inconclusive"
        Inconclusive if nothing contradicts dvc.lock, but some data is not available.
    version : str
        The version of samebits.
    stages : dict of str
        The same for each stage, in the order of the pipeline.
    problems : list of Problem
        What contradicts dvc.lock, and what cannot be known, in the order of the stages.
    line_ends : dict of list of str
        The files that have other line ends than in the run, by the system of the run. They count as unchanged.
    notes : list of str
        What else is to know of dvc.lock and is no fault, such as entries of removed stages.

    """

    conclusion: Recorded
    version: str
    stages: dict[str, Recorded]
    problems: list[Problem]
    line_ends: dict[str, list[str]]
    notes: list[str]

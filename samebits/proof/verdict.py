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


class Output(msgspec.Struct, frozen=True):
    """An output: the hash that the commit promises and that of the run, None where there is none; and how they compare.

    allowed: whether the verdict lets it pass. rule: the setting by which it does, if its bytes are not the same.
    """

    stage: str
    path: str
    verdict: OutputVerdict
    allowed: bool
    promised: str | None
    obtained: str | None
    detail: list[str] = []
    rule: str | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What the check of a commit found.

    problems: those of the first stage that diverged first. taken: stages that did not run, whose outputs were taken as
    they are recorded; why, by name. notes: what else limits the verdict. machine: where the check ran. network: the
    stages that could use it; None where it could not be kept from any. varied: for each environment that was tried,
    whether it gave the same bytes. strict: whether each stage also ran with only what it declares, elsewhere.
    """

    conclusion: Conclusion
    commit: str
    subject: str
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

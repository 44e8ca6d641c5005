"""What the statements of several machines say together, as data."""

from typing import Literal, Self

import msgspec

from samebits import __version__
from samebits.proof.statements.verify import Combined
from samebits.proof.verdict import Conclusion, OutputVerdict

Verified = Literal["verified", "not verified", "inconclusive"]
CONCLUSIONS: tuple[Verified, ...] = ("verified", "not verified", "inconclusive")  # by exit status


class OneMachine(msgspec.Struct, frozen=True):
    """A machine, as `samebits verify --json` has it.

    Attributes
    ----------
    number : int
        By which texts name it.
    conclusion : "reproduced", "not reproduced" or "inconclusive"
        The worst one of its statements.
    machine : dict of str
        CPU, Python and libraries.
    packages : list of str
        As `name==version`.
    statements : list of str
        The files with its statements.
    outputs : dict of str
        Its verdict of each output that it states something of, by path.

    """

    number: int
    conclusion: Conclusion
    machine: dict[str, str]
    packages: list[str]
    statements: list[str]
    outputs: dict[str, OutputVerdict]


class Answer(msgspec.Struct, frozen=True):
    """What the statements of several machines say together, as `samebits verify --json` prints it.

    Attributes
    ----------
    conclusion : "verified", "not verified" or "inconclusive"
        Inconclusive if too few machines made an output.
    version : str
        The version of samebits.
    commit : str
    subject : str
        The subject of its message.
    at_least : int
        How many machines must have made each output.
    alike : dict of int
        How many machines made each output as promised, by path.
    machines : list of OneMachine
    against : list of str
        What contradicts the commit or a statement.
    files : int
        How many files the statements name.
    compared : int
        How many of these were available here, and were compared with the statements.

    """

    conclusion: Verified
    version: str
    commit: str
    subject: str
    at_least: int
    alike: dict[str, int]
    machines: list[OneMachine]
    against: list[str]
    files: int
    compared: int

    @classmethod
    def of(cls, combined: Combined) -> Self:
        """What `verify` combined."""
        machines = [
            OneMachine(
                number=each.number,
                conclusion=each.conclusion,
                machine=each.facts.machine,
                packages=each.facts.packages,
                statements=[read.name for read in each.reads],
                outputs={path: found for path in combined.outputs if (found := each.verdict(path))},
            )
            for each in combined.machines
        ]
        return cls(
            conclusion=CONCLUSIONS[combined.status],
            version=__version__,
            commit=combined.commit,
            subject=combined.subject,
            at_least=combined.at_least,
            alike=combined.alike,
            machines=machines,
            against=combined.against,
            files=len(combined.files),
            compared=len(combined.looked_at),
        )

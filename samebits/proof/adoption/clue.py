"""What the code of a stage tells."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Clue:
    """What the code does, and where. kind: network, variable, random or threads."""

    kind: str
    text: str
    file: str
    line: int | None = None

    @property
    def place(self) -> str:
        """Where it stands: `src/get.py:3`."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        """For people: `imports requests (src/get.py:3)`."""
        return f"{self.text} ({self.place})"


@dataclass
class Code:
    """The code of a stage as far as its text tells.

    programs: that its commands need here. environments: of their own, in which its commands run; a list of runner, name
    and folder. imports: modules of others.
    """

    programs: list[str] = field(default_factory=list)
    environments: list[tuple[str, str, Path]] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    clues: list[Clue] = field(default_factory=list)
    seeded: bool = False

    def of(self, kind: str) -> list[Clue]:
        """The clues of a kind; of draws, those that no seed of the stage's own code is for."""
        return [] if kind == "random" and self.seeded else [each for each in self.clues if each.kind == kind]

    def imports_any(self, *names: str) -> bool:
        """Whether it imports one of some modules."""
        return any(each == name or each.startswith(f"{name}.") for each in self.imports for name in names)

"""Why no remote gave an object, as its readers tell the reasons apart."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotThere:
    """The remote answers, and does not have it."""

    def __str__(self) -> str:
        return "the remote does not have it"


@dataclass(frozen=True)
class NoRemote:
    """None is set, and the cache does not have it either."""

    def __str__(self) -> str:
        return "it is not in the cache, and no remote is set; `dvc remote add -d NAME URL` sets one"


@dataclass(frozen=True)
class OtherBytes:
    """What the remote has is not what its name says."""

    def __str__(self) -> str:
        return "in the remote, it has other bytes than its name says"


@dataclass(frozen=True)
class NotInstalled:
    """The remote needs a plug-in of DVC. package: its name."""

    package: str

    def __str__(self) -> str:
        return f"the remote needs {self.package}, which is not installed"


@dataclass(frozen=True)
class Unreadable:
    """The remote, or the origin of an import, cannot be read. why: in a line."""

    why: str

    def __str__(self) -> str:
        return self.why


Failure = NotThere | NoRemote | OtherBytes | NotInstalled | Unreadable

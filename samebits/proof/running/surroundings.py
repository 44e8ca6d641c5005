"""How the surroundings of a run are other than the usual ones, as facts; `launcher` and `views` make them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Surroundings:
    """How the surroundings of a run are other than the usual ones.

    name: of the hidden input that it shows. variables: of the environment; None is without. user, group: numbers under
    which the stage sees itself. host: the name of the machine. umask: of new files. cpus: how many it may use.
    processes: how many started before it. moved: the tree stands at another path. aged: its files have another time.
    reordered: entries of its folders come in another order. hidden: folders of this machine of which nothing is there.
    """

    name: str = ""
    variables: Mapping[str, str | None] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None
    host: str | None = None
    umask: int | None = None
    cpus: int | None = None
    processes: int = 0
    moved: bool = False
    aged: bool = False
    reordered: bool = False
    hidden: Sequence[Path] = ()

    def applied(self, env: Mapping[str, str]) -> dict[str, str]:
        """An environment with its variables."""
        return {name: value for name, value in {**env, **self.variables}.items() if value is not None}

    @property
    def needs_system(self) -> bool:
        """Whether only namespaces can make it."""
        return self.user is not None or self.host is not None or self.reordered


USUAL = Surroundings()


def together(kinds: Sequence[Surroundings]) -> Surroundings:
    """All of some surroundings at once; of two that set one thing, the later one's."""

    def last(name: str) -> int | None:
        return next((value for each in reversed(kinds) if (value := getattr(each, name)) is not None), None)

    return Surroundings(
        name=", ".join(each.name for each in kinds),
        variables={name: value for each in kinds for name, value in each.variables.items()},
        user=last("user"),
        group=last("group"),
        host=next((each.host for each in kinds if each.host), None),
        umask=last("umask"),
        cpus=last("cpus"),
        processes=sum(each.processes for each in kinds),
        moved=any(each.moved for each in kinds),
        aged=any(each.aged for each in kinds),
        reordered=any(each.reordered for each in kinds),
        hidden=[path for each in kinds for path in each.hidden],
    )

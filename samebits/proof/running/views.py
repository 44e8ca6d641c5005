"""Views: what a stage may see, at the path of the user's repository, and where that goes which it writes.

Where the system has namespaces for a user, a view is an overlay in a root of its own, which `launcher` makes. Elsewhere
it is a copy of the tree in a folder, and the verdict says what does not hold.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from msgspec import structs

from samebits.git import git, top_of
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.running import system
from samebits.proof.running.host import IN_MEMORY, TEMPORARY_VARIABLES, home_in, kept, mounted_in, temporary_folders
from samebits.proof.running.layers import Layers, Written, copy_file, files_in, same_file, squashed, written_over
from samebits.proof.running.surroundings import USUAL, Surroundings
from samebits.proof.running.system import Ended, Mount, Orders, Program

SETTINGS_VARIABLES = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")  # none but the commit's
ELSEWHERE = "another place/of the tree"  # where the tree stands that was moved
OLD = 1_000_000_000  # seconds since 1970, the time of files that were aged


@dataclass(frozen=True)
class Place:
    """Where views stand and what they hide.

    top: the root of the user's repository of git. folder: of the check, for all that is temporary. secret: folders that
    no stage may reach, as DVC's cache. isolated: whether views are overlays, or copies.
    """

    top: Path
    folder: Path
    secret: Sequence[Path] = ()
    isolated: bool = True

    @classmethod
    def of(cls, user: Repository, folder: Path, isolated: bool) -> Self:
        """At the place of a user's repository, where nobody sees git's own folder, nor DVC's caches."""
        common = os.fsdecode(git("rev-parse", "--git-common-dir", cwd=user.root)).strip()
        secret = [(user.root / common).resolve(), *(each.resolve() for each in user.caches)]
        return cls(top_of(user.root).resolve(), folder, secret, isolated)

    @property
    def shortcomings(self) -> list[str]:
        """What of a view does not hold on this system."""
        if self.isolated:
            return []
        writes = "change the modes of your files" if system.can_keep_from_writing() else "write to whatever you can"
        return [
            "each stage ran in a copy of the commit, in another folder than that of the repository",
            f"stages could read whatever you can, and {writes}",
        ]


@dataclass(frozen=True)
class View:
    """What one run of a stage sees, and where it writes.

    place: where it stands. folder: of its own, for what it writes; it does not exist yet. layers: of the tree.
    shown: files and folders of this machine that it sees in the tree, read-only, by path from the top. homes: layers
    that lie over HOME. elsewhere: paths outside of the tree that it may read, wherever they lie; caches: folders that
    it may write to as well, and what it writes is thrown away. other: its surroundings. plain: whether the tree is a
    folder of its own even where an overlay could be made: there, the times at which files were read are kept.
    """

    place: Place
    folder: Path
    layers: Layers
    shown: Mapping[str, Path] = field(default_factory=dict)
    homes: Sequence[Path] = ()
    elsewhere: Sequence[Path] = ()
    caches: Sequence[Path] = ()
    other: Surroundings = USUAL
    plain: bool = False
    stamps: Mapping[str, int] = field(default_factory=dict)  # of files of a tree that is a folder, before it ran

    @property
    def upper(self) -> Path:
        """Where that lies afterwards which it wrote, by its paths from the top."""
        return self.folder / "u"

    @property
    def home(self) -> Path:
        """Where that lies which it wrote to HOME, in an overlay."""
        return self.folder / "h"

    @property
    def tree(self) -> Path:
        """The tree as a folder of its own, where it is one."""
        return self.folder / ("another place" if self.other.moved else "tree")

    @cached_property
    def top(self) -> Path:
        """Where the tree stands for the stage."""
        if not self.place.isolated:
            return self.tree
        return Path(tempfile.gettempdir()).resolve() / ELSEWHERE if self.other.moved else self.place.top

    @property
    def in_folder(self) -> bool:
        """Whether the tree is a folder of its own."""
        return self.plain or not self.place.isolated

    def made(self) -> "View":
        """The view with all that its first program needs."""
        for name in ("u", "w", "h", "v", "r"):
            (self.folder / name).mkdir(parents=True)
        layers = squashed(self.layers, self.folder / "layers")
        if self.other.aged and not self.in_folder:
            layers.copied(self.folder / "aged")
            layers = Layers((self.folder / "aged",))
            _age(self.folder / "aged")
        if self.in_folder:
            layers.copied(self.tree)
            if self.other.aged:
                _age(self.tree)
            for name, source in self.shown.items() if not self.place.isolated else ():
                self._show(name, source)
        stamps = {_name(each, self.tree): each.lstat().st_ctime_ns for each in files_in(self.tree)}
        return replace(self, layers=layers, stamps=stamps)

    def run(self, program: Program, folder: str) -> Ended:
        """Run a program in it. folder: where, from the top."""
        own = self.place.folder if self.place.isolated else self.folder  # in a view, that is empty
        env = self.other.applied({**program.env, **dict.fromkeys(SETTINGS_VARIABLES, str(own / "settings"))})
        orders = Orders(
            os.path.normpath(self.top / folder),
            host=self.other.host,
            umask=self.other.umask,
            cpus=self.other.cpus,
            processes=self.other.processes,
        )
        if self.place.isolated:
            mounts = self._mounts(env, program.network)
            orders = structs.replace(orders, root=str(self.folder / "r"), mounts=mounts)
        else:
            own = self.folder / "t0"
            own.mkdir(exist_ok=True)
            env |= dict.fromkeys(TEMPORARY_VARIABLES, str(own))
            home = env.get("HOME", "")  # under strict, one of the check's own
            own_home = [home] if _is_under(home, [str(self.place.folder)]) else []
            writable = [*map(str, (self.folder, *self.caches)), "/dev", *own_home]
            orders = structs.replace(orders, writable=writable)
        return system.run(replace(program, env=env, orders=orders, user=self.other.user, group=self.other.group))

    def written(self) -> Written:
        """What was written in the tree."""
        if not self.in_folder:
            return written_over(self.layers, self.upper)
        found = Written()
        for path in list(files_in(self.tree)):
            name = _name(path, self.tree)
            if self._is_shown(name) or self.stamps.get(name) == path.lstat().st_ctime_ns:
                continue
            below = self.layers.find(name)
            if below is not None and same_file(below, path):
                found.same.append(name)
                continue
            found.files[name] = self.upper / name
            (self.upper / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, self.upper / name)
        gone = (name for name in self.layers.files() if not os.path.lexists(self.tree / name))
        found.deleted.extend(name for name in gone if name not in found.files)
        for parent, folders, _ in os.walk(self.tree):
            for each in folders:  # an output may be a folder without files
                path = Path(parent, each)
                if self.layers.find(_name(path, self.tree)) is None and not path.is_symlink():
                    (self.upper / _name(path, self.tree)).mkdir(parents=True, exist_ok=True)
        return found

    def _is_shown(self, name: str) -> bool:
        return any(name == each or name.startswith(f"{each}/") for each in self.shown)

    def _show(self, name: str, source: Path) -> None:
        target = self.tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.symlink_to(source)
        elif not os.path.lexists(target):
            copy_file(source, target)

    def _mounts(self, env: Mapping[str, str], network: bool) -> list[Mount]:
        """All that it shows and hides, the outer before the inner."""
        found = dict(self._own_folders())
        home = home_in(env)
        hidden = [*self.other.hidden, *self.place.secret, self.place.folder]
        if self.other.moved:
            hidden.append(self.place.top)
        hidden_paths = sorted(str(each.resolve()) for each in hidden if each.is_dir())
        for path in hidden_paths:
            if path == str(self.place.top) or not _is_under(path, [str(self.place.top), *found]):
                found[path] = Mount("empty", path)
        if home and str(home) not in found and not _is_under(str(home), [*hidden_paths, str(self.place.top)]):
            layers = [str(each) for each in (*self.homes, home)]
            found[str(home)] = Mount("overlay", str(home), str(self.home), layers, str(self.folder / "v"))
            for inner in mounted_in(home):
                found.setdefault(inner, Mount("read-only", inner, inner))
        blank, fixed = [at for at, each in found.items() if each.kind != "overlay"], [*found, str(self.place.top)]
        keep = [*kept(env), *map(str, self.elsewhere), *([os.path.realpath("/etc/resolv.conf")] if network else [])]
        for path in (each for name in keep for each in (os.path.normpath(name), os.path.realpath(name))):
            inside = _is_under(path, [str(self.place.top)]) or _is_around(path, fixed)
            if _is_under(path, blank) and not inside and os.path.exists(path):
                found[path] = Mount("read-only", path, os.path.realpath(path))
        for number, path in enumerate(each for each in map(str, self.caches) if _is_under(each, blank)):
            for name in (f"c{number}", f"d{number}"):
                (self.folder / name).mkdir(exist_ok=True)
            own, work = (str(self.folder / f"{letter}{number}") for letter in "cd")
            found[path] = Mount("overlay", path, own, [path], work)
        found[str(self.top)] = self._tree_mount()
        for name, source in self.shown.items():
            found[str(self.top / name)] = Mount("read-only", str(self.top / name), str(source))
        return sorted(found.values(), key=lambda each: each.at.count("/"))

    def _own_folders(self) -> Iterable[tuple[str, Mount]]:
        """Folders for temporary files, which are of the stage alone."""
        for number, path in enumerate(temporary_folders()):
            own = self.folder / f"t{number}"
            own.mkdir(exist_ok=True)
            own.chmod(0o1777)
            yield str(path), Mount("writable", str(path), str(own))
        for name, mode in IN_MEMORY.items():
            if os.path.isdir(name):
                real = os.path.realpath(name)
                yield real, Mount("empty", real, mode=mode)

    def _tree_mount(self) -> Mount:
        if self.plain:
            return Mount("writable", str(self.top), str(self.tree))
        layers = [str(each) for each in self.layers.folders]
        work = str(self.folder / "w")
        return Mount("overlay", str(self.top), str(self.upper), layers, work, reordered=self.other.reordered)


def _name(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix()


def _is_under(path: str, folders: Iterable[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in folders)


def _is_around(path: str, others: Iterable[str]) -> bool:
    return any(path == other or other.startswith(path.rstrip("/") + "/") for other in others)


def _age(folder: Path) -> None:
    """Give all that is in a folder one old time."""
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.utime(path, (OLD, OLD))

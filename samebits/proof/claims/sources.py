"""The files of a repository that documents may quote: its results, metrics and parameters."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Self

from samebits.errors import UserError
from samebits.git import git, top_of
from samebits.proof.claims import values
from samebits.proof.claims.history import History
from samebits.proof.claims.match import Former
from samebits.proof.claims.names import words
from samebits.proof.claims.values import Value
from samebits.proof.repository.answers import NoRepositoryError
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline

MOST_FILES = 2000  # of values that are read
# Words in the path of a file whose former values count though no stage declares it
OF_RESULTS = {"metric", "score", "result", "report", "evaluation", "performance"}
OF_TESTS = {"test", "tests", "testdata", "fixtures"}  # folders whose files are not of a run


@dataclass
class Sources:
    """The files in git, and those that pipelines declare as outputs, metrics and parameters, by path from the root.

    notes: what could not be read.
    """

    root: Path
    tracked: list[str]
    declared: list[str]
    notes: list[str]

    @classmethod
    def open(cls) -> Self:
        """Those of the repository around the working directory, of git and, if it is one, of DVC.

        Raises UserError where there is no repository of git.
        """
        root, declared, notes = None, list[str](), list[str]()
        try:
            root = (repo := Repository.open()).root
            declared = _declared(Pipeline.read(repo))
        except NoRepositoryError:
            pass
        except UserError as error:
            notes.append(f"without its pipelines: {error}")
        root = root or top_of(Path())
        if git("rev-parse", "--is-shallow-repository", cwd=root).strip() == b"true":
            notes.append("this clone is shallow: git knows no former values; `git fetch --unshallow` brings them")
        paths = os.fsdecode(git("ls-files", "-z", cwd=root)).split("\0")
        there = [each for each in paths if each and os.path.isfile(root / each) and not os.path.islink(root / each)]
        return cls(root, there, declared, notes)

    @cached_property
    def now(self) -> dict[str, list[Value]]:
        """The values of now, by file."""
        own = [each for each in self.tracked if not OF_TESTS & {*each.split("/")[:-1]}]
        found = [each for each in dict.fromkeys([*self.declared, *own]) if each.lower().endswith(values.SUFFIXES)]
        return {each: values.of_file(self.root, each) for each in found[:MOST_FILES]}

    @cached_property
    def results(self) -> list[str]:
        """The files whose former values count: those that are declared, or are results by their names."""
        declared = {*self.declared}
        return [each for each in self.now if each in declared or words(each) & OF_RESULTS]

    def former(self, history: History) -> list[Former]:
        """The values that keys had and have no longer, of keys that are still there."""
        found: dict[tuple[str, str, Decimal], list[range]] = defaultdict(list)
        read = cache(values.read)
        for file in self.results:
            is_now = {each.name: each.value for each in self.now[file]}
            for when, content in history.versions(file):
                for each in read(file, content):
                    if is_now.get(each.name, each.value) != each.value:
                        found[each].append(when)
        return [Former(Value(*each), tuple(when)) for each, when in found.items()]

    def named(self, names: Iterable[str]) -> list[Value]:
        """The values of now, and those in the files that names `FILE:KEY` name, whatever these are."""
        others = {each.partition(":")[0] for each in names} - self.now.keys()
        there = [each for each in others if each in {*self.tracked}]
        more = [value for each in there for value in values.of_file(self.root, each)]
        return [*(value for each in self.now.values() for value in each), *more]


def _declared(pipeline: Pipeline) -> list[str]:
    """The files that pipelines declare, those in folders, too."""
    contents, found = pipeline.fresh(), dict[str, None]()
    params = (each.path for stage in pipeline.stages for each in stage.params)
    for path in [*pipeline.outputs, *pipeline.at_top, *params]:
        inside = [f"{path}/{each}" for each in contents.files(path)] if os.path.isdir(pipeline.root / path) else [path]
        found |= dict.fromkeys(each for each in inside if os.path.isfile(pipeline.root / each))
    return list(found)

"""From an image to its proof: it is the one that its commit describes, or not.

Compared are the model, the program, dvc.lock and the labels. For the packages and the system below them speaks the
digest: every build of the commit on the same base gives the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from samebits import artifacts
from samebits.errors import UserError
from samebits.git import commit_of, git
from samebits.image import build
from samebits.image.engine import Engine
from samebits.proof import report, reproduce
from samebits.proof.progress import Progress
from samebits.proof.verdict import Verdict

PACKAGES = "lib"


@dataclass(frozen=True)
class Proof:
    """The check of the commit that an image names, and what in the image is not as the commit describes."""

    verdict: Verdict
    compared: int
    differences: list[str]

    @property
    def proved(self) -> bool:
        """Whether the image is proved to be that of its commit."""
        return self.verdict.reproduced and not self.differences


def verify(engine: Engine, name: str, progress: Progress | None = None) -> Proof:
    """Read an image's labels, reproduce the commit that they name and compare.

    Raises UserError where the image cannot be had, or names no commit of the repository in the working directory.
    """
    labels, files = engine.look_into(name, "/app", skip=PACKAGES)
    revision = labels.get(build.REVISION)
    if not revision:
        raise UserError(f"{name}: has no label {build.REVISION}; only an image that `make image` built can be verified")
    verdict = reproduce.check(reproduce.Asked(commit_of(revision)), progress)
    obtained = {output.path: output.obtained for output in verdict.outputs}
    expected = {path: obtained.get(path) for path in build.MODEL_FILES}
    expected |= {path: artifacts.md5(git("show", f"{revision}:{path}")) for path in _from_git(revision)}
    differences = list(_differences(files, expected)) + list(_wrong_labels(labels, files, expected))
    return Proof(verdict, len(expected), differences)


def text(proof: Proof) -> str:
    """Whether an image is the one that its commit describes."""
    verdict = proof.verdict
    lines = [
        f"The image says that it is of commit {verdict.commit[:10]}: {verdict.subject}",
        report.conclusion(verdict),
    ]
    lines += [f"- {each.stage}: {each.text}" for each in verdict.problems]
    lines += [f"- {each}" for each in proof.differences]
    holds = f"the image holds the program of this commit and the model that it makes ({proof.compared} files)"
    return "\n".join([*lines, f"Proved: {holds}." if proof.proved else f"NOT proved that {holds}."])


def _from_git(revision: str) -> list[str]:
    """The program that a commit lets into its image, and dvc.lock."""
    let_in = [line[1:] for line in git("show", f"{revision}:.dockerignore").decode().split() if line.startswith("!")]
    program = [path for path in let_in if path.startswith(f"{build.PROGRAM}/")]
    names = git("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, "--", *program).decode().split("\0")
    return [artifacts.LOCK, *filter(None, names)]


def _differences(files: dict[str, bytes], expected: dict[str, str | None]) -> Iterator[str]:
    for path in sorted(files.keys() | expected.keys()):
        if path not in files:
            yield f"{path}: missing in the image"
        elif path not in expected:
            yield f"{path}: in the image, but not of the commit"
        elif artifacts.md5(files[path]) != expected[path]:
            origin = "the run" if path in build.MODEL_FILES else "the commit"
            yield f"{path}: {artifacts.md5(files[path])} in the image, {expected[path]} from {origin}"


def _wrong_labels(labels: dict[str, str], files: dict[str, bytes], expected: dict[str, str | None]) -> Iterator[str]:
    truth = {build.LOCK_MD5: expected[artifacts.LOCK]}
    card = files.get(build.CARD_FILE, b"")
    if artifacts.md5(card) == expected[build.CARD_FILE]:
        truth[build.TEST_R2] = repr(artifacts.parse_json(card, build.CARD_FILE)["metrics"]["test"]["r2"])
    for label, value in truth.items():
        if labels.get(label) != value:
            yield f"label {label}: {labels.get(label)}; it should be {value}"

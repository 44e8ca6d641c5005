"""Verify whether an image is the one that its commit describes.

The commit runs here, and model, program, dvc.lock and labels are compared. Packages and the system below them are not:
every build of the commit on the same base has the same digest. Statements of other machines that lie beside the image
are combined too.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace

from samebits import artifacts, markdown
from samebits.errors import UserError
from samebits.git import commit_of, git
from samebits.image import build
from samebits.image.engine import Engine
from samebits.image.registry import Registry
from samebits.proof import reproduce
from samebits.proof.running.progress import Progress
from samebits.proof.statements import verify as statements
from samebits.proof.statements.statement import Read, Statement, read
from samebits.proof.statements.verify import Combined
from samebits.proof.telling import report
from samebits.proof.verdict import Verdict

PACKAGES = "lib"


@dataclass(frozen=True)
class Proof:
    """The check of the commit that an image names, and the differences between the image and the commit.

    statements: those beside the image, combined, or why there is none.
    """

    verdict: Verdict
    compared: int
    differences: list[str]
    statements: Combined | str

    @property
    def proved(self) -> bool:
        """Whether the image is proved to be that of its commit."""
        contradicted = isinstance(self.statements, Combined) and bool(self.statements.against)
        return self.verdict.reproduced and not self.differences and not contradicted


def verify(engine: Engine, name: str, progress: Progress | None = None) -> Proof:
    """Read an image's labels, reproduce the commit that they name and compare.

    Raises UserError where the image cannot be had, or names no commit of the repository in the working directory.
    """
    labels, files = engine.look_into(name, "/app", skip=PACKAGES)
    revision = labels.get(build.REVISION)
    if not revision:
        raise UserError(f"{name}: has no label {build.REVISION}; only images built by `make image` can be verified")
    verdict = reproduce.check(reproduce.Asked(commit_of(revision)), progress)
    obtained = {output.path: output.obtained for output in verdict.outputs}
    expected = {path: obtained.get(path) for path in build.MODEL_FILES}
    expected |= {path: artifacts.md5(git("show", f"{revision}:{path}")) for path in _from_git(revision)}
    differences = list(_differences(files, expected)) + list(_wrong_labels(labels, files, expected))
    return Proof(verdict, len(expected), differences, _statements(name, verdict.commit))


def text(proof: Proof) -> str:
    """Whether an image is the one that its commit describes."""
    verdict = proof.verdict
    lines = [
        f"The image names commit {verdict.commit[:10]}: {verdict.subject}",
        report.conclusion(verdict),
    ]
    lines += [f"- {each.stage}: {each.text}" for each in verdict.problems]
    lines += [f"- {each}" for each in proof.differences]
    beside = proof.statements
    told = statements.text(beside, "simple").splitlines() if isinstance(beside, Combined) else [beside]
    holds = f"the image holds this commit's program and the model it makes ({proof.compared} files)"
    lines += ["", *told, "", f"Proved: {holds}." if proof.proved else f"NOT proved that {holds}."]
    return markdown.joined(lines, "simple")


def _statements(name: str, commit: str) -> Combined | str:
    """The statements of a commit that lie beside an image; else why there are none."""
    found: list[Read] = []
    if not (place := Registry.of(name)):
        return "To include statements of other machines, name the image by registry and digest."
    registry, digest = place
    try:
        for number, bundle in enumerate(registry.bundles(digest), 1):
            found += _about(bundle, f"attestation {number} of the image", digest, commit)
    except UserError as error:
        return f"Statements of other machines could not be read: {error}"
    return statements.combine(found, 1) if found else "No statements of other machines lie beside the image."


def _about(bundle: bytes, name: str, digest: str, commit: str) -> Iterator[Read]:
    """The statements of a check in a bundle. If signed for an image, their subject is the image, not the outputs."""
    with suppress(UserError):  # of something else, as the provenance of the build
        for each in read(bundle, name):
            said, facts = each.statement, each.statement.facts
            if [f"sha256:{one.digest.get('sha256')}" for one in said.subject] == [digest]:
                said = replace(said, subject=Statement.of(facts).subject)
            if facts.commit == commit:
                yield replace(each, statement=said)


def _from_git(revision: str) -> list[str]:
    """The program files that a commit puts into its image, and dvc.lock."""
    let_in = [line[1:] for line in git("show", f"{revision}:.dockerignore").decode().split() if line.startswith("!")]
    program = [path for path in let_in if path.startswith(f"{build.PROGRAM}/")]
    names = git("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, "--", *program).decode().split("\0")
    return [artifacts.LOCK, *filter(None, names)]


def _differences(files: dict[str, bytes], expected: dict[str, str | None]) -> Iterator[str]:
    for path in sorted(files.keys() | expected.keys()):
        if path not in files:
            yield f"{path}: missing in the image"
        elif path not in expected:
            yield f"{path}: in the image, but not in the commit"
        elif artifacts.md5(files[path]) != expected[path]:
            origin = "the run" if path in build.MODEL_FILES else "the commit"
            yield f"{path}: {artifacts.md5(files[path])} in the image, {expected[path]} from {origin}"


def _wrong_labels(labels: dict[str, str], files: dict[str, bytes], expected: dict[str, str | None]) -> Iterator[str]:
    truth = {build.LOCK_MD5: expected[artifacts.LOCK]}
    card = files.get(build.CARD_FILE, b"")
    if artifacts.md5(card) == expected[build.CARD_FILE]:
        truth |= build.score(artifacts.parse_json(card, build.CARD_FILE))
    for label, value in truth.items():
        if labels.get(label) != value:
            yield f"label {label}: {labels.get(label)}; it should be {value}"

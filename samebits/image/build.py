"""The image of the quantized model: built from a commit, tested against this machine, pushed."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from samebits import artifacts, params, pickles
from samebits.errors import UserError
from samebits.git import git
from samebits.image.engine import Engine
from samebits.model import family, payload
from samebits.model.predictor import CARD, Predictor
from samebits.proof.repository.of_dvc import Repository
from samebits.proof.repository.pipeline import Pipeline

CARD_FILE = str(Path(payload.FILE).with_name(CARD))
MODEL_FILES = (payload.FILE, CARD_FILE)
TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson")  # which `predict` reads from stdin
PROGRAM = "samebits"  # whose folders .dockerignore lets in
TEST_ROWS = "data/test.joblib"
REVISION = "org.opencontainers.image.revision"
LOCK_MD5 = "samebits.dvc-lock.md5"
SCORE = "samebits.model.test-{}"


@dataclass(frozen=True)
class Commit:
    """The commit that the working directory has: its hash, its time in seconds since 1970, its branch, if any."""

    hash: str
    epoch: str
    branch: str

    @classmethod
    def of_tree(cls) -> "Commit":
        """Raises UserError where a file of the commit was changed: an image with its label would lie."""
        changed = git("status", "--porcelain", "--untracked-files=no").decode().splitlines()
        changed += git("status", "--porcelain", "--untracked-files=all", "--", PROGRAM).decode().splitlines()
        if changed:
            raise UserError(f"{changed[0][3:]}: differs from the commit; commit or undo the change")
        commit, epoch = git("log", "-1", "--format=%H %ct").decode().split()
        return cls(commit, epoch, git("branch", "--show-current").decode().strip())


def build(engine: Engine, image: str, build_args: Sequence[str] = ()) -> str:
    """Build the image of the commit that is checked out; returns its name, with the commit as its tag.

    build_args: NAME=VALUE, for the Dockerfile. Raises UserError where a file was changed, or the model is not the one
    that dvc.lock promises.
    """
    commit = Commit.of_tree()
    tag = f"{image}:{commit.hash}"
    engine.build([tag, f"{image}:latest"], commit.epoch, _options(commit, build_args))
    return tag


def test(engine: Engine, image: str) -> tuple[int, list[str]]:
    """Compare a hardened container with this machine; returns the number of rows and what differs.

    The rows are those of features of all test rows and, where the image has DuckDB, those of the table, if it is one
    file of text. The server in it must become healthy.
    """
    predictor = Predictor.load()
    count, found = 0, []
    for form, rows in _rows(predictor):
        command = [sys.executable, "-m", "samebits", "predict"]
        here = subprocess.run(command, input=rows, capture_output=True, check=True).stdout.decode().splitlines()
        there = engine.run(image, "predict", given=rows).decode().splitlines()
        count += len(here)
        found += [
            f"row {number} of {form}: {of_image} in the image, {of_host} here"
            for number, (of_image, of_host) in enumerate(zip_longest(there, here), start=1)
            if of_image != of_host
        ]
    info = artifacts.parse_json(engine.run(image, "--info"), f"{image} --info")
    found += [
        f"{key}: {info.get(key)!r} in the image, {value!r} here"
        for key, value in predictor.info().items()
        if info.get(key) != value
    ]
    if not engine.becomes_healthy(image):
        found.append("the server does not become healthy")
    return count, found


def push(engine: Engine, image: str, build_args: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Push the image of the commit, pull it by its digest and test it; returns its name with the digest, what differs.

    Only then, and only on main, it becomes `latest`.
    """
    commit = Commit.of_tree()
    digest = engine.push(f"{image}:{commit.hash}", commit.epoch, _options(commit, build_args))
    reference = f"{image}@{digest}"
    engine.pull(reference)
    _, found = test(engine, reference)
    if not found and commit.branch == "main":
        engine.tag_pushed(reference, f"{image}:latest")
    return reference, found


def _options(commit: Commit, build_args: Sequence[str]) -> list[str]:
    labels = _labels(commit)
    query = ["QUERY=yes"] if _asks_query(Predictor.load()) else []
    build_args = [f"COMMIT={commit.hash}", *query, *build_args]
    return [f"--build-arg={each}" for each in build_args] + [f"--label={key}={labels[key]}" for key in sorted(labels)]


def _labels(commit: Commit) -> dict[str, str]:
    outputs = Pipeline.read(Repository.open()).outputs
    for path in MODEL_FILES:
        recorded = outputs[path][1].recorded if path in outputs else None
        expected = recorded.value if recorded else None
        if (found := artifacts.md5(artifacts.read_bytes(path))) != expected:
            raise UserError(f"{path}: has md5 {found}, but {artifacts.LOCK} promises {expected}; run `make`")
    card = artifacts.read_json(CARD_FILE)
    created = datetime.fromtimestamp(int(commit.epoch), UTC)
    labels = {
        REVISION: commit.hash,
        "org.opencontainers.image.created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "org.opencontainers.image.title": "samebits",
        "org.opencontainers.image.licenses": "Apache-2.0",
        LOCK_MD5: artifacts.md5(artifacts.read_bytes(artifacts.LOCK)),
        **score(card),
    }
    if source := _source():
        labels["org.opencontainers.image.source"] = source
    return labels


def score(card: Mapping[str, Any]) -> dict[str, str]:
    """The label that says how good the model of a card is: its R2 of the test rows, or its log loss."""
    name = family.of_card(card).score
    return {SCORE.format(name.replace("_", "-")): repr(card["metrics"]["test"][name])}


def _source() -> str | None:
    """Where the repository is on the web, without a password; the same from all its clones, none for a folder."""
    try:
        url = git("config", "--get", "remote.origin.url").decode().strip()
    except UserError:
        return None
    found = re.fullmatch(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+\.\w+)(?::\d+/|[:/])(.+?)/?", url)
    return f"https://{found[1]}/{found[2].removesuffix('.git')}" if found else None


def _asks_query(predictor: Predictor) -> bool:
    """Whether features are made of a row of the table by the query, for which the image needs DuckDB."""
    schema = predictor.schema
    return bool(schema and schema.by_row and not schema.plain)


def _rows(predictor: Predictor) -> Iterator[tuple[str, bytes]]:
    """Rows to compare, and what they are."""
    yield "features", _csv(TEST_ROWS)
    source = Path(params.load().data.source)
    if _asks_query(predictor) and source.is_file() and source.name.removesuffix(".gz").endswith(TEXTS):
        yield "the table", source.read_bytes()


def _csv(path: str) -> bytes:
    rows = pickles.load(path)
    lines = [",".join(rows["features"]), *(",".join(map(repr, row)) for row in rows["X"].tolist())]
    return "".join(f"{line}\n" for line in lines).encode()

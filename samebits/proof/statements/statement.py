"""What a check found on one machine as an in-toto Statement, in canonical bytes: the same facts, the same bytes.

The predicate is in-toto's test result. Its simple verification result has no place for what did not pass, and needs
the time, with which no two would have the same bytes.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from samebits import artifacts
from samebits.errors import UserError, warn
from samebits.proof.verdict import Conclusion, File, OutputVerdict, Verdict

TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PREDICATE: Literal["https://in-toto.io/attestation/test-result/v0.1"] = (
    "https://in-toto.io/attestation/test-result/v0.1"
)
PAYLOAD = "application/vnd.in-toto+json"
MOST = 32 * 2**20  # bytes of a file of statements; actions/attest signs predicates of up to 16 MB
Commit = Annotated[str, Meta(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")]


class Descriptor(msgspec.Struct, frozen=True):
    """In-toto's ResourceDescriptor: a thing by its name and its digests."""

    name: str
    digest: dict[str, str]


class Made(msgspec.Struct, frozen=True):
    """An output as `verdict.Output` has it, without what people read of it. files: what the run made."""

    stage: str
    path: str
    verdict: OutputVerdict
    allowed: bool
    promised: str | None
    obtained: str | None
    rule: str | None
    files: list[File]


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a check found, and where, as `verdict.Verdict` has it; no times, no names of hosts.

    problems: their kinds. taken: the stages that did not run. packages: as `name==version`. A new field has a default,
    with which it is left out: what an older version wrote still follows from its facts, byte for byte.
    """

    version: str
    commit: Commit
    root: str
    locks: list[Descriptor]
    conclusion: Conclusion
    outputs: list[Made]
    problems: list[str]
    taken: list[str]
    strict: bool
    network: list[str] | None
    varied: dict[str, bool]
    machine: dict[str, str]
    packages: list[str]
    isolation: list[str] | None = None
    unproved: list[str] = []
    setup: bool = False

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """The facts of a verdict."""
        return cls(
            version=verdict.version,
            commit=verdict.commit,
            root=verdict.root,
            locks=[Descriptor(path, {"sha256": value}) for path, value in sorted(verdict.locks.items())],
            conclusion=verdict.conclusion,
            outputs=[
                Made(*(getattr(each, name) for name in Made.__struct_fields__))  # all of them stand in an Output, too
                for each in verdict.outputs
            ],
            problems=sorted({each.kind for each in verdict.problems}),
            taken=sorted(verdict.taken),
            strict=verdict.strict,
            network=verdict.network if verdict.network is None else sorted(verdict.network),
            varied=verdict.varied,
            machine=verdict.machine,
            packages=sorted(f"{name}=={version}" for name, version in verdict.packages.items()),
            isolation=verdict.isolation,
            unproved=sorted(verdict.unproved),
            setup=verdict.setup,
        )

    @property
    def place(self) -> tuple[object, ...]:
        """What makes an environment another one: the machine, its Python and libraries, the packages."""
        return tuple(sorted(self.machine.items())), tuple(self.packages)

    def from_git(self, path: str) -> str:
        """A path from the root of DVC as one from the root of git."""
        return (PurePosixPath(self.root) / path).as_posix()


class Result(msgspec.Struct, frozen=True):
    """In-toto's test result, one test an output. samebits: an extension, from which all the rest follows."""

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: list[Descriptor]
    passedTests: list[str]  # noqa: N815 - the names are in-toto's
    warnedTests: list[str]  # noqa: N815
    failedTests: list[str]  # noqa: N815
    samebits: Facts

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """What follows from facts.

        WARNED: reproduced, as the settings allow other bytes. FAILED: not reproduced, or nothing could be found out;
        whoever only knows in-toto must not take that for a pass.
        """
        tests: dict[str, list[str]] = {"passed": [], "warned": [], "failed": []}
        for each in facts.outputs:
            kind = "passed" if each.verdict == "same" else "warned" if each.allowed else "failed"
            tests[kind].append(facts.from_git(each.path))
        passed: Literal["PASSED", "WARNED"] = "WARNED" if tests["warned"] else "PASSED"
        locks = [Descriptor(facts.from_git(each.name), each.digest) for each in facts.locks]
        return cls(
            result=passed if facts.conclusion == "reproduced" else "FAILED",
            configuration=[Descriptor("commit", {"gitCommit": facts.commit}), *locks],
            passedTests=sorted(tests["passed"]),
            warnedTests=sorted(tests["warned"]),
            failedTests=sorted(tests["failed"]),
            samebits=facts,
        )


class Statement(msgspec.Struct, frozen=True):
    """An in-toto Statement of version 1. signed: whether it came in an envelope, which its signature then seals."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: list[Descriptor]
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"] = msgspec.field(name="predicateType")
    predicate: Result

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """The one Statement of facts."""
        files = {facts.from_git(file.path): file.sha256 for each in facts.outputs for file in each.files}
        subject = [Descriptor(path, {"sha256": value}) for path, value in sorted(files.items())]
        return cls(TYPE, subject, PREDICATE, Result.of(facts))

    @property
    def facts(self) -> Facts:
        """What was found, and where."""
        return self.predicate.samebits


class Read(msgspec.Struct, frozen=True):
    """A statement as it was read: from where; whether in an envelope; whether its bytes are the canonical ones."""

    name: str
    statement: Statement
    enveloped: bool
    canonical: bool


def encode(statement: Statement) -> bytes:
    """Canonical JSON (RFC 8785): the names of fields are ASCII, and there is no number, so sorted keys suffice.

    Raises UserError where the name of a file is no text.
    """
    try:
        return msgspec.json.encode(statement, order="sorted")
    except UnicodeEncodeError as error:
        raise UserError(f"{error.object!a}: is no text, so no statement can name it") from None


def write(verdict: Verdict, path: str) -> None:
    """Write the statement of a verdict. Where no output was made, there is none, nor one of another check; it warns."""
    statement = Statement.of(Facts.of(verdict))
    if statement.subject:
        artifacts.write_bytes(encode(statement), path)
    else:
        if Path(path).is_file():
            Path(path).unlink()
        warn(f"{path}: not written, as no output was made; a Statement needs a subject")


def load(path: str) -> list[Read]:
    """As `read`, of a file."""
    try:
        if Path(path).exists() and not Path(path).is_file():  # a pipe that nobody writes to has no end
            raise UserError(f"{path}: is no file; `samebits check --statement FILE` writes one")
        with Path(path).open("rb") as file:
            return read(file.read(MOST + 1), path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `samebits check --statement FILE` writes one") from None


def read(content: bytes, name: str) -> list[Read]:
    """The statements of a check in a file: a Statement, a DSSE envelope, a Sigstore bundle, or lines of these.

    As in-toto asks, fields that are not known are ignored, and so are statements of other kinds beside one of a check.
    Raises UserError where there is none.
    """
    if len(content) > MOST:
        raise UserError(f"{name}: larger than {MOST >> 20} MB, which no statement of a check is")
    try:
        found = [_decoded(content, name)]
        texts = [content]
    except (ValueError, RecursionError):
        texts = [line for line in content.splitlines() if line.strip()]
        found = [_json(line, name) for line in texts]
    statements = list(_statements(texts, found, name))
    if not statements:
        raise UserError(f"{name}: no statement of `samebits check --statement`")
    return statements


def _statements(texts: list[bytes], found: list[Any], name: str) -> Iterator[Read]:
    for text, each in zip(texts, found, strict=True):
        payload = _payload(each, name)
        plain = _json(payload, name) if payload is not None else each
        if not isinstance(plain, dict) or plain.get("predicateType") != PREDICATE:
            continue
        if not isinstance(predicate := plain.get("predicate"), dict) or "samebits" not in predicate:
            continue
        try:
            statement = msgspec.convert(plain, Statement)
        except (msgspec.ValidationError, RecursionError) as error:
            raise UserError(f"{name}: no statement of a check ({error})") from None
        canonical = msgspec.json.encode(plain, order="sorted") == (text if payload is None else payload)
        yield Read(name, statement, payload is not None, canonical)


def _payload(value: Any, name: str) -> bytes | None:
    """What an envelope holds, by itself or in a bundle; None of what is no envelope."""
    envelope = value.get("dsseEnvelope", value) if isinstance(value, dict) else None
    if not isinstance(envelope, dict) or "payload" not in envelope:
        return None
    if envelope.get("payloadType") != PAYLOAD or not isinstance(envelope["payload"], str):
        raise UserError(f"{name}: an envelope of something else than {PAYLOAD}")
    try:
        return base64.b64decode(envelope["payload"], validate=True)
    except binascii.Error as error:
        raise UserError(f"{name}: a broken envelope ({error})") from None


def _json(content: bytes, name: str) -> Any:
    try:
        return _decoded(content, name)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: not JSON ({error})") from None


def _decoded(content: bytes, name: str) -> Any:
    """A JSON document. Raises UserError where an object has a key twice: readers differ in which one they take."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise UserError(f"{name}: an object in it has a key twice")
        return found

    return json.loads(content.decode(), object_pairs_hook=unique)

"""params.yaml as typed, validated objects: all that a user may change."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from samebits.artifacts import check_merged
from samebits.errors import UserError

FILE = "params.yaml"
DEEPEST = 100  # levels of nested YAML
NESTED = re.compile(rb"^[ \t?:-]{%d}" % DEEPEST, re.MULTILINE)  # only such a line, or brackets, can nest so deeply
BACKEND = "SAMEBITS_BACKEND"  # the environment variable that stands above compute.backend

SPLITS = ("shuffle", "hash")  # any other is a column of the query
Rounding = Literal["nearest", "babai", "exact"]  # each also keeps what those before it find
Penalty = Annotated[float, Meta(ge=0, le=1e308)]


class Data(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the table comes from and which of its rows are test rows."""

    source: Annotated[str, Meta(min_length=1, description="a path, a glob or a URL of CSV, Parquet or JSON files")]
    query: Annotated[str, Meta(min_length=1, description="a SQL query over the table `source`")]
    target: Annotated[str, Meta(min_length=1, description="the name of a column of the query")]
    test_size: Annotated[float, Meta(gt=0, lt=1, description="a number between 0 and 1, both excluded")]
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1, description="an integer from 0 to 4294967295")]
    split: Annotated[str, Meta(min_length=1, description="shuffle, hash, or the name of a column of the query")]
    keep_rows: Annotated[int, Meta(ge=1, le=2**32 - 1, description="an integer, 1 or more")]


class Compute(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the work is done; the results are the same."""

    backend: Literal["loky", "threading", "dask"]
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=1024)] | Literal["all"], Meta(description="an integer from 1 to 1024, or all")
    ]
    scheduler: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="the address of a Dask scheduler, or null")
    ]


class Train(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the model is trained. What has a default is asked for by few.

    labels: what 0 and 1 of the target mean. threshold: of the probability from which on the answer is 1.
    """

    alpha: Annotated[
        Penalty | Annotated[list[Penalty], Meta(min_length=1)] | Literal["auto"],
        Meta(description="a finite number, 0 or more, a list of such numbers, or auto"),
    ]
    folds: Annotated[int, Meta(ge=2, le=1000, description="an integer from 2 to 1000")]
    standardize: Annotated[bool, Meta(description="true or false")]
    model: Literal["linear", "logistic"] = "linear"
    labels: Annotated[
        Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=2, max_length=2)] | None,
        Meta(description="a list of two texts, in quotes where YAML would read something else"),
    ] = None
    threshold: Annotated[float, Meta(gt=0, lt=1, description="a number between 0 and 1, both excluded")] = 0.5
    std_errors: Literal["classical", "HC0", "HC1", "HC2", "HC3"] = "classical"

    @property
    def classes(self) -> tuple[str, str]:
        """The labels of 0 and 1."""
        no, yes = self.labels or ("0", "1")
        return no, yes


class Quantize(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the parameters of the model are quantized."""

    bits: Annotated[int, Meta(ge=2, le=16, description="an integer from 2 to 16")]
    scheme: Literal["per_channel_pow2", "per_tensor_affine", "unified_affine", "integer_only"]
    rounding: Rounding


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    data: Data
    compute: Compute
    train: Train
    quantize: Quantize


def load(path: str | Path = FILE) -> Params:
    """Read and validate params.yaml. Raises UserError naming the key, its value and what is allowed."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run from the project folder") from None
    document = read(content, path)
    for key in _keys_that_are_no_text(document):
        raise UserError(f"{path}: the last part of the key {key} is not text; put it in quotes or remove it")
    try:
        return msgspec.convert(document, Params)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {_explain(str(error), document)}") from None


def read(content: bytes, path: str | Path) -> Any:
    """The YAML 1.2 document in the file at `path`, read as DVC reads it. Raises UserError where it is none."""
    check_merged(content, path)
    check_depth(content, path)
    try:
        return YAML(typ="safe").load(content.decode())
    except (YAMLError, ValueError) as error:
        raise UserError(f"{path}: not YAML: {error}") from None


def check_depth(content: bytes, path: str | Path) -> None:
    """Raise UserError where YAML is nested so deeply that to build its values would end this process."""
    if not NESTED.search(content) and content.count(b"[") + content.count(b"{") <= DEEPEST:
        return
    depth = 0
    with suppress(YAMLError, ValueError):  # whoever reads it tells that
        for event in YAML(typ="safe").parse(content.decode()):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:
                raise UserError(f"{path}: nested more than {DEEPEST} levels deep")


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _keys_that_are_no_text(tree: Any, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if not isinstance(key, str):
            yield f"{prefix}{key}"
        yield from _keys_that_are_no_text(value, f"{prefix}{key}.")


def _explain(message: str, document: Any) -> str:
    """Msgspec's message in the terms of the file: the key, its value and what is allowed."""
    reason, _, location = message.partition(" - at `$")
    path = [key.partition("[")[0] for key in location.rstrip("`").split(".") if key]  # a list is told whole
    struct, value = Params, document
    if missing_or_unknown := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", reason):
        kind, name = missing_or_unknown.groups()
        for key in path:
            struct, value = struct.__annotations__[key], value[key]
        key = ".".join([*path, name])
        fields = struct.__struct_fields__
        if kind == "contains unknown":
            return f"unknown key {key} = {value[name]!r}; allowed here: {', '.join(fields)}"
        return f"{key} is missing; it must be {_allowed(struct, name)}"
    for key in path:
        parent, struct = struct, struct.__annotations__[key]
        value = value[key]
    return (
        f"{'.'.join(path) or 'the file'} is {value!r}; it must be {_allowed(parent, path[-1]) if path else 'a mapping'}"
    )


def _allowed(struct: Any, field: str) -> str:
    annotation = struct.__annotations__[field]
    if hasattr(annotation, "__struct_fields__"):
        return f"a mapping with the keys {', '.join(annotation.__struct_fields__)}"
    if hasattr(annotation, "__metadata__"):
        return annotation.__metadata__[0].description
    return f"one of {', '.join(annotation.__args__)}"

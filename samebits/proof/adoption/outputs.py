"""Which outputs of a stage are likely to have other bytes in each run, by their formats, fields and code."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pathspec import GitIgnoreSpec

from samebits.errors import UserError
from samebits.params import read
from samebits.proof.adoption.clue import Code
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.repository.stages import Item, Stage
from samebits.proof.settings import Rule

MOST_BYTES, MOST_NAMES = 2**20, 1000


@dataclass(frozen=True)
class Guess:
    """An output, or a stage, that is likely to give other bytes: why, what to do, and the rules that let it pass."""

    what: str
    why: str
    do: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of file whose bytes say when, or by whom, it was written.

    patterns: of its path, as in .gitignore. compare: what a rule for it says, if one helps. modules: those of which one
    must be imported by the stage for it to be so; else always. fetched: whether stages that use a network rather fetch
    such files.
    """

    patterns: tuple[str, ...]
    why: str
    do: str
    compare: str | None = None
    modules: tuple[str, ...] = ()
    fetched: bool = False


KINDS = (
    Kind(
        ("*.zip", "*.tar", "*.tgz", "*.tar.*", "*.gz"),
        "times of writing",
        "a rule: equal content passes",
        "equal",
        (),
        True,
    ),
    Kind(("*.log", "log/", "logs/"), "a log", "a rule: not compared", "ignore"),
    Kind(("mlruns/",), "MLflow draws ids", "a rule: not compared", "ignore"),
    Kind(("*events.out.tfevents*",), "times and host of TensorBoard", "a rule: not compared", "ignore"),
    Kind(("*.svg",), "a date and random ids", "svg.hashsalt, metadata={'Date': None}", None, ("matplotlib", "seaborn")),
    Kind(("*.pdf",), "a date", "savefig(metadata={'CreationDate': None})", None, ("matplotlib", "seaborn")),
    Kind(
        ("*.html",),
        "random ids",
        "make it beside the pipeline, or write numbers",
        None,
        ("plotly", "evidently", "ydata_profiling", "pandas_profiling", "folium", "bokeh", "sweetviz"),
    ),
    Kind(("*.h5", "*.hdf", "*.hdf5"), "PyTables writes times", "Parquet has none", None, ("tables",)),
    Kind(("*.keras",), "the date of saving", "save_weights, or ONNX"),
    Kind(("*.xlsx", "*.docx", "*.pptx"), "the time of writing", "CSV or Parquet has none", fetched=True),
    Kind(("*.db", "*.sqlite", "*.sqlite3"), "pages in the order of writes", "write tables as files, too"),
)
# Fields that say when or by whom, where their value looks like it
TIMES = "time timestamp datetime date created created_at updated_at trained_at generated_at saved_at"
DURATIONS = "time seconds secs duration elapsed runtime time_s time_sec time_seconds time_ms latency latency_ms"
IDS = "run_id uuid guid experiment_id session_id"
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
HEX = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def unsteady(pipeline: Pipeline, stage: Stage, code: Code) -> Iterator[Guess]:
    """Guesses for a stage: of its outputs by their names, of fields that they have now, of what its code does."""
    for out in (each for each in stage.outs if each.here):
        names = _names(pipeline, out)
        for kind in KINDS:
            if (kind.modules and not code.imports_any(*kind.modules)) or (kind.fetched and code.of("network")):
                continue
            if found := _matching(out, names, kind.patterns):
                rules = tuple(_rule(path, kind) for path in found) if kind.compare else ()
                yield Guess(found[0], kind.why, kind.do, rules)
        for path in [out.path] if names == [""] else [f"{out.path}/{name}" for name in names]:
            for field, why in _fields(pipeline, out, path):
                rule = Rule(path, "ignore", field=field, reason=why)
                yield Guess(path, f"{field} is {why}", "a rule: the field is not compared", (rule,))
    for clue in code.of("random"):
        yield Guess(stage.name, str(clue), "set it")
    for clue in code.of("threads"):
        yield Guess(stage.name, f"sums of predictions, {clue}", "n_jobs=1, or a rule: close, ulp = 4")


def _matching(out: Item, names: list[str], patterns: tuple[str, ...]) -> list[str]:
    """The output, or patterns for what lies in it, of which the names fit."""
    spec = GitIgnoreSpec.from_lines(patterns)
    if names == [""]:
        return [out.path] if spec.match_file(out.path.lower()) else []
    if spec.match_file(f"{out.path}/"):
        return [out.path]
    fitting = [name for name in names if spec.match_file(name.lower())]
    return list(dict.fromkeys(_pattern(out.path, name) for name in fitting))


def _pattern(folder: str, name: str) -> str:
    """What to call a file in a folder, and those of its kind."""
    path = PurePosixPath(name)
    if len(path.parts) > 1 and path.parts[0] in ("log", "logs", "mlruns"):
        return f"{folder}/{path.parts[0]}"
    return f"{folder}/**/{'events.out.tfevents*' if 'tfevents' in name else f'*{path.suffix}'}"


def _rule(path: str, kind: Kind) -> Rule:
    if kind.compare == "equal":
        return Rule(path, "equal")
    return Rule(path, "ignore", reason=kind.why)


def _names(pipeline: Pipeline, out: Item) -> list[str]:
    """The files of a folder, by their paths from it, as it is here or in the cache; of a file, only an empty text."""
    place = pipeline.root / out.path
    if os.path.isdir(place):
        files = (each for each in place.rglob("*") if os.path.isfile(each))
        return [each.relative_to(place).as_posix() for each, _ in zip(files, range(MOST_NAMES), strict=False)]
    if out.recorded and out.recorded.is_folder:
        return list(pipeline.store.manifest(out.recorded) or {})[:MOST_NAMES]
    return [""]


def _fields(pipeline: Pipeline, out: Item, path: str) -> Iterator[tuple[str, str]]:
    """Fields of JSON or YAML that say when or by whom it was written, and which of it."""
    file = pipeline.root / path
    if not os.path.isfile(file) and out.recorded and path == out.path and not out.recorded.is_folder:
        file = pipeline.store.get(out.recorded) or file
    if PurePosixPath(path).suffix.lower() not in (".json", ".yaml", ".yml") or not os.path.isfile(file):
        return
    if file.stat().st_size > MOST_BYTES:
        return
    content = file.read_bytes()
    try:
        value = json.loads(content) if path.lower().endswith(".json") else read(content, path)
    except (UserError, ValueError, RecursionError):
        return
    yield from dict(_unsteady_fields(value)).items()


def _unsteady_fields(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(key, str) and (why := _why(key, each)):
                yield key, why
            yield from _unsteady_fields(each)
    elif isinstance(value, list):
        for each in value[:MOST_NAMES]:
            yield from _unsteady_fields(each)


def _why(key: str, value: Any) -> str | None:
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    if isinstance(value, str):
        if ISO.match(value):
            return "a time" if _ends(key, TIMES) else None
        return "drawn anew" if _ends(key, IDS) and HEX.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if _ends(key, TIMES) and value > 1e9:
        return "a time"
    return "a duration" if _ends(key, DURATIONS) and isinstance(value, float) else None


def _ends(key: str, words: str) -> bool:
    return any(key == word or key.endswith(f"_{word}") for word in words.split())

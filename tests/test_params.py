import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from samebits import params
from samebits.errors import UserError
from tests.conftest import ROOT

GOOD: dict[str, Any] = {
    "data": {
        "source": "table.csv",
        "query": "SELECT * FROM source",
        "target": "y",
        "test_size": 0.25,
        "seed": 7,
        "split": "hash",
        "keep_rows": 10,
    },
    "compute": {"backend": "threading", "workers": 2, "scheduler": None},
    "train": {
        "alpha": 0.5,
        "folds": 3,
        "standardize": False,
        "model": "logistic",
        "labels": ["no", "yes"],
        "threshold": 0.25,
        "std_errors": "HC3",
    },
    "quantize": {"bits": 4, "scheme": "unified_affine", "rounding": "nearest"},
}

TEXT_KEYS = {
    "data.source": "a path, a glob or a URL of CSV, Parquet or JSON files",
    "data.query": "a SQL query over the table `source`",
    "data.target": "the name of a column of the query",
}
TEST_SIZE = "a number between 0 and 1, both excluded"
SEED = "an integer from 0 to 4294967295"
ALPHA = "a finite number, 0 or more, a list of such numbers, or auto"
FOLDS = "an integer from 2 to 1000"
BOOLEAN = "true or false"
KEEP_ROWS = "an integer, 1 or more"
SPLIT = "shuffle, hash, or the name of a column of the query"
BACKENDS = ["loky", "threading", "dask"]
WORKERS = "an integer from 1 to 1024, or all"
SCHEDULER = "the address of a Dask scheduler, or null"
BITS = "an integer from 2 to 16"
SCHEMES = ["per_channel_pow2", "per_tensor_affine", "unified_affine", "integer_only"]
MODELS = ["linear", "logistic"]
ERRORS = ["classical", "HC0", "HC1", "HC2", "HC3"]
LABELS = "a list of two texts, in quotes where YAML would read something else"
ROUNDINGS = ["nearest", "babai", "exact"]
ALLOWED = {
    **TEXT_KEYS,
    "data.test_size": TEST_SIZE,
    "data.seed": SEED,
    "data.split": SPLIT,
    "data.keep_rows": KEEP_ROWS,
    "compute.backend": f"one of {', '.join(BACKENDS)}",
    "compute.workers": WORKERS,
    "compute.scheduler": SCHEDULER,
    "train.alpha": ALPHA,
    "train.folds": FOLDS,
    "train.standardize": BOOLEAN,
    "train.model": f"one of {', '.join(MODELS)}",
    "train.labels": LABELS,
    "train.threshold": TEST_SIZE,
    "train.std_errors": f"one of {', '.join(ERRORS)}",
    "quantize.bits": BITS,
    "quantize.scheme": f"one of {', '.join(SCHEMES)}",
    "quantize.rounding": f"one of {', '.join(ROUNDINGS)}",
}
DEFAULTS = ("train.model", "train.labels", "train.threshold", "train.std_errors")
SECTIONS = {
    "data": "a mapping with the keys source, query, target, test_size, seed, split, keep_rows",
    "compute": "a mapping with the keys backend, workers, scheduler",
    "train": "a mapping with the keys alpha, folds, standardize, model, labels, threshold, std_errors",
    "quantize": "a mapping with the keys bits, scheme, rounding",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def dump(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(GOOD)
    change(document)
    path.write_text(yaml.safe_dump(document))


def set_key(path: Path, key: str, value: Any) -> None:
    section, name = key.split(".")
    dump(path, lambda document: document[section].update({name: value}))


def mistake(path: Path) -> str:
    """The message about a file, without the path in front."""
    with pytest.raises(UserError) as caught:
        params.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_every_key_is_read(path: Path) -> None:
    path.write_text(yaml.safe_dump(GOOD))
    options = params.load(path)
    for section in ("data", "compute"):
        read = getattr(options, section)
        assert {name: getattr(read, name) for name in GOOD[section]} == GOOD[section]
    assert options.train.alpha == 0.5
    assert [options.quantize.bits, options.quantize.scheme, options.quantize.rounding] == list(
        GOOD["quantize"].values()
    )


def test_the_project_s_own_file_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert params.load() == params.load(ROOT / "params.yaml")


@pytest.mark.parametrize("key", TEXT_KEYS)
@pytest.mark.parametrize("value", ["", 1, 1.5, True, None, ["a"], {"a": 1}])
def test_text_of_another_kind_is_refused(path: Path, key: str, value: Any) -> None:
    set_key(path, key, value)
    assert mistake(path) == f"{key} is {value!r}; it must be {TEXT_KEYS[key]}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("data.test_size", value) for value in (0, 1, 0.0, 1.0, -0.2, 1.5, "0.2", True, None, [0.2])),
        *(("data.test_size", value) for value in (float("nan"), float("inf"), float("-inf"))),
        *(("data.seed", value) for value in (-1, 2**32, 10**30, 1.0, 0.5, "1", False, None, [1])),
        *(("data.split", value) for value in ("", 1, None, True, ["hash"])),
        *(("data.keep_rows", value) for value in (0, -1, 2**32, 1.5, "1", True, None, [1])),
        *(("compute.backend", value) for value in ("Dask", "spark", "", 1, None, ["loky"])),
        *(("compute.workers", value) for value in (0, -1, 1025, 1.5, "2", "All", None, True, [1])),
        *(("compute.scheduler", value) for value in ("", 1, True, ["tcp://127.0.0.1:8786"])),
        *(("train.alpha", value) for value in (-1, -1e-300, 2e308, -2e308, float("nan"), "0", True, None)),
        *(("train.alpha", value) for value in ([], ["1"], [0, -1], [1, float("nan")], [[1]], [None], "Auto", {"a": 1})),
        *(("train.folds", value) for value in (1, 0, -5, 1001, 5.0, "5", True, None, [5])),
        *(("train.standardize", value) for value in (0, 1, "true", None, [True])),
        *(("train.model", value) for value in ("Logistic", "", 1, None, True, ["linear"])),
        *(("train.labels", value) for value in ("no", [], ["no"], ["no", ""], [0, 1], ["a", "b", "c"], [False, True])),
        *(("train.std_errors", value) for value in ("hc3", "robust", "CR1", None, True)),
        *(("train.threshold", value) for value in (0, 1, -0.1, 1.5, "0.5", True, None)),
        *(("quantize.bits", value) for value in (1, 17, 0, -8, 10**30, 8.0, 8.5, "8", True, None, [8])),
        *(("quantize.scheme", value) for value in ("affine", "Unified_affine", "", 1, None, True, ["unified_affine"])),
        *(("quantize.rounding", value) for value in ("floor", "", 1, None, False, ["nearest"])),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(path: Path, key: str, value: Any) -> None:
    set_key(path, key, value)
    assert mistake(path) == f"{key} is {value!r}; it must be {ALLOWED[key]}"


def test_few_keys_may_be_missing(path: Path) -> None:
    dump(path, lambda document: [document["train"].pop(key.removeprefix("train.")) for key in DEFAULTS])
    train = params.load(path).train
    assert (train.model, train.labels, train.threshold) == ("linear", None, 0.5)
    assert train.std_errors == "classical"


@pytest.mark.parametrize("key", [key for key in ALLOWED if key not in DEFAULTS])
def test_a_missing_key_is_refused(path: Path, key: str) -> None:
    section, name = key.split(".")
    dump(path, lambda document: document[section].pop(name))
    assert mistake(path) == f"{key} is missing; it must be {ALLOWED[key]}"


@pytest.mark.parametrize("section", SECTIONS)
def test_a_missing_section_is_refused(path: Path, section: str) -> None:
    dump(path, lambda document: document.pop(section))
    assert mistake(path) == f"{section} is missing; it must be {SECTIONS[section]}"


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("value", [None, 1, "text", [1], True])
def test_a_section_that_is_no_mapping_is_refused(path: Path, section: str, value: Any) -> None:
    dump(path, lambda document: document.update({section: value}))
    assert mistake(path) == f"{section} is {value!r}; it must be {SECTIONS[section]}"


@pytest.mark.parametrize(
    ("section", "allowed"),
    [
        ("data", "source, query, target, test_size, seed, split, keep_rows"),
        ("compute", "backend, workers, scheduler"),
        ("train", "alpha, folds, standardize, model, labels, threshold, std_errors"),
        ("quantize", "bits, scheme, rounding"),
    ],
)
def test_an_unknown_key_is_refused(path: Path, section: str, allowed: str) -> None:
    dump(path, lambda document: document[section].update({"sede": 42}))
    assert mistake(path) == f"unknown key {section}.sede = 42; allowed here: {allowed}"


def test_an_unknown_section_is_refused(path: Path) -> None:
    dump(path, lambda document: document.update({"training": {"alpha": 1}}))
    assert mistake(path) == "unknown key training = {'alpha': 1}; allowed here: data, compute, train, quantize"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_scheme_and_rounding_is_allowed(path: Path, scheme: str, rounding: str) -> None:
    dump(path, lambda document: document["quantize"].update({"scheme": scheme, "rounding": rounding}))
    assert params.load(path).quantize.scheme == scheme
    assert params.load(path).quantize.rounding == rounding


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("key", [8, None, True])
def test_a_key_that_is_no_text_is_named(path: Path, section: str, key: Any) -> None:
    dump(path, lambda document: document[section].update({key: 1}))
    message = mistake(path)
    assert f"{section}.{key}" in message
    assert "the file is" not in message


@pytest.mark.parametrize("text", ["", "[]", "text", "42", "- data\n- train\n", "null"])
def test_a_file_that_is_no_mapping_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    assert mistake(path) == f"the file is {yaml.safe_load(text)!r}; it must be a mapping"


@pytest.mark.parametrize(
    "content",
    [
        b"data: [1\n",
        b"a: b: c\n",
        b"\tdata: 1\n",
        b"data: 1\n---\ntrain: 1\n",
        b"\xff\xfe\x00",
        b"a: !!python/name:os.system\n",
    ],
)
def test_a_file_that_is_not_yaml_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert mistake(path).startswith("not YAML: ")


def test_a_date_that_does_not_exist_is_refused(path: Path) -> None:
    path.write_text(yaml.safe_dump(GOOD).replace("seed: 7", "seed: 2024-13-45"))
    assert mistake(path)


def test_a_missing_file_is_a_mistake_of_the_user(path: Path) -> None:
    assert mistake(path) == "No such file or directory; run from the project folder"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert mistake(tmp_path).startswith("Is a directory")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E-3", 0.001),
        ("+1e-3", 0.001),
        ("2.5e3", 2500.0),
        ("1.e2", 100.0),
        ("1e2", 100.0),
        ("0", 0.0),
        ("7", 7.0),
        ("0.1", 0.1),
        ("5e-324", 5e-324),
        ("123.456e-2", 1.23456),
        ("1e308", 1e308),
    ],
)
def test_numbers_of_yaml_1_2_are_read(path: Path, text: str, value: float) -> None:
    path.write_text(yaml.safe_dump(GOOD).replace("alpha: 0.5", f"alpha: {text}"))
    assert params.load(path).train.alpha == value


@pytest.mark.parametrize(("text", "value"), [("[0, 1, 1e-3]", [0, 1, 0.001]), ("[7]", [7]), ("auto", "auto")])
def test_alpha_may_be_a_list_or_auto(path: Path, text: str, value: Any) -> None:
    path.write_text(yaml.safe_dump(GOOD).replace("alpha: 0.5", f"alpha: {text}"))
    assert params.load(path).train.alpha == value


def test_a_negative_number_of_yaml_1_2_is_a_number(path: Path) -> None:
    path.write_text(yaml.safe_dump(GOOD).replace("alpha: 0.5", "alpha: -1e-3"))
    assert mistake(path) == f"train.alpha is -0.001; it must be {ALPHA}"


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("0o17", 15)])
def test_integers_of_yaml_1_2_are_read(path: Path, text: str, value: int) -> None:
    path.write_text(yaml.safe_dump(GOOD).replace("seed: 7", f"seed: {text}"))
    assert params.load(path).data.seed == value


@pytest.mark.parametrize(("bits", "seed", "test_size"), [(2, 0, 1e-9), (16, 2**32 - 1, 1 - 2.0**-53)])
def test_the_ends_of_the_ranges_are_allowed(path: Path, bits: int, seed: int, test_size: float) -> None:
    path.write_text(yaml.safe_dump({**GOOD, "quantize": {**GOOD["quantize"], "bits": bits}}))
    assert params.load(path).quantize.bits == bits
    path.write_text(yaml.safe_dump({**GOOD, "data": {**GOOD["data"], "seed": seed, "test_size": test_size}}))
    assert (params.load(path).data.seed, params.load(path).data.test_size) == (seed, test_size)

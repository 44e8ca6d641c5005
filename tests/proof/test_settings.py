"""The settings of a repository: what they hold, where they are found, and each mistake in one line."""

from pathlib import Path

import pytest

from samebits.errors import UserError
from samebits.proof.settings import Gate, Rule, Settings, stored

WHOLE = """
setup = "make env"
network = ["fetch"]
timeout = 30
pass_env = ["CUDA_*"]
gate = {r2 = 0.01, loss = {tolerance = 2, better = "lower"}}
outputs = [
    {path = "a.json", compare = "equal"},
    {path = "b.json", compare = "close", ulp = 0},
    {path = "c.json", compare = "ignore", field = "time", reason = "a clock"},
]
"""


def load(folder: Path, text: str, file: str = "samebits.toml") -> Settings:
    (folder / file).write_text(text)
    return Settings.load(folder)


def test_all_that_settings_may_hold(tmp_path: Path) -> None:
    found = load(tmp_path, WHOLE)
    assert found.commands == ["make env"]
    assert (found.network, found.timeout, found.pass_env) == (["fetch"], 30.0, ["CUDA_*"])
    assert found.gates == {"r2": Gate(0.01), "loss": Gate(2.0, "lower")}
    assert [str(rule) for rule in found.outputs] == [
        "a.json: equal",
        "b.json: close (ulp 0)",
        "c.json, field time: ignore (a clock)",
    ]
    assert str(Rule(path="a", compare="close", ulp=4, rtol=1e-9, atol=0.5)) == "a: close (ulp 4, rtol 1e-09, atol 0.5)"


def test_without_any_there_are_the_defaults(tmp_path: Path) -> None:
    assert stored(tmp_path) is None
    found = Settings.load(tmp_path)
    assert found == Settings()
    assert (found.commands, found.network, found.timeout, found.pass_env) == ([], [], None, [])
    assert (found.outputs, found.gates) == ([], {})
    assert Settings(setup=["a", "b"]).commands == ["a", "b"]
    assert load(tmp_path, "[tool.ruff]\nline-length = 99\n", "pyproject.toml") == Settings()


def test_the_first_folder_that_has_settings_counts(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "samebits.toml").write_text("timeout = 1\n")
    assert stored(inner, tmp_path) == ("samebits.toml", {"timeout": 1})
    (inner / "pyproject.toml").write_text("[project]\nname = 'a'\n")
    assert Settings.load(inner, tmp_path).timeout == 1
    (inner / "pyproject.toml").write_text("[tool.samebits]\ntimeout = 2\n")
    assert stored(inner, tmp_path) == ("pyproject.toml: tool.samebits", {"timeout": 2})
    (inner / "samebits.toml").write_text("")
    with pytest.raises(UserError, match=r"^samebits.toml and \[tool.samebits\] of pyproject.toml both have settings; "):
        Settings.load(inner, tmp_path)


RULE = '[[outputs]]\npath = "first"\ncompare = "equal"\n[[outputs]]\npath = "a/*"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'{RULE}compare = "close"', "outputs, rule 2 (a/*): close needs ulp, rtol or atol"),
        *(
            (
                f'{RULE}compare = "{compare}"\n{limit} = 0',
                "outputs, rule 2 (a/*): ulp, rtol and atol go with compare = ",
            )
            for compare, limit in (("bytes", "ulp"), ("equal", "rtol"), ("ignore", "atol"))
        ),
        (f'{RULE}compare = "ignore"', "outputs, rule 2 (a/*): ignore needs a reason, which the verdict prints"),
        (f'{RULE}compare = "same"', "outputs, rule 2, compare: 'same' is none of bytes, equal, close, ignore"),
        (f'{RULE}compare = "close"\nulp = -1', "outputs, rule 2, ulp: Expected `number` >= 0.0"),
        (f'{RULE}compare = "close"\nrtol = inf', "outputs, rule 2, rtol: Expected `number` <= 1e+308"),
        (f'{RULE}compare = "bytes"\nreason = ""', "outputs, rule 2, reason: Expected `text` of length >= 1"),
        (f'{RULE}compare = "bytes"\nulps = 1', "outputs, rule 2: unknown key ulps; allowed here: path, compare, ulp, "),
        (RULE, "outputs, rule 2: Object missing required field `compare`"),
        ('[gate]\nr2 = {better = "more"}', "gate, better: 'more' is none of higher, lower"),
        ("[gate]\nr2 = {limit = 1}", "gate: unknown key limit; allowed here: tolerance, better"),
        ("[gate]\nr2 = true", "gate: Expected `number | table`, got `true or false`"),
        ("timeout = 0", "timeout: Expected `number` > 0.0"),
        ("timeout = 1e10", "timeout: Expected `number` <= 1000000000.0"),
        ('network = "a"', "network: Expected `list`, got `text`"),
        ('network = ["a", 3]', "network, number 2: Expected `text`, got `number`"),
        ("pass_env = [{}]", "pass_env, number 1: Expected `text`, got `table`"),
        ("setup = 3", "setup: Expected `text | list`, got `number`"),
        ("retries = 3", "unknown key retries; allowed here: setup, network, timeout, pass_env, outputs, gate"),
    ],
)
@pytest.mark.parametrize("file", ["samebits.toml", "pyproject.toml"])
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, told: str, file: str) -> None:
    if file == "pyproject.toml":
        text = text.replace("[outputs", "[tool.samebits.outputs").replace("[gate", "[tool.samebits.gate")
        text = text if text.startswith("[") else f"[tool.samebits]\n{text}"
    name = "pyproject.toml: tool.samebits" if file == "pyproject.toml" else file
    with pytest.raises(UserError) as raised:
        load(tmp_path, text, file)
    assert str(raised.value).startswith(f"{name}: {told}")


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"a = 1\na = 2\n"])
def test_what_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "samebits.toml").write_bytes(content)
    with pytest.raises(UserError, match=r"^samebits.toml: not TOML \("):
        Settings.load(tmp_path)


def test_a_folder_in_place_of_settings_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "samebits.toml").mkdir()
    with pytest.raises(UserError, match=r"^samebits.toml: not TOML \(.*Is a directory"):
        Settings.load(tmp_path)

"""What a repository asks of its check: `[tool.samebits]` of pyproject.toml, or samebits.toml. All of it is optional."""

import re
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, get_args

import msgspec
from msgspec import Meta
from pathspec import GitIgnoreSpec

from samebits.errors import UserError

FILE, TABLE = "samebits.toml", "pyproject.toml"
NotNegative = Annotated[float, Meta(ge=0, le=1e308, description="a finite number, 0 or more")]
Text = Annotated[str, Meta(min_length=1, description="a text")]
Compare = Literal["bytes", "equal", "close", "ignore"]
Better = Literal["higher", "lower"]
# Msgspec's names of types, and TOML's
TYPES = {"array": "list", "object": "table", "str": "text", "float": "number", "int": "number", "bool": "true or false"}


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What may differ in the outputs whose path fits a pattern; the last rule that fits one stands.

    path: from the folder of the settings on, with `*`, `?` and `**` as in .gitignore: `*` stays within a folder, `**`
    is any number of folders, and a folder holds what is in it.
    compare: bytes; equal: the same content in other bytes; close: numbers within a tolerance; ignore: anything.
    ulp, rtol, atol: of `close`, in units in the last place, of the promised value, and absolute; one suffices.
    field: of JSON, CSV and the like, the name of the field or column that the rule is for, at any depth.
    reason: of `ignore`, why.
    """

    path: Text
    compare: Compare
    ulp: NotNegative | None = None
    rtol: NotNegative | None = None
    atol: NotNegative | None = None
    field: Text | None = None
    reason: Text | None = None

    def fits(self, path: str) -> bool:
        """Whether a path, with / between its parts, fits the pattern."""
        return _spec(self.path).match_file(path)

    def may_fit_in(self, folder: str) -> bool:
        """Whether a file in a folder may fit the pattern."""
        fixed = re.split(r"[*?]", self.path, maxsplit=1)[0]
        return f"{folder}/".startswith(fixed) or fixed.startswith(f"{folder}/") or self.fits(folder)

    def __str__(self) -> str:
        """The rule as people read it: `eval/*.json: close (ulp 4)`."""
        limits = ", ".join(
            f"{name} {value:g}" for name in ("ulp", "rtol", "atol") if (value := getattr(self, name)) is not None
        )
        field = f", field {self.field}" if self.field else ""
        return f"{self.path}{field}: {self.compare}" + (f" ({limits or self.reason})" if limits or self.reason else "")


class Gate(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """By how much a metric may get worse, and which direction is better."""

    tolerance: NotNegative = 0.0
    better: Better | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All settings.

    setup: a command, or several, that make the environment of the stages; run first, in the commit's files, with
    network. network: the stages that may use it. timeout: of a stage, in seconds. pass_env: names of variables of the
    environment that reach the stages, beside the usual ones; `*` is any text. gate: by the name of a metric, by how
    much it may get worse than at a base.
    """

    setup: Text | list[Text] = []
    network: list[Text] = []
    timeout: Annotated[float, Meta(gt=0, le=1e9, description="a number of seconds")] | None = None
    pass_env: list[Text] = []
    outputs: list[Rule] = []
    gate: dict[str, NotNegative | Gate] = {}

    @property
    def commands(self) -> list[str]:
        """The commands of `setup`."""
        return [self.setup] if isinstance(self.setup, str) else self.setup

    @property
    def gates(self) -> dict[str, Gate]:
        """What `gate` says, a number being a tolerance."""
        return {name: each if isinstance(each, Gate) else Gate(each) for name, each in self.gate.items()}

    @classmethod
    def load(cls, *folders: Path) -> Self:
        """The settings in the first of some folders that has any; else none. Raises UserError at a mistake in them."""
        found = stored(*folders)
        return cls._of(*found) if found else cls()

    @classmethod
    def _of(cls, name: str, table: Any) -> Self:
        try:
            settings = msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            raise UserError(f"{name}: {_explain(str(error))}") from None
        for number, rule in enumerate(settings.outputs, 1):
            limits = [limit for limit in (rule.ulp, rule.rtol, rule.atol) if limit is not None]
            if mistake := (
                (rule.compare == "close" and not limits and "close needs ulp, rtol or atol")
                or (rule.compare != "close" and limits and "ulp, rtol and atol go with compare = 'close'")
                or (rule.compare == "ignore" and not rule.reason and "ignore needs a reason, which the verdict prints")
            ):
                raise UserError(f"{name}: outputs, rule {number} ({rule.path}): {mistake}")
        return settings


def stored(*folders: Path) -> tuple[str, Any] | None:
    """Where the settings are, in the first of some folders that has any, and what they are before they are checked."""
    for folder in folders:
        own, table = _read(folder / FILE), (_read(folder / TABLE) or {}).get("tool", {}).get("samebits")
        if own is not None and table is not None:
            raise UserError(f"{FILE} and [tool.samebits] of {TABLE} both have settings; keep one of them")
        for name, found in ((FILE, own), (f"{TABLE}: tool.samebits", table)):
            if found is not None:
                return name, found
    return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name}: not TOML ({error})") from None


def _explain(message: str) -> str:
    """Msgspec's message in the terms of the file."""
    reason, _, location = message.partition(" - at `$")
    place = re.sub(r"\[(\d+)\]", lambda found: f", number {int(found[1]) + 1}", location.strip("`").lstrip("."))
    place = place.replace("[...]", "").replace("outputs, number", "outputs, rule").replace(".", ", ")
    struct = Rule if place.startswith("outputs") else Gate if place.startswith("gate") else Settings
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", reason):
        reason = f"unknown key {unknown[1]}; allowed here: {', '.join(struct.__struct_fields__)}"
    elif wrong := re.fullmatch(r"Invalid enum value ('.*')", reason, re.DOTALL):
        reason = f"{wrong[1]} is none of {', '.join(get_args(Better if struct is Gate else Compare))}"
    else:
        reason = re.sub(r"\w+", lambda word: TYPES.get(word[0], word[0]), reason.replace(" | null", ""))
    return f"{place}: {reason}" if place else reason


@cache
def _spec(pattern: str) -> GitIgnoreSpec:
    """What fits a pattern, in which brackets, backslashes and spaces stand for themselves."""
    escaped = re.sub(r"[\\\[ ]", r"\\\g<0>", str(PurePosixPath(pattern)))
    return GitIgnoreSpec.from_lines([f"/{escaped}"])

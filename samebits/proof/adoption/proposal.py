"""What is written for a check: settings, into a file of their own or to the end of pyproject.toml; a workflow."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec
from tomlkit import item

from samebits import artifacts
from samebits.errors import UserError
from samebits.markdown import printable
from samebits.proof.repository.paths import Paths
from samebits.proof.repository.pipeline import Pipeline
from samebits.proof.settings import FILE, TABLE, Settings

WORKFLOWS = {"github": ".github/workflows/samebits.yml", "gitlab": ".gitlab-ci.yml"}  # by their hosts, from the top
REQUIREMENTS = "requirements.txt"
# In them, what installs the packages of the stages; and the arguments of this project's Action
INSTALLING = {
    "github": re.compile(r"^ +- name: Set up what the stages need\n.*\n", re.MULTILINE),
    "gitlab": re.compile(r"^ +- pip install .*-r requirements.txt\n", re.MULTILINE),
}
COMMAND = re.compile(r"^( +)command: .*\n", re.MULTILINE)
PAGE = "written by `samebits init`, for `samebits check`"


def missing(proposed: Settings, there: Settings) -> Settings:
    """What settings that are there lack of proposed ones."""
    return Settings(
        setup=[] if there.commands else proposed.setup,
        network=[each for each in proposed.network if each not in there.network],
        pass_env=[each for each in proposed.pass_env if each not in there.pass_env],
        outputs=[
            rule
            for rule in proposed.outputs
            if not any(each.fits(rule.path) and each.field in (None, rule.field) for each in there.outputs)
            and rule not in there.outputs
        ],
    )


def text(settings: Settings, reasons: Mapping[str, str], before: str = "") -> str:
    """Settings as TOML, the names of tables after `before`; why a stage may need a network stands beside its name."""
    lines = [f"[{before.removesuffix('.')}] # {PAGE}" if before else f"# {PAGE[0].upper()}{PAGE[1:]}"]
    if settings.setup:
        lines.append(f"setup = {_toml(settings.setup)}")
    if settings.network:
        stages = [f"    {_toml(name)}, # {printable(reasons.get(name, ''))}" for name in settings.network]
        lines += ["network = [", *stages, "]"]
    if settings.pass_env:
        lines.append(f"pass_env = {_toml(settings.pass_env)}")
    for rule in settings.outputs:
        lines += ["", f"[[{before}outputs]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in msgspec.to_builtins(rule).items() if value is not None]
    return "\n".join(lines) + "\n"


def place(pipeline: Pipeline) -> tuple[str, bytes]:
    """Where settings go that are not there yet, and what stands there before them.

    That is the end of pyproject.toml; or a file of its own where there is none, or where a stage reads it, which would
    no longer be what the run read.
    """
    path = pipeline.root / TABLE
    read = any(Paths(stage.reads).overlapping(TABLE) for stage in pipeline.stages)
    if read or path.is_symlink() or not path.is_file():
        return FILE, b""
    return TABLE, path.read_bytes()


def prefix(file: str) -> str:
    """What stands before the names of tables of settings in a file."""
    return "" if file == FILE else "tool.samebits."


def write(pipeline: Pipeline, settings: Settings, reasons: Mapping[str, str]) -> str:
    """Write settings where none are; returns the name of the file. All bytes that are there stay."""
    name, before = place(pipeline)
    if name == TABLE:
        added = text(settings, reasons, prefix(name))
        end = "\r\n" if b"\r\n" in before else "\n"
        gap = end if before.endswith(b"\n") or not before else end * 2
        content = before + (gap + added.replace("\n", end)).encode()
        if _settings_of(content) == settings:
            with (pipeline.root / name).open("ab") as file:
                file.write(content[len(before) :])
            return name
    artifacts.write_text(text(settings, reasons), pipeline.root / FILE)
    return FILE


def workflow(host: str, top: Path, root: Path, makes_environment: bool) -> tuple[Path, str] | None:
    """The workflow for a host: where it goes and its text; None where it is there.

    root: of DVC, in that of git. makes_environment: whether the settings do, so that no step of it need. Raises
    UserError where another workflow is there.
    """
    path = top / WORKFLOWS[host]
    content = (resources.files("samebits.proof.adoption") / "workflows" / f"{host}.yml").read_text(encoding="utf-8")
    if makes_environment or not (root / REQUIREMENTS).is_file():
        content = INSTALLING[host].sub("", content)
    if root != top:
        if host != "github":
            raise UserError(f"{WORKFLOWS[host]}: its example is for a repository of DVC that is one of git")
        folder = root.relative_to(top).as_posix()
        content = COMMAND.sub(rf"\g<0>\1working-directory: {_toml(folder)}\n", content)
    if not path.exists():
        return path, content
    if path.read_bytes().replace(b"\r\n", b"\n") != content.encode():
        raise UserError(f"{WORKFLOWS[host]}: is there, and stays as it is; to have the example, move it away first")
    return None


def _settings_of(content: bytes) -> Settings | None:
    """The settings in a pyproject.toml, where it can be read: with `tool` as an inline table, no other can follow."""
    try:
        return msgspec.convert(tomllib.loads(content.decode())["tool"]["samebits"], Settings)
    except (ValueError, KeyError, msgspec.ValidationError):
        return None


def _toml(value: str | list[str]) -> str:
    return item(value).as_string()

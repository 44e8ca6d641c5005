"""The programs that a line of a shell runs, also behind variables and behind programs that start others."""

import itertools
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

# What a POSIX shell or bash has itself, and words that begin what is no command
BUILTINS = frozenset(
    [
        ".",
        ":",
        "alias",
        "bg",
        "break",
        "builtin",
        "caller",
        "cd",
        "compgen",
        "complete",
        "continue",
        "declare",
        "dirs",
        "disown",
        "echo",
        "enable",
        "eval",
        "exit",
        "export",
        "false",
        "fc",
        "fg",
        "getopts",
        "hash",
        "help",
        "history",
        "jobs",
        "kill",
        "let",
        "local",
        "logout",
        "mapfile",
        "popd",
        "printf",
        "pushd",
        "pwd",
        "read",
        "readarray",
        "readonly",
        "return",
        "set",
        "shift",
        "shopt",
        "source",
        "suspend",
        "test",
        "times",
        "trap",
        "true",
        "type",
        "typeset",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "wait",
        "case",
        "coproc",
        "done",
        "esac",
        "fi",
        "for",
        "function",
        "in",
        "select",
    ]
)
BEFORE = frozenset(("if", "then", "elif", "else", "while", "until", "do", "!", "{", "}"))  # words before a command
SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh"))
# Programs that start another one, with the options of theirs that take a value, and how many words they take besides
STARTERS = {
    "env": ("-u -C", 0),
    "time": ("-f -o", 0),
    "nice": ("-n", 0),
    "nohup": ("", 0),
    "sudo": ("-u -g", 0),
    "exec": ("", 0),
    "command": ("", 0),
    "timeout": ("-s -k --signal --kill-after", 1),
    "stdbuf": ("-i -o -e", 0),
    "xvfb-run": ("-n -s -e --server-args", 0),
    "xargs": ("-a -d -E -I -L -n -P -s", 0),
}
UV, PROJECT, CONDA = "-p --python --with --index-url", "--project --directory", "-n --name -p --prefix"
CONTAINER = "-v --volume -w --workdir -e --env -u --user --name --network --mount --entrypoint --gpus --platform"
# Programs that start another one in an environment of its own, with the options that take a value; those that name it
RUNNERS = {
    "uv run": (
        f"{UV} --with-requirements --extra --group --env-file -m --project --directory",
        "--project --directory",
    ),
    "poetry run": ("-C -P --directory --project", ""),
    "pdm run": ("-p --project", ""),
    "pipenv run": ("", ""),
    "hatch run": ("", ""),
    "pixi run": ("-e --environment --manifest-path", "-e --environment"),
    **{f"{name} run": (f"{CONDA} --cwd", CONDA) for name in ("conda", "mamba", "micromamba")},
    "pipx run": ("--spec --index-url --python --pip-args", "--spec"),
    "uvx": (f"{UV} --from", "--from"),
    "uv tool run": (f"{UV} --from", "--from"),
    "calkit xenv": ("-n --name --wdir", "-n --name"),
    **{f"{name} run": (CONTAINER, "") for name in ("docker", "podman")},
}
FETCHING = ("pipx run", "uvx", "uv tool run", "docker run", "podman run", "calkit xenv")  # what is not there yet


@dataclass(frozen=True)
class Started:
    """A program that a line runs. runner: what starts it in an environment of its own, and the name of that."""

    program: str
    runner: str = ""
    environment: str = ""

    @property
    def needed(self) -> str:
        """The program that must be installed here."""
        return self.runner.partition(" ")[0] or self.program

    @property
    def named(self) -> str:
        """What names its environment, where no option does: the image of a container, a tool that is fetched."""
        return self.program if self.runner in FETCHING else ""

    @property
    def fetches(self) -> str | None:
        """Why it needs a network, if it does."""
        what = self.environment or self.named
        return f"`{self.runner}` fetches {what}, where it is not there yet" if self.runner in FETCHING else None


def started(line: str) -> list[Started]:
    """The programs in a line, without paths and what a shell has itself."""
    return [found for words in _commands(line) for found in _started(words)]


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each command in a line."""
    tokens = shlex.shlex(line, posix=True, punctuation_chars=True)
    tokens.whitespace_split = True
    words: list[str] = []
    with suppress(ValueError):  # a quote without its end
        for word in itertools.chain(tokens, [";"]):
            if word and set(word) <= set(";&|("):
                yield words
                words = []
            else:
                words.append(word)


def _started(words: list[str]) -> list[Started]:
    words = _without_variables([*itertools.dropwhile(BEFORE.__contains__, words)])
    while words and words[0] in STARTERS:
        options, more = STARTERS[words[0]]
        words = _without_variables(_without_options(words[1:], options.split())[more:])
    for runner, (options, naming) in RUNNERS.items():
        parts = runner.split()
        if words[: len(parts)] == parts:
            rest = _without_options(words[len(parts) :], options.split())
            name = _value(words[len(parts) : len(words) - len(rest)], naming.split())
            program = next(iter(_without_variables(rest)), "")
            return [Started(program, runner, name)]
    if not words or not re.fullmatch(r"[\w.+-]+", words[0]) or words[0] in BUILTINS:
        return []
    inner = next(iter(_without_options(words[1:], [])), "") if words[0] in SHELLS and _has_text(words[1:]) else ""
    return [Started(words[0]), *started(inner)]


def _has_text(words: list[str]) -> bool:
    """Whether a shell runs the text that follows its options."""
    return any(re.fullmatch(r"-\w*c", word) for word in itertools.takewhile(lambda word: word.startswith("-"), words))


def _without_variables(words: list[str]) -> list[str]:
    return [*itertools.dropwhile(lambda word: re.match(r"[A-Za-z_]\w*=", word), words)]


def _without_options(words: list[str], with_value: list[str]) -> list[str]:
    """The words after the options at the beginning."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            return words[at + 1 :]
        at += 2 if words[at] in with_value else 1
    return words[at:]


def _value(words: list[str], names: list[str]) -> str:
    """The value of the first option of some names; empty if there is none."""
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        option, is_, value = word.partition("=")
        if option in names:
            return value if is_ else following
    return ""

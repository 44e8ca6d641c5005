"""What goes into the image, and what keeps it from being built. tests/test_container.py builds and runs it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from samebits.proof.record.pins import pinned
from tests import containers
from tests.conftest import ROOT, Project
from tests.test_pipeline import imported_modules

PROGRAM = ("predict", "serve")


def let_in() -> set[str]:
    """The files and folders that the build is let see."""
    first, *lines, last = (ROOT / ".dockerignore").read_text().split()
    assert (first, last) == ("*", "**/__pycache__")
    assert all(line.startswith("!") for line in lines)
    return {line.removeprefix("!") for line in lines}


def test_the_image_holds_what_its_commands_import_and_no_other_room() -> None:
    names = {ROOT / "samebits" / "__main__.py", *(ROOT / "samebits" / "commands" / f"{name}.py" for name in PROGRAM)}
    main = {ROOT / "samebits" / f"{name}.py" for name in ("__init__", "__main__")}
    # those two import the rest only for those who ask for it
    imported = {path for name in names - main for path in imported_modules(name)} | main
    program = {ROOT / path for path in let_in() if path.startswith("samebits")}
    imported = {path for path in imported if path.is_relative_to(ROOT / "samebits")}
    assert all(program & {path, *path.parents} for path in imported)
    assert {each for each in program for path in imported if path == each or each in path.parents} == program


def test_all_that_the_build_is_let_see_it_copies() -> None:
    copied = re.findall(r"^COPY (?!--)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {path.partition("/")[0] if path.partition("/")[0] in copied else path for path in let_in()} == set(copied)


@pytest.mark.parametrize("name", ["requirements-image.txt", "requirements-image-query.txt"])
def test_the_image_has_the_pinned_versions_by_their_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    of_image = pinned(name, text.encode())
    tested = "".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
    of_tests = pinned("requirements.txt", tested.encode())
    assert {name: of_tests.get(name) for name in of_image} == of_image
    blocks = text.replace("\\\n", "").splitlines()[1:]
    assert len(blocks) == len(of_image)
    assert all("--hash=sha256:" in block for block in blocks)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("params.yaml", "more: 1\n", "params.yaml: differs from the commit"),
        ("models/quant_params.joblib", "another", "models/quant_params.joblib: has md5 "),
        ("models/card.json", "{}", "models/card.json: has md5 "),
        ("models/card.json", None, "models/card.json: No such file or directory"),
    ],
)
def test_an_image_that_would_lie_is_not_built(
    project: Project, trained: Project, path: str, content: str | None, message: str
) -> None:
    shutil.copytree(trained.root / "models", project.root / "models")
    if content is None:
        (project.root / path).unlink()
    else:
        (project.root / path).write_text(content)
    for action in ("build", "push"):
        done = image(project, action, "samebits", docker="no-such-program", check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {message}")


@pytest.mark.posix_shell
def test_the_image_has_duckdb_if_the_query_needs_it(trained: Project, tmp_path: Path) -> None:
    engine = tmp_path / "docker"
    engine.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n')
    engine.chmod(0o755)
    image(trained, "build", "samebits", docker=str(engine))
    assert "--build-arg=QUERY=yes" in (tmp_path / "said").read_text().split()


def test_without_an_engine_one_line_says_so(trained: Project) -> None:
    done = image(trained, "build", "samebits", docker="no-such-program", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no-such-program: not found; install it")


def test_the_program_in_the_image_says_what_it_cannot_do(trained: Project, tmp_path: Path) -> None:
    for path in sorted(let_in()):
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        copy = shutil.copytree if (trained.root / path).is_dir() else shutil.copy
        copy(trained.root / path, tmp_path / path)
    env = {"SAMEBITS_COMMIT": "0123abcd"}
    done = trained.run("python", "-m", "samebits", "check", cwd=tmp_path, env=env, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "error: this image can only predict and serve; for the rest, use the repository\n",
    )
    assert (
        json.loads(trained.run("python", "-m", "samebits", "--info", cwd=tmp_path, env=env).stdout)["commit"]
        == "0123abcd"
    )


def image(
    project: Project,
    *arguments: str,
    docker: str = containers.PODMAN,
    env: dict[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    command = ["python", "-m", "samebits", "image", *arguments[:2], "--docker", docker, *arguments[2:]]
    return project.run(*command, env=env, check=check)

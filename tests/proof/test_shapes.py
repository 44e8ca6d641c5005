"""Repositories of every shape that DVC knows: what lock and check say of each when sound, and with one thing forged."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.proof.repositories import Repository, kinds, simple, verdicts

pytestmark = [pytest.mark.posix_shell, pytest.mark.usefixtures("way")]

Forge = Callable[[Repository], object]


class Shape(NamedTuple):
    """A repository, sound as `build` makes it. forged: of it with one thing changed, what lock finds and what check."""

    build: Callable[[Path], Repository]
    forge: Forge
    lock: set[tuple[str, str]]
    check: set[tuple[str, str]] | None = None  # as lock


def flip(stage: str, part: str, path: str) -> Forge:
    """Give a file another hash in the lock."""

    def edit(stages: dict[str, Any]) -> None:
        [item] = [each for each in stages[stage][part] if each["path"] == path]
        item["md5"] = "0" * 32 + (".dir" if item["md5"].endswith(".dir") else "")

    return lambda repo: repo.edit_lock(edit)


def folder_of_data(top: Path) -> Repository:
    repo = Repository(top)
    for name in "ab":
        repo.write(f"data/{name}.txt", f"{name}\n")
    repo.add("data")
    repo.pipeline(stages={"one": {"cmd": "cp data/a.txt out.txt", "deps": ["data/a.txt"], "outs": ["out.txt"]}})
    repo.run()
    return repo


def folder_as_output(top: Path) -> Repository:
    repo = Repository(top)
    repo.pipeline(
        stages={
            "make": {"cmd": "mkdir -p out/deep && echo 1 > out/a && echo 2 > out/deep/b", "outs": ["out"]},
            "use": {"cmd": "cat out/a out/deep/b > sum.txt", "deps": ["out/a", "out/deep"], "outs": ["sum.txt"]},
        }
    )
    repo.run()
    return repo


def folders_of_pipelines(top: Path) -> Repository:
    repo = Repository(top)
    repo.pipeline("first/dvc.yaml", stages={"make": {"cmd": "echo 1 > a.txt", "outs": ["a.txt"]}})
    repo.pipeline(
        "second/dvc.yaml",
        stages={
            "use": {"wdir": "../work", "cmd": "cp ../first/a.txt b.txt", "deps": ["../first/a.txt"], "outs": ["b.txt"]}
        },
    )
    repo.write("work/note.txt", "here\n")
    repo.run()
    return repo


def one_stage(top: Path, **stage: Any) -> Repository:
    """A repository with code.sh and one stage, not run yet."""
    repo = Repository(top)
    repo.write("code.sh", "cat in.txt > out.txt\n")
    repo.write("in.txt", "1\n2\n")
    default = {"cmd": "sh code.sh", "deps": ["code.sh", "in.txt"], "outs": ["out.txt"]}
    repo.pipeline(stages={"one": {**default, **stage}})
    return repo


def ran(repo: Repository) -> Repository:
    repo.run()
    return repo


def foreach(top: Path) -> Repository:
    repo = one_stage(top)
    do = {"cmd": "echo ${item} > ${item}.txt", "deps": ["in.txt"], "outs": ["${item}.txt"]}
    repo.pipeline(stages={"each": {"foreach": ["a", "b"], "do": do}})
    return ran(repo)


def matrix(top: Path) -> Repository:
    repo = one_stage(top)
    stage = {"cmd": "echo ${item.x} ${item.y} > ${item.x}${item.y}.txt", "outs": ["${item.x}${item.y}.txt"]}
    repo.pipeline(stages={"grid": {"matrix": {"x": ["a", "b"], "y": [1, 2]}, **stage}})
    return ran(repo)


def templates(top: Path) -> Repository:
    repo = one_stage(top)
    repo.write("params.yaml", "word: hello\n")
    repo.pipeline(vars=[{"mark": "!"}], stages={"say": {"cmd": "echo ${word}${mark} > out.txt", "outs": ["out.txt"]}})
    return ran(repo)


def params_in(file: str, content: str) -> Callable[[Path], Repository]:
    def build(top: Path) -> Repository:
        repo = one_stage(top, params=[{file: ["train.rate", "layers"]}])
        repo.write(file, content)
        return ran(repo)

    return build


def whole_params_file(top: Path) -> Repository:
    repo = one_stage(top, params=[{"params.yaml": None}])
    repo.write("params.yaml", "a: {b: 1}\nc: [1, 2]\n")
    return ran(repo)


def frozen(top: Path) -> Repository:
    repo = one_stage(top)
    stages = repo.lock("dvc.yaml")["stages"]
    repo.pipeline(stages={**stages, "two": {"cmd": "cp out.txt two.txt", "deps": ["out.txt"], "outs": ["two.txt"]}})
    repo.run()
    repo.replace("dvc.yaml", "  one:\n", "  one:\n    frozen: true\n")
    repo.write("in.txt", "changed since, as one may where the stage is frozen\n")
    repo.commit()
    return repo


def persist(top: Path) -> Repository:
    repo = one_stage(top, outs=[{"out.txt": {"persist": True}}])
    return ran(repo)


def only_a_command(top: Path) -> Repository:
    repo = one_stage(top)
    stages = repo.lock("dvc.yaml")["stages"]
    repo.pipeline(stages={**stages, "say": {"cmd": "true", "deps": ["out.txt"]}, "ask": {"cmd": "echo hello"}})
    return ran(repo)


def several_commands(top: Path) -> Repository:
    return ran(one_stage(top, cmd=["echo 1 > out.txt", "cat in.txt >> out.txt"]))


def import_url(top: Path) -> Repository:
    repo = one_stage(top)
    (top.parent / "elsewhere.txt").write_text("from elsewhere\n")
    (repo.root / "in.txt").unlink()
    with repo.dvc() as dvc:
        dvc.imp_url(str(top.parent / "elsewhere.txt"), "in.txt")
    return ran(repo)


def import_from_a_repository(top: Path) -> Repository:
    other = simple(top.parent / "other")
    repo = one_stage(top)
    (repo.root / "in.txt").unlink()
    with repo.dvc() as dvc:
        dvc.imp(str(other.root), "selected.txt", "in.txt")
    return ran(repo)


def around_outputs(top: Path) -> Repository:
    repo = Repository(top)
    repo.write("work/note.txt", "in git\n")
    repo.write("work/data.txt", "tracked\n")
    repo.add("work/data.txt")
    repo.pipeline(
        stages={
            "make": {
                "cmd": "mkdir -p work/sub && echo 1 > work/sub/a && echo 2 > work/b",
                "outs": ["work/sub", "work/b"],
            },
            "list": {
                "cmd": "cat work/note.txt work/data.txt work/sub/a work/b > all.txt",
                "deps": ["work"],
                "outs": ["all.txt"],
            },
        }
    )
    repo.write(".dvcignore", ".gitignore\n")  # DVC writes it while it runs
    return ran(repo)


def of_old_dvc(top: Path) -> Repository:
    """The lock and the `.dvc` file as DVC 2 wrote them: md5 of text with the line ends of Unix, and no `hash`."""
    repo = one_stage(top)
    repo.write("in.txt", "1\r\n2\r\n")
    repo.write("code.sh", "cat in.txt > out.txt\r\n".replace("\r", ""))
    repo.run()

    def edit(stages: dict[str, Any]) -> None:
        for item in [*stages["one"]["deps"], *stages["one"]["outs"]]:
            text = (repo.root / item["path"]).read_bytes().replace(b"\r\n", b"\n")
            item["md5"] = hashlib.md5(text).hexdigest()
            del item["hash"]

    repo.edit_lock(edit)
    repo.commit()
    return repo


def with_attributes(top: Path) -> Repository:
    """What `git archive` would leave out, fill in or convert."""
    repo = one_stage(top, cmd="cat in.txt stamp.txt hidden/a.txt dos.txt > out.txt")
    repo.write(".gitattributes", "hidden export-ignore\nstamp.txt export-subst ident\ndos.txt text eol=crlf\n")
    repo.write("stamp.txt", "$Format:%H$ $Id$\n")
    repo.write("hidden/a.txt", "hidden\n")
    repo.write("dos.txt", "1\n2\n")
    repo.replace("dvc.yaml", "    - in.txt\n", "    - in.txt\n    - stamp.txt\n    - hidden\n    - dos.txt\n")
    return ran(repo)


def with_links(top: Path) -> Repository:
    repo = one_stage(top)
    (repo.root / "in.txt").unlink()
    repo.write("real/in.txt", "linked\n")
    (repo.root / "in.txt").symlink_to("real/in.txt")
    (repo.root / "folder").symlink_to("real")
    return ran(repo)


def with_submodule(top: Path) -> Repository:
    library = simple(top.parent / "library")
    repo = one_stage(top)
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.top), "library")
    repo.replace("dvc.yaml", "    - in.txt\n", "    - in.txt\n    - library/select.sh\n")
    repo.write("code.sh", "cat library/select.sh in.txt > out.txt\n")
    repo.run()
    return repo


def with_large_file(top: Path) -> Repository:
    """A file of Git LFS: git holds a pointer, its store the bytes."""
    repo = one_stage(top)
    content = b"large\n" * 1000
    oid = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    repo.write(".gitattributes", "in.txt filter=lfs diff=lfs merge=lfs -text\n")
    repo.write(f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", content)
    repo.git("config", "filter.lfs.clean", f"cat >/dev/null; printf '{pointer}'".replace("\n", "\\n"))
    repo.git("config", "filter.lfs.smudge", f"cat >/dev/null; cat .git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}")
    repo.write("in.txt", content)
    repo.run()
    assert repo.git("cat-file", "-p", "HEAD:in.txt") == pointer
    return repo


def plots_in_a_folder(top: Path) -> Repository:
    repo = one_stage(
        top, cmd="mkdir -p plots && echo '[1]' > plots/a.json && cp in.txt out.txt", plots=[{"plots": {"cache": False}}]
    )
    return ran(repo)


def spaces_and_letters(top: Path) -> Repository:
    repo = one_stage(top, cmd="cat 'in put/ä ö.txt' > 'out put.txt'", deps=["in put/ä ö.txt"], outs=["out put.txt"])
    repo.write("in put/ä ö.txt", "é\n")
    return ran(repo)


def edit(path: str, old: str, new: str) -> Forge:
    return lambda repo: repo.replace(path, old, new)


CODE = edit("code.sh", "cat", "cat ")
CHANGED = {("one", "code-changed")}

SHAPES = {
    "data in a .dvc file": Shape(
        simple,
        lambda repo: repo.replace("data/table.txt.dvc", repo.lock("data/table.txt.dvc")["outs"][0]["md5"], "a" * 32),
        {("select", "dependency-changed")},
        {("select", "dependency-changed"), ("select", "missing-source")},
    ),
    "a folder of data": Shape(folder_of_data, flip("one", "deps", "data/a.txt"), {("one", "dependency-changed")}),
    "a folder as output": Shape(
        folder_as_output,
        flip("make", "outs", "out"),
        {("make", "output-edited"), ("use", "cannot-tell")},
        {("make", "computes-otherwise")},
    ),
    "a file in a folder that is an output": Shape(
        folder_as_output, flip("use", "deps", "out/a"), {("make", "lock-edited")}
    ),
    "pipelines in folders": Shape(
        folders_of_pipelines,
        edit("second/dvc.yaml", "cp ../first/a.txt b.txt", "cat ../first/a.txt > b.txt"),
        {("second/dvc.yaml:use", "command-changed")},
    ),
    "a root of DVC below that of git": Shape(
        lambda top: simple(top, "inner/project"), edit("select.sh", "head", "head "), {("select", "code-changed")}
    ),
    "foreach": Shape(foreach, edit("in.txt", "1", "7"), {("each@a", "code-changed"), ("each@b", "code-changed")}),
    "matrix": Shape(
        matrix, lambda repo: repo.edit_lock(lambda stages: stages.pop("grid@a-1")), {("grid@a-1", "stage-unrecorded")}
    ),
    "templates of vars": Shape(templates, edit("dvc.yaml", "mark: '!'", "mark: '?'"), {("say", "command-changed")}),
    "templates of params": Shape(templates, edit("params.yaml", "hello", "bye"), {("say", "command-changed")}),
    "params in JSON": Shape(
        params_in("p.json", '{"train": {"rate": 0.1}, "layers": [1, 2]}'),
        edit("p.json", "0.1", "0.2"),
        {("one", "parameter-changed")},
    ),
    "params in TOML": Shape(
        params_in("p.toml", "layers = [1, 2]\n[train]\nrate = 0.1\n"),
        edit("p.toml", "[1, 2]", "[1, 3]"),
        {("one", "parameter-changed")},
    ),
    "params in Python": Shape(
        params_in("p.py", "layers = [1, 2]\nclass train:\n    rate = 0.1\n"),
        edit("p.py", "0.1", "0.2"),
        {("one", "parameter-changed")},
    ),
    "a whole file of params": Shape(
        whole_params_file, edit("params.yaml", "b: 1", "b: 2"), {("one", "parameter-changed")}
    ),
    "a frozen stage": Shape(frozen, flip("two", "deps", "out.txt"), {("two", "dependency-changed")}),
    "always changed": Shape(lambda top: ran(one_stage(top, always_changed=True)), CODE, CHANGED),
    "persist": Shape(persist, CODE, CHANGED),
    "no outputs, or nothing but a command": Shape(
        only_a_command, edit("dvc.yaml", "echo hello", "echo bye"), {("ask", "command-changed")}
    ),
    "several commands": Shape(several_commands, edit("dvc.yaml", "echo 1", "echo 2"), {("one", "command-changed")}),
    "import-url": Shape(import_url, CODE, CHANGED),
    "import": Shape(import_from_a_repository, flip("one", "deps", "in.txt"), {("one", "dependency-changed")}),
    "a dependency around outputs": Shape(
        around_outputs, edit("work/note.txt", "in git", "changed"), {("make", "lock-edited")}
    ),
    "of DVC 2": Shape(of_old_dvc, edit("in.txt", "1", "7"), CHANGED),
    "attributes of git": Shape(with_attributes, edit("stamp.txt", "$Id$", "$Id $"), CHANGED),
    "symbolic links": Shape(with_links, edit("real/in.txt", "linked", "other"), CHANGED),
    "a submodule": Shape(with_submodule, CODE, CHANGED),
    "a file of Git LFS": Shape(with_large_file, CODE, CHANGED),
    "plots in a folder of git": Shape(plots_in_a_folder, edit("plots/a.json", "1", "2"), {("one", "output-edited")}),
    "spaces and letters": Shape(spaces_and_letters, edit("in put/ä ö.txt", "é", "è"), CHANGED),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_sound_repository_is_reproduced_and_a_forged_one_is_not(shape: Shape, tmp_path: Path) -> None:
    repo = shape.build(tmp_path / "repo")
    assert repo.problems() == []
    verdict = repo.check()
    assert (verdict.problems, set(verdicts(verdict).values())) == ([], {"same"})
    assert verdict.conclusion == "reproduced"
    assert repo.git("status", "--porcelain") == ""
    shape.forge(repo)
    repo.commit("forged")
    assert kinds(repo.problems()) == shape.lock
    verdict = repo.check()
    assert kinds(verdict) == (shape.lock if shape.check is None else shape.check)
    assert verdict.conclusion == "not reproduced"


def test_a_folder_in_which_the_run_had_files_that_git_ignores(tmp_path: Path) -> None:
    """Python leaves __pycache__ in a folder of code, and DVC hashes it."""
    repo = one_stage(tmp_path / "repo", cmd="sh code/a.sh", deps=["code", "in.txt"])
    repo.write("code/a.sh", "cat in.txt > out.txt\n")
    repo.write("code/__pycache__/a.pyc", "compiled\n")
    repo.write(".gitignore", "__pycache__\n")
    repo.run()
    clone = repo.clone(tmp_path / "clone")
    [problem] = clone.problems()
    assert (problem.kind, problem.path) == ("cannot-tell", "code")
    assert "the run read 2 files in it, and 1 are here" in problem.text
    assert clone.check().conclusion == "reproduced"
    clone.write("code/a.sh", "head -n 1 in.txt > out.txt\n")
    clone.commit()
    assert [each.kind for each in clone.problems()] == ["cannot-tell"] * 2
    assert "these changed: code/a.sh" in clone.problems()[1].text
    assert kinds(clone.check()) == {("one", "cannot-tell")}


def test_other_data_under_a_hash_of_another_kind(tmp_path: Path) -> None:
    """The lock is of DVC 2, the `.dvc` file of DVC 3: only the data tells whether it is the same."""
    repo = simple(tmp_path / "repo")
    repo.write("data/table.txt", "1\r\n2\r\n3\r\n")
    repo.add("data/table.txt")
    repo.run()

    def edit(stages: dict[str, Any]) -> None:
        [item] = [each for each in stages["select"]["deps"] if each["path"] == "data/table.txt"]
        item["md5"] = hashlib.md5(b"1\n2\n3\n").hexdigest()
        del item["hash"]

    repo.edit_lock(edit)
    repo.commit()
    assert repo.problems() == []
    clone = repo.clone(tmp_path / "clone")
    [problem] = clone.problems()
    assert problem.kind == "cannot-tell"
    assert "dvc.lock has its md5-dos2unix, and data/table.txt.dvc its md5" in problem.text
    assert repo.check().conclusion == "reproduced"
    repo.write("data/table.txt", "4\n5\n6\n")
    repo.add("data/table.txt")
    repo.commit()
    assert kinds(repo.problems()) == {("select", "dependency-changed")}
    verdict = repo.check()
    assert verdict.conclusion == "not reproduced"
    assert kinds(verdict) == {("select", "dependency-changed")}


def test_of_a_list_the_first_item_that_differs(tmp_path: Path) -> None:
    repo = one_stage(tmp_path / "repo", params=["steps"])
    repo.write("params.yaml", f"steps: {[0.1] * 100}\n")
    repo.run()
    repo.write("params.yaml", f"steps: {[0.1] * 60 + [0.2] * 40}\n")
    [problem] = repo.problems()
    assert problem.text == "parameter steps[60]: 0.1 in the run, 0.2 in params.yaml"

import pytest

from benchmarks import quantization
from benchmarks.tables import bundled
from samebits import artifacts, markdown
from tests.conftest import ROOT, Project


def test_results_are_fresh(project: Project) -> None:
    project.run("python", "-m", "samebits", "results", "--write", "README.md")
    assert (project.root / "README.md").read_text() == (ROOT / "README.md").read_text(), "run `make readme`"


def test_results_fit_a_terminal(project: Project) -> None:
    lines = project.run("samebits", "results").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["float64", "0.575788"] for line in lines)


def test_results_need_their_markers(project: Project) -> None:
    (project.root / "README.md").write_text("nothing\n")
    done = project.run("python", "-m", "samebits", "results", "--write", "README.md", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: README.md: the lines <!-- results: generated")
    assert (project.root / "README.md").read_text() == "nothing\n"


def test_the_picture_is_fresh(project: Project) -> None:
    project.run("python", "-m", "samebits", "results", "--picture", "docs/bits.svg")
    assert (project.root / "docs/bits.svg").read_text() == (ROOT / "docs/bits.svg").read_text(), "run `make readme`"


def test_the_table_of_splits_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    by_seed = artifacts.read_json(quantization.NUMBERS)
    document = quantization.DOCUMENT
    written = markdown.between_markers(document, "seeds", quantization.summary(by_seed))
    assert written == document.read_text(), "run `make bench`"
    assert quantization.losses(*bundled(), 0.2, seed=7) == by_seed[7], "run `make bench`"

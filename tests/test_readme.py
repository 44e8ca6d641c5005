from tests.conftest import ROOT, Project


def test_results_are_fresh(project: Project) -> None:
    project.run("python", "-m", "samebits", "results", "--write", "README.md")
    assert (project.root / "README.md").read_text() == (ROOT / "README.md").read_text(), "run `make readme`"


def test_results_need_their_markers(project: Project) -> None:
    (project.root / "README.md").write_text("nothing\n")
    done = project.run("python", "-m", "samebits", "results", "--write", "README.md", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: README.md: the lines <!-- results: generated")
    assert (project.root / "README.md").read_text() == "nothing\n"

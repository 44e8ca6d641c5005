"""`samebits claims`: what is stale is said, with what it is now; what may be right is not accused."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from samebits.proof.claims.claims import Claims, claims
from tests.conftest import ROOT
from tests.proof.repositories import Repository, simple
from tests.proof.runner import obeyed

THEN, NOW = 0.5758123, 0.5412987


class Texts(Repository):
    """A repository of git whose results change from commit to commit."""

    def __init__(self, top: Path) -> None:
        self.top = self.root = top
        top.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def results(self, path: str = "metrics.json", /, **values: Any) -> None:
        self.write(path, json.dumps(values, indent=2))

    def claims(self, *files: str, write: bool = False) -> Claims:
        with self.inside():
            return claims(files, write)

    def stale(self) -> list[tuple[str, int, str, str, str | None]]:
        return [(each.file, each.line, each.text, each.value, each.now) for each in self.claims().stale]


pytestmark = pytest.mark.posix_shell


@pytest.fixture
def repo(tmp_path: Path) -> Texts:
    return Texts(tmp_path / "repo")


def told(repo: Texts, text: str, now: float = NOW, path: str = "README.md", **more: float) -> list[str]:
    """The stale numbers of a text that was written when R2 was `THEN`."""
    repo.results(r2=THEN, rmse=0.7456123, **more)
    repo.write(path, text)
    repo.commit()
    repo.results(r2=now, rmse=0.7456123, **more)
    repo.commit()
    return [each.text for each in repo.claims().stale]


def test_a_number_of_an_earlier_run_is_told_with_its_line_its_commit_and_the_value_of_now(repo: Texts) -> None:
    assert told(repo, "# Model\n\nIt has an RMSE of 0.746 and\nan R2 of 0.5758.\n") == ["0.5758"]
    found = repo.claims()
    [stale] = found.stale
    assert (stale.file, stale.line, stale.value, stale.now) == ("README.md", 4, "metrics.json:r2", "0.5413")
    assert stale.commit == repo.git("rev-parse", "HEAD~1").strip()
    assert [(each.text, each.value) for each in found.claims if each.verdict == "current"] == [
        ("0.746", "metrics.json:rmse")
    ]


@pytest.mark.parametrize(
    ("text", "stale"),
    [
        ("R² = 57.58%", ["57.58%"]),
        ("| metric | value |\n|---|---|\n| R2 score | 0.57581 |\n", ["0.57581"]),
        ("- **R²:** 0.576\n", ["0.576"]),
        ("The coefficient of determination is 0.5758.", ["0.5758"]),
        ("Most of the variance is explained (0.5758123).", ["0.5758123"]),  # unnamed, with digits that no chance has
        ("Most of the variance is explained (0.576).", []),
    ],
)
def test_a_number_is_known_by_its_name_or_by_its_digits(repo: Texts, text: str, stale: list[str]) -> None:
    assert told(repo, text) == stale


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("R2 is 0.576.", 0.5757),  # the same at the digits shown
        ("R2 is 0.575.", 0.5754),  # cut off
        ("R2 is 0.5758 for a threshold of 0.575812.", THEN),
        ("The learning rate is 0.5758.", NOW),  # another thing, and too few digits
        ("R2 rose from 0.5758 to 0.5413.", NOW),  # tells both
        ("| run | R2 |\n|---|---|\n| first | 0.5758 |\n| second | 0.5413 |\n", NOW),
        ("| model | R2 |\n|---|---|\n| forest | 0.6123 |\n| linear | 0.5758 |\n", NOW),  # of whom is the metric?
        ("Before the data were cleaned, R2 was 0.5758.", NOW),
        ("## 2023-05-01\n\nR2 is 0.5758.", NOW),
        ("## v1.2\n\nR2 is 0.5758.", NOW),
        ("```console\n$ python train.py\nr2: 0.5758\n```\n", NOW),
        ("R2 has 57580 rows", NOW),
    ],
)
def test_what_may_be_right_is_not_accused(repo: Texts, text: str, now: float) -> None:
    assert told(repo, text, now) == []


def test_a_share_in_percent_stays_one_where_it_grows_beyond_all(repo: Texts) -> None:
    told(repo, "The R2 is 57.58%.", 1.25)
    assert [each.now for each in repo.claims().stale] == ["125.00%"]


def test_a_changelog_tells_of_the_past(repo: Texts) -> None:
    assert told(repo, "R2 is 0.5758.", path="CHANGELOG.md") == []


def test_a_value_of_two_metrics_is_not_accused_unless_the_text_tells_which(repo: Texts) -> None:
    repo.results(train={"r2": THEN}, test={"r2": THEN})
    repo.write("README.md", "R2 is 0.57581.\n\nTest R2 is 0.57581.\n")
    repo.commit()
    repo.results(train={"r2": 0.6123}, test={"r2": 0.5123})
    repo.commit()
    assert repo.stale() == [("README.md", 3, "0.57581", "metrics.json:test.r2", "0.51230")]


def test_a_metric_that_is_gone_and_a_number_that_was_never_there_are_not_accused(repo: Texts) -> None:
    repo.results(r2=THEN, loss=0.1)
    repo.write("README.md", "R2 is 0.5758 and accuracy is 0.9123.")
    repo.commit()
    repo.results(loss=0.1)
    repo.commit()
    assert repo.stale() == []


def test_short_numbers_of_a_long_history_are_not_accused(repo: Texts) -> None:
    """Among a hundred values of a metric, one equals any three digits by chance."""
    for step in range(60):
        repo.results(accuracy=0.9 + step / 1000)
        repo.commit()
    repo.results(accuracy=0.5)
    repo.write("README.md", "The accuracy of the paper is 0.917.")
    repo.commit()
    assert repo.stale() == []


def test_a_table_that_quotes_the_metrics_of_a_run(repo: Texts) -> None:
    """As the assignment that this project grew from has it: R2 before and after quantization."""
    then = {"original": {"r2": 0.5757877060324508}, "quantized": {"r2": 0.5699853}}
    text = (
        "## Results\n\n| Model | R2 score | Size |\n|---|---|---|\n"
        "| Original | 0.5758 | 0.4 KB |\n| Quantized | 0.5699853 | 0.2 KB |\n\n"
        "The quantized model reaches an R2 score of 0.5699853, where the original has 0.5758.\n"
    )
    repo.results("results.json", **then)
    repo.write("README.md", text)
    repo.commit()
    assert repo.stale() == []
    repo.results("results.json", original={"r2": 0.5757877060324508}, quantized={"r2": 0.5756130})
    repo.commit()
    value = "results.json:quantized.r2"
    assert repo.stale() == [
        ("README.md", 6, "0.5699853", value, "0.5756130"),
        ("README.md", 8, "0.5699853", value, "0.5756130"),
    ]


def test_declared_outputs_and_parameters_of_a_pipeline(tmp_path: Path) -> None:
    made = simple(tmp_path / "repo")
    repo = object.__new__(Texts)
    repo.top, repo.root = made.top, made.root
    repo.write("params.yaml", "n: 2\nother: 0.01234\n")
    repo.pipeline("more/dvc.yaml", stages={"one": {"cmd": "true", "params": [{"../params.yaml": ["other"]}]}})
    repo.write("README.md", "The setting `other` is 0.01234.")
    repo.commit()
    repo.replace("params.yaml", "0.01234", "0.04321")
    assert repo.stale() == [("README.md", 1, "0.01234", "params.yaml:other", "0.04321")]  # before it is committed


def test_a_mark_names_the_value_and_write_updates_it(repo: Texts) -> None:
    repo.results(r2=THEN, n=16512)
    text = (
        "R2 is 57.58%<!-- samebits: metrics.json:r2 -->, of 16,512 <!-- samebits: metrics.json:n --> rows.\r\n"
        "| 0.576 <!-- samebits: metrics.json:r2 --> |\r\n\r\n`<!-- samebits: metrics.json:r2 --> 0.1`\r\n"
    )
    paper = "A share of \\samebits{metrics.json:r2}{0.576} in \\samebits{metrics.json:n}{16{,}512} rows.\n"
    repo.write("README.md", text)
    repo.write("paper.tex", paper)
    repo.commit()
    assert repo.claims().stale == []
    repo.results(r2=NOW, n=20640)
    found = repo.claims().stale
    assert [(each.line, each.text, each.now) for each in found if each.file == "README.md"] == [
        (1, "57.58%", "54.13%"),
        (1, "16,512", "20,640"),
        (2, "0.576", "0.541"),
    ]
    assert repo.claims(write=True).stale == []
    is_now = text.replace("57.58%", "54.13%").replace("16,512", "20,640").replace("| 0.576", "| 0.541")
    assert (repo.root / "README.md").read_bytes().decode() == is_now
    assert repo.read("paper.tex") == paper.replace("0.576", "0.541").replace("16{,}512", "20{,}640")


@pytest.mark.parametrize("name", ["metrics.json:r3", "none.json:r2", "r2"])
def test_a_mark_that_names_nothing_is_told(repo: Texts, name: str) -> None:
    repo.results(r2=THEN)
    repo.write("README.md", f"R2 is 0.576 <!-- samebits: {name} -->\n")
    repo.commit()
    [found] = repo.claims(write=True).stale
    assert (found.verdict, found.value) == ("unnamed", name)
    assert repo.read("README.md") == f"R2 is 0.576 <!-- samebits: {name} -->\n"


def test_the_command(repo: Texts, capsys: pytest.CaptureFixture[str]) -> None:
    told(repo, "Ok.\n\nR2 is 0.5758.\n")
    file = repo.root / "annotations"
    assert repo.command("claims") == 0
    assert repo.command("claims", "--strict", "README.md", "--annotations", str(file)) == 1
    printed = capsys.readouterr().out
    assert "README.md:3: 0.5758 was metrics.json:r2 at " in printed
    assert "now it is 0.5413" in printed
    [command] = obeyed(file.read_text())
    assert (command.properties["file"], command.properties["line"]) == ("README.md", "3")
    assert repo.command("claims", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, json.loads((ROOT / "docs" / "claims.schema.json").read_text()))
    assert answer["claims"][0]["verdict"] == "stale"


def test_a_report_has_a_line_on_stale_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = simple(tmp_path / "repo")
    assert repo.command("report", "HEAD") == 0
    assert "Stale" not in capsys.readouterr().out
    repo.write("README.md", "It has 9 lines <!-- samebits: metrics.json:lines -->")
    repo.commit()
    assert repo.command("report", "HEAD") == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Stale numbers in documents, by `samebits claims`: README.md:1 (9, now 2)."
    )


@pytest.mark.parametrize("file", ["none.md", "metrics.json"])
def test_a_file_that_is_no_document_is_one_line(repo: Texts, file: str) -> None:
    told(repo, "R2 is 0.5758.")
    done = repo.samebits("claims", file)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert file in done.stderr


def test_a_shallow_clone_says_that_it_knows_no_former_values(repo: Texts, tmp_path: Path) -> None:
    told(repo, "R2 is 0.5758.")
    command = ["git", "clone", "-q", "--depth", "1", repo.root.as_uri(), str(tmp_path / "shallow")]
    subprocess.run(command, check=True, capture_output=True)
    clone = object.__new__(Texts)
    clone.top = clone.root = tmp_path / "shallow"
    found = clone.claims()
    assert found.stale == []
    assert any("shallow" in note for note in found.notes)

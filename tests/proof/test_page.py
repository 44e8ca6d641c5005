"""The verdict as a page: what it says, and that nothing in a repository can add to it but words."""

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.proof.telling import graph, page
from samebits.proof.telling.layout import Box, layout
from samebits.proof.verdict import Difference, Node, Output, Problem, Row, Verdict
from tests import pages
from tests.proof.repositories import Repository, simple

Shape = list[tuple[str, list[str], str | None]]
HOSTILE = [
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]></svg><iframe src=//example.com>",
    "{{ 7 * 7 }}{% raw %}<!--",
    "</style><style>@import '//example.com'",
    "javascript:alert(1)",
    "&lt;b&gt; &amp; \N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \udce9",
    "a" * 5000,
]


class Parsed(pages.Parsed):
    """A page without comments; spaces in its texts do not count."""

    def handle_data(self, data: str) -> None:
        if data.strip():
            super().handle_data(" ".join(data.split()))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.texts)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def verdict_of(word: str) -> Verdict:
    """A verdict in which every text from a repository has a word in it."""
    rows = [Row(1, word, 1, word), Row(2, f"{word}a", 2, f"{word}b"), Row(None, None, 3, word)]
    differences = [
        Difference("is", f"{word}1", f"{word}2", distance=word, place=f"{word}.a", file=word, note=word, more=3),
        Difference(f"{word} line 2:", f"{word}1", f"{word}2", sizes=(10, 20), rows=rows, allowed="close"),
        Difference(word),
    ]
    one, other = f"{word} 1", f"{word} 2"
    return Verdict(
        conclusion="not reproduced",
        commit=f"{word:40}",
        subject=word,
        version=word,
        root=word,
        locks={word: word},
        packages={word: word},
        graph={one: Node([f"{word} data"], [f"{word} a", f"{word} b"]), other: Node([f"{word} a"], [f"{word} c"])},
        outputs=[
            Output(one, f"{word} a", "differs", False, word, f"{word} new", differences, 2),
            Output(one, f"{word} b", "close", True, word, f"{word} new", differences, rule=word),
            Output(other, f"{word} c", "unknown", False, None, None, [Difference(word)]),
        ],
        problems=[Problem(one, "computes-otherwise", word, word), Problem(other, "stage-failed", None, word, word)],
        taken={f"{word} 3": word},
        notes=[word],
        machine={"machine": word, word: word},
        network=[word],
        seconds={one: 1.5},
        varied={word: False, f"{word} 2": True},
    )


def shape(word: str) -> Shape:
    """The tags of a page, the names of their attributes, and their class."""
    return [(tag, list(given_), given_.get("class")) for tag, given_ in Parsed(page.render(verdict_of(word))).tags]


@pytest.fixture(scope="module")
def harmless() -> Shape:
    return shape("harmless")


@pytest.mark.parametrize("word", HOSTILE)
def test_no_text_of_a_repository_changes_the_tags_of_a_page(harmless: Shape, word: str) -> None:
    assert shape(word) == harmless


@settings(deadline=None)
@given(word=st.text(min_size=1))
def test_no_text_at_all_changes_the_tags_of_a_page(harmless: Shape, word: str) -> None:
    assert shape(word) == harmless


@pytest.mark.parametrize("word", HOSTILE)
def test_a_page_loads_nothing(word: str) -> None:
    text = page.render(verdict_of(word))
    parsed = Parsed(text)
    assert not {"script", "img", "link", "iframe", "object", "image", "use", "form", "base"} & {*dict(parsed.tags)}
    for _, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "data")]
        assert (attributes.get("href") or "#").startswith("#")
        assert "url(" not in (attributes.get("style") or "")
    [style] = [text for tag, text in parsed.texts if tag == "style"]
    assert not re.search(r"url\(|@import|//", style)
    [policy] = [each["content"] for each in parsed.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_what_nobody_sees_is_written_out() -> None:
    text = page.render(verdict_of("\N{RIGHT-TO-LEFT OVERRIDE}gnp.\x1b[31m\udce9"))
    assert "\\u202egnp.\\x1b[31m\\udce9" in text
    assert all(each.isprintable() or each == "\n" for each in text)


def test_a_page_says_all_that_the_verdict_does() -> None:
    parsed = Parsed(page.render(verdict_of("word")))
    assert parsed.tags[0] == ("html", {"lang": "en"})
    texts = {text for _, text in parsed.texts}
    assert {
        "NOT reproduced",
        "word 1",
        "word a",
        "word b",
        "word c",
        "word data",
        "And 5 more.",
        "And 3 more.",
    } <= texts
    for sentence in (
        "computes-otherwise: 0 of 3 outputs are the same, 1 more allowed by the settings.",
        "(10 bytes promised, 20 obtained)",
        "only for word, by the settings",
        "word b : close, by word",
        "1.5 s for the stages that ran",
    ):
        assert sentence in parsed.text
    headings = [tag for tag, _ in parsed.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert all(int(two[1]) <= int(one[1]) + 1 for one, two in itertools.pairwise(headings))
    assert all(each["scope"] in ("row", "col") for each in parsed.all("th"))
    targets = {each.get("id") for _, each in parsed.tags}
    assert {"difference-1", "difference-2"} <= targets
    assert {(each["href"] or "")[1:] for each in parsed.all("a")} <= targets
    [drawing] = parsed.all("svg")
    assert {*str(drawing["aria-labelledby"]).split()} <= targets
    words = [text for tag, text in parsed.texts if tag == "mark"]
    assert Counter(words) == {"1": 2, "2": 2, "a": 2, "b": 2, "word": 2}


def test_a_word_stands_beside_each_colour() -> None:
    parsed = Parsed(page.render(verdict_of("x")))
    states = {(each["class"] or "").split()[-1] for each in parsed.all("span") if "badge" in (each.get("class") or "")}
    assert states == {"same", "allowed", "differs", "unknown"}
    for sign in ("✓", "≈", "✕", "?"):
        assert ("span", sign) in parsed.texts


@pytest.mark.posix_shell
def test_the_page_of_a_check(tmp_path: Path) -> None:
    repo = simple(tmp_path / "repo")
    repo.write("select.sh", "(tail -n 1 data/table.txt; echo more; echo end) > selected.txt\n")
    repo.commit("tail <b>")
    done = repo.samebits("check", "--html", str(tmp_path / "verdict.html"))
    assert done.returncode == 1, done.stderr
    assert "NOT reproduced (code-changed" in done.stdout
    parsed = Parsed((tmp_path / "verdict.html").read_text())
    assert "tail <b>" in parsed.text
    assert "code-changed" in parsed.text
    cells = [text for tag, text in parsed.texts if tag in ("td", "mark")]
    lines = [*("1", "1", "1", "3"), *("2", "2", "2", "more"), *("3", "end")]  # both numbers, each with its text
    metrics = ["2", "3"]
    assert cells == [*lines, *metrics]


def of_graph(nodes: dict[str, tuple[list[str], list[str]]]) -> Verdict:
    """A verdict of stages: what each reads and makes; all is the same."""
    empty = msgspec.structs.replace(verdict_of("x"), problems=[], taken={}, seconds={})
    outputs = [Output(name, path, "same", True, "0", "0") for name, (_, makes) in nodes.items() for path in makes]
    return msgspec.structs.replace(
        empty, graph={name: Node(reads, makes) for name, (reads, makes) in nodes.items()}, outputs=outputs
    )


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 11), max_size=3), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_stages_stand_right_of_what_they_read(reads: list[set[int]], random: Any) -> None:
    nodes = {
        f"s{number}": ([f"o{other}" if other < number else f"data{other}" for other in sorted(each)], [f"o{number}"])
        for number, each in enumerate(reads)
    }
    order = list(nodes)
    random.shuffle(order)
    drawing = graph.draw(of_graph({name: nodes[name] for name in order}))
    assert drawing
    cards = {card.name: card for card in drawing.cards}
    for name, (paths, _) in nodes.items():
        for path in paths:
            [maker] = [card for card in drawing.cards if path in [line.title for line in card.lines]]
            assert maker.box.x + maker.box.width < cards[name].box.x
    for one, other in itertools.combinations([card.box for card in drawing.cards], 2):
        apart = one.x + one.width < other.x or other.x + other.width < one.x
        assert apart or one.y + one.height < other.y or other.y + other.height < one.y
    for box in (card.box for card in drawing.cards):
        assert 0 <= box.x <= box.x + box.width <= drawing.width
        assert 0 <= box.y <= box.y + box.height <= drawing.height
    ends = {(round(card.box.x, 1), round(card.port(None), 1)) for card in drawing.cards}
    for edge in drawing.edges:
        x, y = edge.path.split()[-2:]
        assert (float(x), float(y)) in ends


def test_the_stages_of_a_foreach_are_one_card() -> None:
    folds = {f"train@{fold}": (["split"], [f"m/{fold}"]) for fold in range(60)}
    nodes = {"split": (["data"], ["split"]), **folds, "report": ([f"m/{fold}" for fold in range(60)], ["report"])}
    checked = of_graph(nodes)
    checked.outputs[3] = msgspec.structs.replace(checked.outputs[3], verdict="differs", allowed=False)
    drawing = graph.draw(checked)
    assert drawing
    assert [(card.title, card.about) for card in drawing.cards] == [
        ("split", ""),
        ("train@…", "60 stages"),
        ("report", ""),
        ("data", ""),
    ]
    assert [line.text for line in drawing.cards[1].lines] == ["same: 59", "differs: 1"]
    assert len(drawing.edges) == 3
    assert all(f"m/{fold}<" in page.render(checked) for fold in range(60))  # the table has them all


def test_stages_of_a_foreach_that_read_one_another_are_cards_of_their_own() -> None:
    nodes = {name: (reads, [f"o-{name}"]) for name, reads in (("a@1", []), ("b@1", ["o-a@1"]), ("a@2", ["o-b@1"]))}
    nodes |= {f"a@{number}": ([], [f"o-a@{number}"]) for number in range(3, 8)}
    drawing = graph.draw(of_graph(nodes))
    assert drawing
    assert {card.title for card in drawing.cards} == {*nodes}


def test_a_graph_that_nobody_could_read_is_not_drawn() -> None:
    nodes: Any = {f"s{number}": ([], [f"o{number}"]) for number in range(1000)}
    assert graph.draw(of_graph(nodes)) is None
    assert "<svg" not in page.render(of_graph(nodes))
    assert graph.draw(of_graph({})) is None
    dense: Any = {f"s{number}": ([f"o{other}" for other in range(number)], [f"o{number}"]) for number in range(100)}
    assert graph.draw(of_graph(dense)) is None


def test_long_names_are_cut_in_the_graph_only() -> None:
    checked = of_graph({"s" * 500: ([], ["folder/" * 100 + "漢" * 30])})
    drawing = graph.draw(checked)
    assert drawing
    assert drawing.width < 300
    assert "folder/" * 100 + "漢" * 30 in page.render(checked)


@pytest.mark.posix_shell
def test_the_graph_of_a_repository(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "repo")
    repo.write("in.txt", "1\n")
    repo.add("in.txt")
    repo.pipeline(
        stages={
            "one": {"cmd": "mkdir a; cat in.txt > a/b", "deps": ["in.txt"], "outs": ["a"]},
            "two": {"cmd": "cat a/b > two", "deps": ["a/b"], "outs": ["two"]},
        }
    )
    repo.run()
    assert repo.check().graph == {"one": Node(["in.txt"], ["a"]), "two": Node(["a"], ["two"])}


def test_a_box_that_nothing_leads_to_stands_just_before_the_first_that_it_leads_to() -> None:
    before = {"alone": [], "source": [], "a": [], "b": ["a"], "c": ["b", "source"]}
    found = layout(before, list(before), dict.fromkeys(before, Box(0, 0, 10, 10)))
    assert found is not None
    x = {name: box.x for name, box in found.boxes.items()}
    assert x["alone"] == x["a"] < x["source"] == x["b"] < x["c"]

"""The numbers that the documents of a repository quote."""

from collections.abc import Callable, Iterator

from samebits.errors import UserError
from samebits.proof.claims import numbers
from samebits.proof.claims.match import Quoted
from samebits.proof.claims.passages import Document, Mark, Passage, sentences
from samebits.proof.claims.readers import html, latex, markdown, notebook, rest

READERS: dict[str, Callable[[str], Document]] = {
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".rst": rest.read,
    ".tex": latex.read,
    ".ipynb": notebook.read,
    ".html": html.read,
    ".htm": html.read,
}
MOST_BYTES = 2**21  # of a document
PAST_NAMES = (
    "changelog",
    "changes",
    "history",
    "news",
    "release",
)  # of documents that tell of the past by their nature


def is_document(path: str) -> bool:
    """Whether a file is read for claims."""
    return path.lower().endswith(tuple(READERS))


def tells_of_the_past(path: str) -> bool:
    """Whether a file, by its name, lists what was."""
    return path.rpartition("/")[2].lower().startswith(PAST_NAMES)


def read(path: str, content: bytes) -> tuple[list[Quoted], list[Mark]]:
    """The numbers of a document, and the marks that name a value. Raises UserError where it cannot be read."""
    try:
        text = content.decode("utf-8-sig")
        found = READERS["." + path.lower().rpartition(".")[2]](text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())[:100]})") from None
    return [each for passage in found.passages for each in _quoted(path, passage)], found.marks


def _quoted(path: str, passage: Passage) -> Iterator[Quoted]:
    """The numbers of a passage with enough digits."""
    for start, sentence in sentences(passage.text):
        found = [(at, each) for at, each in numbers.find(sentence) if each.digits >= numbers.LEAST_DIGITS]
        ends = [0, *(at + len(each.text) for at, each in found)]
        begins = [*(at for at, _ in found[1:]), len(sentence)]
        for (at, number), end, begin in zip(found, ends, begins, strict=False):
            yield Quoted(
                file=path,
                line=passage.line + passage.text.count("\n", 0, start + at),
                number=number,
                block=passage.block,
                around=(sentence, *passage.labels),
                beside=(sentence[end:at], sentence[at + len(number.text) : begin], *passage.labels),
                headings=passage.headings,
            )

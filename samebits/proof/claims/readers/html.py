"""HTML."""

from html.parser import HTMLParser

from samebits.proof.claims.passages import Cell, Document

SILENT = {"script", "style", "code", "svg", "template", "title"}
BLOCKS = {"p", "div", "section", "article", "ul", "ol", "dl", "blockquote", "details", "figure", "main", "body"}
PIECES = {"li", "dt", "dd", "br", "summary", "figcaption", "pre"}
HEADINGS = {f"h{level}" for level in range(1, 7)}


def read(text: str) -> Document:
    """What stands in a file."""
    document = Document()
    add(text, document)
    return document


def add(text: str, document: Document, line: int = 1) -> None:
    """Add a text to a document; line: where it begins."""
    parser = _Parser(document, line)
    parser.feed(text)
    parser.close()
    parser.flush()


class _Parser(HTMLParser):
    def __init__(self, document: Document, line: int) -> None:
        super().__init__(convert_charrefs=True)
        self.document, self.first = document, line
        self.parts: list[str] = []
        self.line = line
        self.silent = 0
        self.rows: list[list[Cell]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in SILENT
        if self.rows is None and tag in BLOCKS | PIECES | HEADINGS | {"table"}:
            self.flush()
            self.document.block += tag in BLOCKS
        if tag == "table":
            self.rows = []
        elif self.rows is not None and tag in ("tr", "td", "th"):
            self.cell()
            if tag == "tr" or not self.rows:
                self.rows.append([])
            self.line = self.here

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT and self.silent > 0
        if self.rows is not None:
            if tag in ("td", "th", "tr", "table"):
                self.cell()
            if tag == "table":
                rows, self.rows = self.rows, None
                self.document.table([row for row in rows if row])
        elif tag in HEADINGS:
            self.document.heading(int(tag[1]), "".join(self.parts).strip())
            self.parts.clear()
        elif tag in BLOCKS | PIECES:
            self.flush()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            if not self.parts:
                self.line = self.here
            self.parts.append(data)

    def handle_comment(self, data: str) -> None:
        self.document.comment(data, self.here)

    @property
    def here(self) -> int:
        return self.first + self.getpos()[0] - 1

    def cell(self) -> None:
        """End the cell that is open, if one is."""
        if self.rows and (text := "".join(self.parts)).strip():
            self.rows[-1].append(Cell(text, self.line))
        self.parts.clear()

    def flush(self) -> None:
        """End the passage that is open."""
        self.document.add("".join(self.parts), self.line)
        self.parts.clear()

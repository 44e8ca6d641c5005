"""reStructuredText, as far as its numbers go: paragraphs, items, tables; no role or directive is run."""

import re

from samebits.proof.claims.passages import Cell, Document

UNDERLINE = re.compile(r"([=\-~^\"'`*+#.:_])\1{2,}\s*")
BORDER = re.compile(r"\s*(?:=+(?:\s+=+)+|\+[-=+]+\+)\s*")
LITERAL = re.compile(
    r"(?P<indent>\s*)(?:\.\. (?:code|code-block|sourcecode|literalinclude|math|image|figure|raw|plot)::.*|.*::)\s*"
)
QUIET = re.compile(r"\s*\.\. (?!note|warning|tip|important|admonition)")
ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)]|#\.)\s")


def read(text: str) -> Document:
    """What stands in a file."""
    document = Document()
    lines = text.splitlines()
    paragraph, first, rows, deeper = list[str](), 1, list[list[Cell]](), -1
    for number, line in enumerate([*lines, ""], 1):
        indent = len(line) - len(line.lstrip())
        if deeper >= 0 and (not line.strip() or indent > deeper):  # in a literal block
            continue
        deeper = -1
        if rows and not line.strip():
            document.table(rows)
            rows = []
        if BORDER.fullmatch(line):
            rows = rows or [[]]
            continue
        if rows:
            cells = re.split(r"\|", line.strip().strip("|")) if "|" in line else re.split(r"\s{2,}", line.strip())
            rows = [*filter(None, rows), [Cell(each.strip(), number) for each in cells]]
            continue
        if paragraph and UNDERLINE.fullmatch(line):
            document.heading(1, paragraph[-1])
            paragraph = []
            continue
        if paragraph and (not line.strip() or ITEM.match(line)):
            document.add("\n".join(paragraph), first)
            paragraph = []
        if not line.strip():
            document.block += 1
        elif not UNDERLINE.fullmatch(line) and not QUIET.match(line):
            first = first if paragraph else number
            paragraph.append(line)
        if found := LITERAL.fullmatch(line):
            document.add("\n".join(paragraph), first)
            paragraph, deeper = [], len(found["indent"])
    return document

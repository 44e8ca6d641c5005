"""LaTeX, as far as its numbers go: paragraphs, items, tables; nothing is expanded."""

import re

from samebits.proof.claims.passages import Cell, Document, Mark

MARK = re.compile(r"\\samebits\{([^{}]*)\}\{((?:[^{}]|\{,\})*)\}")
COMMENT = re.compile(r"(?<!\\)%.*")
VERBATIM = re.compile(
    r"\\(begin|end)\{(?:verbatim|lstlisting|minted|Verbatim|comment|tikzpicture|thebibliography)\*?\}"
)
HEADING = re.compile(r"\\((?:sub)*)(?:section|paragraph)\*?\{(.*)\}|\\chapter\*?\{(.*)\}")
TABLE = re.compile(r"\\(begin|end)\{(?:tabular[x*]?|longtable|tabu|array)\}")
BREAK = re.compile(r"\\(?:begin|end)\{|\\item\b|\\caption|\\(?:sub)*section")
QUIET = re.compile(
    r"\\(?:label|ref|cite\w*|input|include\w*|usepackage|bibliography\w*|url|href|hspace|vspace)\*?(?:\[[^]]*\])?\{[^{}]*\}"
)
MACRO = re.compile(r"\\(?!times|cdot|thinspace)[A-Za-z]+\*?\s*(?:\[[^\]]*\])?")
BRACES = re.compile(r"\{(?!,\})|(?<!\{,)\}|\$")


def read(text: str) -> Document:
    """What stands in a file."""
    document = Document()
    verbatim = in_table = False
    rows, row = list[list[Cell]](), list[Cell]()
    paragraph, first = list[str](), 1
    for number, raw in enumerate(text.splitlines(), 1):
        if found := VERBATIM.search(raw):
            verbatim = found[1] == "begin"
            continue
        line = COMMENT.sub("", raw)
        ends = verbatim or not line.strip() or BREAK.search(line)
        if ends and paragraph:
            document.add("\n".join(paragraph), first)
            paragraph = []
        if verbatim or not line.strip():
            document.block += 1
            continue
        document.marks += [Mark(each[1], number) for each in MARK.finditer(line)]
        line = MARK.sub(r"\2", line)
        if found := HEADING.search(line):
            document.heading(1 + (found[1] or "").count("sub"), _told(found[2] or found[3]))
        elif found := TABLE.search(line):
            in_table = found[1] == "begin"
            if not in_table:
                document.table(rows)
            rows, row = [], []
        elif in_table:
            whole, end, _ = line.partition(r"\\")
            row += [Cell(_told(each), number) for each in re.split(r"(?<!\\)&", whole)]
            if end:
                rows.append(row)
                row = []
        else:
            if not paragraph:
                first = number
            paragraph.append(_told(line))
    if paragraph:
        document.add("\n".join(paragraph), first)
    return document


def _told(text: str) -> str:
    """A text without what only sets it."""
    return BRACES.sub("", MACRO.sub(" ", QUIET.sub(" ", text))).strip()

"""Markdown: CommonMark with tables."""

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from samebits.proof.claims.passages import Cell, Document
from samebits.proof.claims.readers import html

COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
SHELL = re.compile(r"bash|sh|shell|zsh|console|shell-session|powershell|bat|cmd|python|py|r|julia|sql|diff|dockerfile")
COMMAND = re.compile(r"\s*[$>#%]\s")


def read(text: str) -> Document:
    """What stands in a file."""
    document = Document()
    add(text, document)
    return document


def add(text: str, document: Document, line: int = 1) -> None:
    """Add a text to a document; line: where it begins."""
    lists: list[str] = []  # of each item that is open, its first paragraph
    rows: list[list[Cell]] = []
    for token, content in _pairs(MarkdownIt("commonmark").enable("table").parse(text)):
        at = line + token.map[0] if token.map else line
        match token.type:
            case "heading_open":
                document.heading(int(token.tag[1]), _told(content, document, at))
            case "paragraph_open":
                document.block += not lists
                told = _told(content, document, at)
                document.add(told, at, *lists[:-1])
                if lists and not lists[-1]:
                    lists[-1] = told
            case "list_item_open":
                lists.append("")
            case "list_item_close":
                lists.pop()
            case "bullet_list_open" | "ordered_list_open":
                document.block += not lists
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "th_open" | "td_open":
                rows[-1].append(Cell(_told(content, document, content.map[0] + line if content.map else at), at))
            case "table_close":
                document.table(rows)
            case "fence" | "code_block":
                _code(token, document, at + (token.type == "fence"))
            case "html_block":
                html.add(token.content, document, at)


def _pairs(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """Each token with the next, which holds what stands in a heading, a paragraph or a cell."""
    line = None
    for token, after in zip(tokens, [*tokens[1:], *tokens[-1:]], strict=True):
        line = token.map or line
        token.map = line  # that of a cell is its row's
        yield token, after


def _told(inline: Token, document: Document, line: int) -> str:
    """The text of a paragraph, without its markup; its comments may be marks. Pictures, as badges are, say nothing."""
    parts = list[str]()
    for child in inline.children or []:
        if child.type == "html_inline":
            for comment in COMMENT.findall(child.content):
                document.comment(comment, line + "".join(parts).count("\n"))
            parts.append("\n" * child.content.count("\n"))
        elif child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type in ("text", "code_inline"):
            parts.append(child.content)
    return "".join(parts)


def _code(token: Token, document: Document, line: int) -> None:
    """Add the lines of a block of code that may be output: no program, and no command."""
    document.block += 1
    if SHELL.fullmatch(token.info.strip().partition(" ")[0].lower()):
        return
    lines = token.content.splitlines()
    if any(map(COMMAND.match, lines)):  # a session is an example, and often an old one
        return
    for number, text in enumerate(lines):
        document.add(text, line + number)

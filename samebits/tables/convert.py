"""Files that DuckDB does not read, as CSV in UTF-8: archives, other encodings, fields between spaces, workbooks.

Lines around the rows, as titles and notes, are left out on request.
"""

import bz2
import codecs
import collections
import csv
import gzip
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

from samebits.errors import UserError, warn
from samebits.tables import excel
from samebits.tables.diagnosis import clean

FORMATS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
TEXTS = (".csv", ".tsv", ".txt", ".dat", ".data", ".tab")
PACKED = (".zip", ".bz2", ".xz")
MOST = 2**36  # bytes that an archive may become
CHUNK = 2**20  # bytes
FIRST = 50  # lines that tell how fields are separated
BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SOME = 2**16  # bytes that tell an encoding
SHOWN = 60  # characters of a line


@dataclass(frozen=True)
class Around:
    """Lines around the rows: so many above the header, and after the last row, which are not read."""

    above: int = 0
    below: int = 0


def split(table: str) -> tuple[str, str | None]:
    """A path and what is chosen within it: `book.xlsx#Sheet 2` or `archive.zip#table.csv`, unless that is a file."""
    path, mark, part = table.rpartition("#")
    if mark and part and not Path(table).exists() and (excel.is_workbook(path) or path.lower().endswith(".zip")):
        return path, part
    return table, None


def readable(path: Path, part: str | None, folder: Path, around: Around | None = None) -> Path:
    """The file itself if DuckDB reads it, else a copy in the folder that it reads; tells what was done.

    Raises UserError where the file cannot be read.
    """
    copy = _as_csv(path, part, folder)
    return _without(copy, around, folder) if around and (around.above or around.below) else copy


def _as_csv(path: Path, part: str | None, folder: Path) -> Path:
    if excel.is_workbook(str(path)):
        copy = folder / f"{path.stem}.csv"
        excel.to_csv(str(path), copy, part)
        return copy
    if path.suffix.lower() in PACKED:
        path = _unpacked(path, part, folder)
        if excel.is_workbook(str(path)):
            return _as_csv(path, None, folder)
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(TEXTS):
        return path
    encoding = _encoding(path)
    with _opened(path) as raw:
        first = list(_lines(raw, encoding, FIRST))
    spaced = _spaced(first)
    if not encoding and not spaced and name.endswith((".csv", ".tsv")):
        return path
    stem = path.name[: len(name)].rpartition(".")[0]
    copy = folder / f"{stem}.csv"
    if copy == path:
        copy = folder / f"{stem}-utf-8.csv"
    with _opened(path) as raw, open(copy, "w", newline="", encoding="utf-8") as to:
        if spaced:
            warn(f"{clean(path.name)}: fields are separated by spaces; rewritten with commas")
            _write_spaced(_lines(raw, encoding, None), to)
        else:
            for text in codecs.iterdecode(iter(lambda: raw.read(CHUNK), b""), encoding or "utf-8"):
                to.write(text)
    return copy


def _without(path: Path, around: Around, folder: Path) -> Path:
    """A copy of a text without the lines around its rows."""
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(TEXTS):
        raise UserError(f"{clean(path.name)}: has no lines to skip; they are those of a text or a workbook")
    copy = folder / f"{path.name[: len(name)].rpartition('.')[0]}-rows{name[name.rindex('.') :]}"
    last: collections.deque[bytes] = collections.deque()
    lines = 0
    with _opened(path) as raw, open(copy, "wb") as to:
        for line in raw:
            lines += 1
            if lines > around.above:
                last.append(line)
            if len(last) > around.below:
                to.write(last.popleft())
    if not copy.stat().st_size:
        raise UserError(f"{clean(path.name)}: has {lines:,} lines; all are skipped")
    above = [f"the first {around.above}"] if around.above else []
    below = [f"the last {len(last)}, from {_shown(last[0])!r} on,"] if last else []
    warn(f"{clean(path.name)}: of its {lines:,} lines, {' and '.join([*above, *below])} are not read")
    return copy


def _shown(line: bytes) -> str:
    """A line for people."""
    text = clean(line.decode(errors="replace"))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _unpacked(path: Path, part: str | None, folder: Path) -> Path:
    """The file in a compressed file, or the only table, or the chosen one, in an archive."""
    kind = path.suffix.lower()
    try:
        if kind == ".zip":
            with zipfile.ZipFile(path) as archive:
                member = _member(path, archive, part)
                copy = folder / Path(member).name
                with archive.open(member) as raw:
                    _copy(raw, copy, path)
        else:
            copy = folder / path.stem
            with (bz2.open if kind == ".bz2" else lzma.open)(path) as raw:
                _copy(raw, copy, path)
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{path}: cannot be unpacked: {clean(str(error))}") from None
    return copy


def _member(path: Path, archive: zipfile.ZipFile, part: str | None) -> str:
    names = [each for each in archive.namelist() if not each.endswith("/") and not each.startswith("__MACOSX")]
    tables = [each for each in names if each.lower().endswith((*FORMATS, *TEXTS)) or excel.is_workbook(each)]
    found = [each for each in names if each == part] if part else tables
    if len(found) != 1:
        shown = clean(", ".join(names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        what = f"no file {part}" if part else f"{len(tables)} tables"
        raise UserError(
            f"{path}: {clean(what)} in the archive, which holds {shown or 'nothing'}; name one: {path}#FILE"
        )
    return found[0]


def _copy(raw: IO[bytes], to: Path, path: Path) -> None:
    size = 0
    with open(to, "wb") as file:
        while chunk := raw.read(CHUNK):
            size += len(chunk)
            if size > MOST:
                raise UserError(f"{path}: unpacks to more than {MOST:,} bytes; unpack it by hand")
            file.write(chunk)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb") as file:
        yield file  # type: ignore[misc]


def _encoding(path: Path) -> str | None:
    """The encoding of a text that is not UTF-8; None for UTF-8."""
    decoder, place = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        with _opened(path) as raw:
            start = raw.read(CHUNK)
            for mark, name in BOMS.items():
                if start.startswith(mark):
                    return _told(path, name, "its byte order mark says so")
            if start[1:200:2].count(0) > 50 or start[0:200:2].count(0) > 50:
                name = "utf-16-le" if start[1:200:2].count(0) > 50 else "utf-16-be"
                return _told(path, name, "every second byte is zero")
            chunk = start
            while chunk:
                decoder.decode(chunk)
                place, chunk = place + len(chunk), raw.read(CHUNK)
            decoder.decode(b"", final=True)
    except (EOFError, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: cannot be unpacked: {clean(str(error))}") from None
    except UnicodeDecodeError as error:
        with _opened(path) as raw:
            before = raw.read(place)
            content = before + raw.read(CHUNK)
        at = place + error.start
        some = content[max(0, at - SOME) : at + SOME]
        best = from_bytes(some).best()
        name = best.encoding if best else "cp1252"
        if name in ("cp1250", "cp1252", "latin_1", "iso8859_15", "cp1257", "mac_roman") or not _decodes(content, name):
            name = "cp1252" if _decodes(content, "cp1252") else "latin-1"
        return _told(path, name, f"line {content[:at].count(10) + 1} is not UTF-8")
    return None


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding, "strict")
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _told(path: Path, encoding: str, why: str) -> str:
    warn(f"{clean(path.name)}: {why}; read as {encoding}, and rewritten as UTF-8")
    return encoding


def _lines(raw: IO[bytes], encoding: str | None, most: int | None) -> Iterator[str]:
    """The lines of a text."""
    reader = codecs.getreader(encoding or "utf-8-sig")(raw, "replace")
    for i, line in enumerate(reader):
        if most is not None and i >= most:
            return
        yield line


def _spaced(lines: list[str]) -> bool:
    """Whether fields are separated by spaces alone: each line has as many, but for a header without row names."""
    filled = [line.strip() for line in lines if line.strip()]
    if len(filled) < 3 or any(mark in filled[0] for mark in ",;\t|"):
        return False
    header, *rows = list(_split(iter(filled)))
    widths = {len(row) for row in rows}
    return len(widths) == 1 and min(widths) > 1 and len(header) - min(widths) in (0, -1)


def _split(lines: Iterator[str]) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=" ", skipinitialspace=True)


def _write_spaced(lines: Iterator[str], to: IO[str]) -> None:
    rows = _split(line.strip() for line in lines if line.strip())
    write = csv.writer(to, lineterminator="\n").writerow
    header = next(rows)
    for i, row in enumerate(rows):
        if not i:
            write([*(["rownames"] if len(row) == len(header) + 1 else []), *header])
        write(row)

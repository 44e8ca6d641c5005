"""Which reader is for which file, and the bounds within which it reads."""

import contextlib
import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LIMIT = 256 * 2**20  # bytes of a file that is read, and of all that is unpacked from it
MEMBERS = 100_000  # of archives
DEPTH = 5  # archives within archives


class UnreadableError(Exception):
    """Why a file is compared by its bytes."""


@dataclass(frozen=True)
class Format:
    """A kind of file.

    module: of this package; its `read(content, name, budget)` gives plain values. magic: how such a file surely begins.
    one_number_type: whether 1 and 1.0 are one number. needs: packages that the reader imports.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    one_number_type: bool = False
    needs: tuple[str, ...] = ()
    limit: int = LIMIT


FORMATS = (
    Format("zip", "zip", (".zip", ".npz"), (b"PK\3\4", b"PK\5\6")),
    Format("gzip", "compressed", (".gz", ".tgz"), (b"\x1f\x8b",)),
    Format("bzip2", "compressed", (".bz2",), (b"BZh",)),
    Format("xz", "compressed", (".xz",), (b"\xfd7zXZ\0",)),
    Format("npy", "npy", (".npy",), (b"\x93NUMPY",), needs=("numpy",)),
    Format("PNG", "png", (".png",), (b"\x89PNG\r\n\x1a\n",), needs=("numpy", "pillow")),
    Format("Parquet", "parquet", (".parquet", ".pq"), (b"PAR1",), needs=("numpy", "pyarrow")),
    Format("tar", "tar", (".tar",)),
    Format("JSON", "json", (".json", ".ipynb", ".geojson", ".jsonl", ".ndjson"), one_number_type=True),
    Format("YAML", "yaml", (".yaml", ".yml"), limit=32 * 2**20),
    Format("TOML", "toml", (".toml",), limit=32 * 2**20),
    Format("CSV", "csv", (".csv", ".tsv"), one_number_type=True),
    Format("safetensors", "safetensors", (".safetensors",), needs=("numpy",)),
    Format("ONNX", "onnx", (".onnx",), needs=("numpy", "onnx")),
    Format("pickle", "pickle", (".pkl", ".pickle", ".joblib", ".p", ".pt", ".pth"), needs=("numpy",)),
)


@dataclass
class Budget:
    """What may still be unpacked from a file: a small one can hold any number of bytes."""

    bytes: int = field(default_factory=lambda: LIMIT)
    members: int = MEMBERS
    depth: int = DEPTH

    def take(self, size: int, members: int = 1) -> None:
        """Take some of it. Raises UnreadableError where it is used up."""
        self.bytes -= size
        self.members -= members
        if self.bytes < 0 or self.members < 0:
            raise UnreadableError(f"it unpacks to more than {LIMIT // 2**20} MB or {MEMBERS:,} members")

    @contextlib.contextmanager
    def deeper(self) -> Iterator[None]:
        """One file within another. Raises UnreadableError where there are too many."""
        if not self.depth:
            raise UnreadableError(f"more than {DEPTH} files within one another")
        self.depth -= 1
        try:
            yield
        finally:
            self.depth += 1


def of(name: str, content: bytes) -> Format | None:
    """The format of a file: as it surely begins, else by the end of its name."""
    for each in FORMATS:
        if each.magic and content.startswith(each.magic):
            return each
    return next((each for each in FORMATS if name.lower().endswith(each.suffixes)), None)


def read(kind: Format, name: str, content: bytes, budget: Budget) -> Any:
    """The values in a file. Raises UnreadableError where it cannot be read."""
    if len(content) > kind.limit:
        raise UnreadableError(f"it is larger than {kind.limit // 2**20} MB")
    try:
        with warnings.catch_warnings(action="ignore"):  # readers would print texts of the file
            return importlib.import_module(f"samebits.proof.comparators.readers.{kind.module}").read(
                content, name, budget
            )
    except UnreadableError:
        raise
    except ImportError:
        raise UnreadableError(f"install {' and '.join(kind.needs)} to see values") from None
    except Exception as error:  # whatever a file that is no such file may lead to in its reader
        raise UnreadableError(
            f"{type(error).__name__}: {' '.join(str(error).split())[:100]}".removesuffix(": ")
        ) from None

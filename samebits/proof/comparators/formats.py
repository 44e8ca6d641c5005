"""Which reader is for which file."""

import warnings
from dataclasses import dataclass
from typing import Any

from samebits.proof.comparators.readers import compressed, csv, json, pickle, tar, toml, yaml, zip
from samebits.proof.comparators.reading import LIMIT, Budget, Reader, UnreadableError


@dataclass(frozen=True)
class Format:
    """A kind of file.

    read: gives the values of one. magic: how such a file surely begins. one_number_type: whether 1 and 1.0 are one
    number. needs: packages that the reader imports. limit: bytes of a file that is read.
    """

    name: str
    read: Reader
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    one_number_type: bool = False
    needs: tuple[str, ...] = ()
    limit: int = LIMIT


# Readers that import packages which may not be installed
def _npy(content: bytes, name: str, budget: Budget) -> Any:
    from samebits.proof.comparators.readers import npy

    return npy.read(content, name, budget)


def _png(content: bytes, name: str, budget: Budget) -> Any:
    from samebits.proof.comparators.readers import png

    return png.read(content, name, budget)


def _parquet(content: bytes, name: str, budget: Budget) -> Any:
    from samebits.proof.comparators.readers import parquet

    return parquet.read(content, name, budget)


def _safetensors(content: bytes, name: str, budget: Budget) -> Any:
    from samebits.proof.comparators.readers import safetensors

    return safetensors.read(content, name, budget)


def _onnx(content: bytes, name: str, budget: Budget) -> Any:
    from samebits.proof.comparators.readers import onnx

    return onnx.read(content, name, budget)


FORMATS = (
    Format("zip", zip.read, (".zip", ".npz"), (b"PK\3\4", b"PK\5\6")),
    Format("gzip", compressed.read, (".gz", ".tgz"), (b"\x1f\x8b",)),
    Format("bzip2", compressed.read, (".bz2",), (b"BZh",)),
    Format("xz", compressed.read, (".xz",), (b"\xfd7zXZ\0",)),
    Format("npy", _npy, (".npy",), (b"\x93NUMPY",), needs=("numpy",)),
    Format("PNG", _png, (".png",), (b"\x89PNG\r\n\x1a\n",), needs=("numpy", "pillow")),
    Format("Parquet", _parquet, (".parquet", ".pq"), (b"PAR1",), needs=("numpy", "pyarrow")),
    Format("tar", tar.read, (".tar",)),
    Format("JSON", json.read, (".json", ".ipynb", ".geojson", ".jsonl", ".ndjson"), one_number_type=True),
    Format("YAML", yaml.read, (".yaml", ".yml"), limit=32 * 2**20),
    Format("TOML", toml.read, (".toml",), limit=32 * 2**20),
    Format("CSV", csv.read, (".csv", ".tsv"), one_number_type=True),
    Format("safetensors", _safetensors, (".safetensors",), needs=("numpy",)),
    Format("ONNX", _onnx, (".onnx",), needs=("numpy", "onnx")),
    Format("pickle", pickle.read, (".pkl", ".pickle", ".joblib", ".p", ".pt", ".pth"), needs=("numpy",)),
)


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
            return kind.read(content, name, budget)
    except UnreadableError:
        raise
    except ImportError:
        raise UnreadableError(f"install {' and '.join(kind.needs)} to see values") from None
    except Exception as error:  # whatever a file that is no such file may lead to in its reader
        raise UnreadableError(
            f"{type(error).__name__}: {' '.join(str(error).split())[:100]}".removesuffix(": ")
        ) from None

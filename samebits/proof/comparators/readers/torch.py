"""What torch.save writes: a zip of a pickle and the bytes of storages. Nothing is loaded.

The pickle names the type of each storage, so that those of floats can be compared as numbers.
"""

import sys

from samebits.proof.comparators.readers import pickle
from samebits.proof.comparators.reading import UnreadableError
from samebits.proof.comparators.values import Archive, Array

STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
}  # fmt: skip
DERIVED = ".data/serialization_id"  # hashes of names and contents of the other members


def typed(archive: Archive) -> Archive:
    """An archive; where it is one of torch, with its storages as arrays."""
    root = next((name.removesuffix("data.pkl") for name in archive.files if name.endswith("/data.pkl")), None)
    if root is None or f"{root}version" not in archive.files:
        return archive
    try:
        import numpy as np

        from samebits.proof.comparators import arrays

        storages = pickle.storages(archive.files[f"{root}data.pkl"].content)
    except (ImportError, UnreadableError, ValueError):
        return archive
    files = {name.removeprefix(root): file for name, file in archive.files.items()}  # the root is the name of the file
    if len(files) != len(archive.files):
        return archive
    files.pop(DERIVED, None)
    order = files.get("byteorder")
    for key, storage in storages.items():
        file, dtype = files.get(f"data/{key}"), STORAGES.get(storage)
        if file is None or dtype is None or (order and order.content != sys.byteorder.encode()):
            continue
        width = np.dtype("u2" if dtype == "bfloat16" else dtype)
        if len(file.content) % width.itemsize == 0:
            values = np.frombuffer(file.content, width)
            array: Array = arrays.bfloat16(values) if dtype == "bfloat16" else arrays.of(values)
            file.values = array
    return Archive(files, archive.about)

"""Unsigned integers of b bits to bytes and back, least significant bit first: 8 bits are uint8, 16 bits are <u2."""

from collections.abc import Sequence

import numpy as np


def pack(fields: Sequence[tuple[np.ndarray, int]]) -> bytes:
    """The fields (unsigned integers (n,), bits each) as one string of bits, padded with zeros to whole bytes.

    Raises ValueError where an integer does not fit into its bits.
    """
    stream = []
    for values, bits in fields:
        values = np.asarray(values, dtype=np.uint64)
        if bits < 64 and (values >> np.uint64(bits)).any():
            raise ValueError(f"{values.max()} does not fit into {bits} bits")
        stream.append((values[:, None] >> np.arange(bits, dtype=np.uint64) & np.uint64(1)).ravel())
    return np.packbits(np.concatenate(stream).astype(np.uint8), bitorder="little").tobytes()


def unpack(content: bytes, fields: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """The fields (n, bits each) that `pack` put into `content`, each as int64 (n,).

    Raises ValueError if `content` does not have the length of the fields.
    """
    total = sum(n * bits for n, bits in fields)
    if len(content) != (total + 7) // 8:
        raise ValueError(f"{len(content)} bytes instead of {(total + 7) // 8}")
    stream = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    values, start = [], 0
    for n, bits in fields:
        chunk = stream[start : start + n * bits].reshape(n, bits).astype(np.int64)
        values.append((chunk << np.arange(bits)).sum(axis=1))
        start += n * bits
    return values

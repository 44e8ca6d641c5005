import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebits.model.bitpack import pack, unpack

Field = tuple[list[int], int]


@st.composite
def fields(draw: st.DrawFn) -> list[Field]:
    widths = draw(st.lists(st.integers(1, 32), min_size=1, max_size=4))
    return [(draw(st.lists(st.integers(0, 2**bits - 1), max_size=9)), bits) for bits in widths]


def packed(stored: list[Field]) -> bytes:
    return pack([(np.array(values, np.int64), bits) for values, bits in stored])


@given(fields())
@settings(max_examples=100, deadline=None)
def test_bytes_are_one_large_integer_least_significant_first(stored: list[Field]) -> None:
    integer, length = 0, 0
    for values, bits in stored:
        for value in values:
            integer |= value << length
            length += bits
    assert packed(stored) == integer.to_bytes((length + 7) // 8, "little")


@given(fields())
@settings(max_examples=100, deadline=None)
def test_unpack_gives_back_what_was_packed(stored: list[Field]) -> None:
    unpacked = unpack(packed(stored), [(len(values), bits) for values, bits in stored])
    assert [values.tolist() for values in unpacked] == [values for values, _ in stored]
    assert {values.dtype for values in unpacked} == {np.dtype(np.int64)}


@pytest.mark.parametrize(("bits", "dtype"), [(8, "<u1"), (16, "<u2"), (32, "<u4")])
def test_whole_bytes_are_those_of_numpy(bits: int, dtype: str) -> None:
    values = np.random.default_rng(bits).integers(0, 2**bits, size=20)
    assert pack([(values, bits)]) == values.astype(dtype).tobytes()


@pytest.mark.parametrize(("value", "bits"), [(2, 1), (256, 8), (65536, 16), (-1, 8)])
def test_an_integer_too_large_for_its_bits_is_refused(value: int, bits: int) -> None:
    with pytest.raises(ValueError, match=f"does not fit into {bits} bits"):
        pack([(np.array([0, value]), bits)])


@given(fields(), st.sampled_from([-1, 1]))
@settings(max_examples=50, deadline=None)
def test_content_of_another_length_is_refused(stored: list[Field], change: int) -> None:
    content = packed(stored)
    changed = content[:-1] if change < 0 else content + b"\0"
    if changed != content:
        with pytest.raises(ValueError, match=f"{len(changed)} bytes instead of {len(content)}"):
            unpack(changed, [(len(values), bits) for values, bits in stored])

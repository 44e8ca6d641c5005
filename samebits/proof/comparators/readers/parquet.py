"""Parquet: compression, encoding, row groups and what writers note do not count; columns do. Needs pyarrow.

Columns count with their order, names, physical and logical types, values and nulls; not whether nulls were allowed.
"""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from samebits.proof.comparators import arrays
from samebits.proof.comparators.reading import LIMIT, Budget, UnreadableError
from samebits.proof.comparators.values import Exact, Ordered

CELLS = 50_000_000
OF_WRITERS = (b"ARROW:schema", b"pandas")


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The columns."""
    file = parquet.ParquetFile(io.BytesIO(content))
    about = file.metadata
    budget.take(sum(about.row_group(index).total_byte_size for index in range(about.num_row_groups)))
    if about.num_rows * about.num_columns > CELLS:
        raise UnreadableError(f"more than {CELLS:,} values")
    table = file.read(use_threads=False)
    if table.nbytes > LIMIT or len(set(table.column_names)) != len(table.column_names):
        raise UnreadableError("it is too large, or has two columns of one name")
    types: dict[str, list[str]] = {}  # of each column, those of its leaves
    for leaf in (file.schema.column(index) for index in range(about.num_columns)):
        type_of_leaf = f"{leaf.path} {leaf.physical_type} {leaf.logical_type}"
        types.setdefault(leaf.path.split(".")[0], []).append(type_of_leaf)
    columns = {each: {"type": types.get(each), "values": _values(table.column(each))} for each in table.column_names}
    notes = {key.decode(): value for key, value in (about.metadata or {}).items() if key not in OF_WRITERS}
    return {"rows": Exact(table.num_rows), "columns": Ordered(columns), "metadata": notes}


def _values(chunked: Any) -> Any:
    column = pa.concat_arrays(chunked.chunks) if chunked.num_chunks else pa.array([], chunked.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    exact = pa.types.is_temporal(kind) and kind.bit_width in (32, 64)
    if exact:
        column = column.view(pa.int64() if kind.bit_width == 64 else pa.int32())
        kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        nulls = column.is_null().to_numpy(zero_copy_only=False)
        values = compute.fill_null(column, pa.scalar(0, kind)).to_numpy(zero_copy_only=False)
        array = replace(arrays.of(np.asarray(values)), exact=exact)
        return {"null": arrays.of(nulls), "where not null": array} if nulls.any() else array
    return column.to_pylist()

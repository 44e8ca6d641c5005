"""The tables that benchmarks use."""

import numpy as np

from samebits import params
from samebits.tables.table import Table


def bundled() -> tuple[np.ndarray, np.ndarray]:
    """X (n, p) and y (n,) of params.yaml."""
    options = params.load().data
    table = Table.of(options.source, options.query, options.target)
    blocks = [block for fragment in table.fragments for block in table.blocks(fragment)]
    return np.vstack([X for X, _, _ in blocks]), np.concatenate([y for _, y, _ in blocks])

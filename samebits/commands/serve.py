"""samebits serve."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

import numpy as np

from samebits.commands import add_model
from samebits.errors import warn
from samebits.model.predictor import Predictor
from samebits.model.schema import Rows
from samebits.serving.serve import serve

Query = Callable[[dict[str, np.ndarray], int], Rows]


def add_arguments(parser: ArgumentParser) -> None:
    """The model, its name, and where to listen."""
    add_model(parser)
    parser.add_argument(
        "--name", default="samebits", help="the name of the model in the protocol (default: %(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen on (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="the number of processes (default: %(default)s)")


def run(arguments: Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    serve(arguments.model, arguments.name, arguments.host, arguments.port, arguments.workers, query)
    return 0


def query(predictor: Predictor) -> Query | None:
    """How the model's query is asked of raw rows; None where it takes features only."""
    schema = predictor.schema
    if not schema or not schema.by_row or schema.plain:
        return None
    try:
        from samebits.tables import raw
    except ModuleNotFoundError as error:
        warn(f"rows of the table need {error.name}, which is not installed: the server takes features only")
        return None
    return raw.Query(schema, predictor.features).rows

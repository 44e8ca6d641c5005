"""samebits serve."""

from argparse import ArgumentParser, Namespace

from samebits.commands import add_model
from samebits.serving.serve import serve


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
    serve(arguments.model, arguments.name, arguments.host, arguments.port, arguments.workers)
    return 0

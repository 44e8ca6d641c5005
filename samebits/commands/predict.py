"""samebits predict."""

import json
import sys
from argparse import ArgumentParser, Namespace
from io import BufferedReader, FileIO

from samebits.commands import add_model
from samebits.errors import UserError
from samebits.model.predictor import Predictor
from samebits.serving.predict import predict
from samebits.serving.rows import CHUNK


def add_arguments(parser: ArgumentParser) -> None:
    """The rows and the model."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="CSV with a header, or JSON lines (default: stdin)"
    )
    add_model(parser)
    parser.add_argument("--info", action="store_true", help="print what the model is and where it comes from")


def run(arguments: Namespace) -> int:
    """Print a prediction for each row."""
    if not sys.stdout:
        raise UserError("stdout is closed; the predictions need a place")
    predictor = Predictor.load(arguments.model)
    if arguments.info:
        print(json.dumps(predictor.info(), indent=2, ensure_ascii=False))
    else:
        with _opened(arguments.file) as file:
            predict(predictor, file, sys.stdout)
    return 0


def _opened(path: str) -> BufferedReader:
    try:
        return BufferedReader(FileIO(0 if path == "-" else path), CHUNK)  # a smaller buffer would make smaller chunks
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None

"""The one command line of the project: python -m samebits."""

import argparse
import json
import os
import sys
from io import BufferedReader, FileIO

from samebits.errors import UserError, run

MODEL = "models/quant_params.joblib"


def main() -> int:
    """Parse the arguments and run one subcommand, importing only what it needs; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m samebits", description="The same bits on every machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    lock = commands.add_parser("lock", help="check, without data, that dvc.lock is a record of this tree")
    lock.set_defaults(command=_lock)
    check = commands.add_parser("check", help="prove that a commit describes its model: run it from nothing, compare")
    check.add_argument("--commit", metavar="REV", default="HEAD", help="the commit to check (default: HEAD)")
    check.add_argument("--vary", action="store_true", help="run it in 20 or more environments, too")
    check.add_argument("--json", action="store_true", help="print the verdict as JSON")
    check.add_argument("--markdown", metavar="FILE", help="write the verdict to a file, too")
    check.add_argument("--outputs", metavar="FOLDER", help="keep the outputs there, if they are what was promised")
    check.set_defaults(command=_check)
    compare = commands.add_parser("report", help="compare parameters and metrics with a base revision, as Markdown")
    compare.add_argument(
        "base", metavar="BASE", nargs="?", default="main", help="a branch, tag or commit (default: main)"
    )
    compare.add_argument("--gate", action="store_true", help="exit 1 if a metric got worse than params.yaml allows")
    compare.add_argument("--verdict", metavar="FILE", nargs="+", default=[], help="what `check --json` printed")
    compare.set_defaults(command=_report)
    results = commands.add_parser("results", help="print the metrics of the last run as a table")
    results.add_argument("--write", metavar="FILE", help="write it between its markers in a Markdown file instead")
    results.add_argument("--picture", metavar="FILE", help="draw quality against size as SVG")
    results.set_defaults(command=_results)
    predict = commands.add_parser("predict", help="predict rows of CSV or JSON lines with the quantized model")
    predict.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="CSV with a header, or JSON lines (default: stdin)"
    )
    predict.add_argument(
        "--model",
        metavar="FILE",
        default="models/quant_params.joblib",
        help="with its card.json beside it (default: %(default)s)",
    )
    predict.add_argument("--info", action="store_true", help="say what the model is and where it comes from, instead")
    predict.set_defaults(command=_predict)
    serve = commands.add_parser("serve", help="answer requests over HTTP (Open Inference Protocol)")
    serve.add_argument(
        "--model", metavar="FILE", default=MODEL, help="with its card.json beside it (default: %(default)s)"
    )
    serve.add_argument("--name", default="samebits", help="of the model in the protocol (default: %(default)s)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8080, help="the port to listen on (default: %(default)s)")
    serve.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    serve.set_defaults(command=_serve)
    image = commands.add_parser(
        "image", help="build, test, push the image of HEAD's model; verify an image of a commit"
    )
    image.add_argument("action", choices=("build", "test", "push", "verify"))
    image.add_argument("image", metavar="IMAGE", help="its name; to test or verify, with a tag or digest if need be")
    image.add_argument("--docker", metavar="COMMAND", default="docker", help="or podman (default: %(default)s)")
    image.add_argument("--build-arg", metavar="NAME=VALUE", action="append", default=[], help="for the Dockerfile")
    image.set_defaults(command=_image)
    # for `docker run IMAGE --info`
    arguments = parser.parse_args(["predict", "--info"] if sys.argv[1:] == ["--info"] else None)
    try:
        return int(arguments.command(arguments))
    except ImportError as error:
        from samebits.predictor import COMMIT

        if COMMIT in os.environ and error.name and error.name.startswith("samebits"):
            raise UserError("this image can only predict and serve; for the rest, use the repository") from None
        raise


def _lock(arguments: argparse.Namespace) -> int:
    from samebits import lock

    problems = lock.problems(lock.recorded(), lock.stages())
    for problem in problems:
        print(f"{problem.stage}: {problem.text}")
    print(f"dvc.lock is {'not ' if problems else ''}the record of a run of this tree")
    return 1 if problems else 0


def _check(arguments: argparse.Namespace) -> int:
    from samebits import artifacts, report, reproduce

    verdict = reproduce.check(arguments.commit, arguments.vary, _progress, arguments.outputs)
    if arguments.markdown:
        artifacts.write_text(report.verdict(verdict, "github") + "\n", arguments.markdown)
    if arguments.json:
        print(json.dumps(verdict.to_plain(), indent=2))
    else:
        print(report.verdict(verdict, "simple"))
    return 0 if verdict.reproduced else 1


def _report(arguments: argparse.Namespace) -> int:
    from samebits import artifacts, report

    verdicts = []
    if arguments.verdict:
        from samebits.reproduce import Verdict

        verdicts = [Verdict.from_plain(artifacts.read_json(file)) for file in arguments.verdict]
    text, failed = report.comparison(arguments.base, verdicts)
    print(text, end="")
    return 1 if arguments.gate and failed else 0


def _results(arguments: argparse.Namespace) -> int:
    from samebits import artifacts, report

    if arguments.write:
        text = report.between_markers(arguments.write, "results", report.results())
        artifacts.write_text(text, arguments.write)
    if arguments.picture:
        artifacts.write_text(report.bits_picture(), arguments.picture)
    if not arguments.write and not arguments.picture:
        print(report.results())
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from samebits.predict import predict
    from samebits.predictor import Predictor

    predictor = Predictor.load(arguments.model)
    if arguments.info:
        print(json.dumps(predictor.info(), indent=2, ensure_ascii=False))
    else:
        with _opened(arguments.file) as file:
            predict(predictor, file, sys.stdout)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from samebits.serve import serve

    serve(arguments.model, arguments.name, arguments.host, arguments.port, arguments.workers)
    return 0


def _image(arguments: argparse.Namespace) -> int:
    from samebits import image
    from samebits.engine import Engine

    engine = Engine(arguments.docker)
    found: list[str] = []
    if arguments.action == "build":
        print(image.build(engine, arguments.image, arguments.build_arg))
    elif arguments.action == "test":
        rows, found = image.test(engine, arguments.image)
        print(f"{rows:,} rows: {'NOT the same' if found else 'the same'} bits as on this machine")
    elif arguments.action == "push":
        pushed, found = image.push(engine, arguments.image, arguments.build_arg)
        print(pushed)
    else:
        from samebits import proof, report

        proved = proof.verify(engine, arguments.image, _progress)
        print(report.proof(proved))
        return 0 if proved.proved else 1
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _opened(path: str) -> BufferedReader:
    from samebits.rows import CHUNK

    try:
        return BufferedReader(FileIO(0 if path == "-" else path), CHUNK)  # a smaller buffer would make smaller chunks
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


if __name__ == "__main__":
    run(main)

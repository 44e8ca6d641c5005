"""samebits image."""

import sys
from argparse import ArgumentParser, Namespace

from samebits.image import build, verify
from samebits.image.engine import Engine
from samebits.proof.running.progress import Progress


def add_arguments(parser: ArgumentParser) -> None:
    """What to do with which image, and by which engine."""
    parser.add_argument("action", choices=("build", "test", "push", "verify"), help="what to do with it")
    parser.add_argument(
        "image", metavar="IMAGE", help="the name of the image; for test and verify also with a tag or digest"
    )
    parser.add_argument(
        "--docker", metavar="COMMAND", default="docker", help="the engine, or podman (default: %(default)s)"
    )
    parser.add_argument(
        "--build-arg", metavar="NAME=VALUE", action="append", default=[], help="for the Dockerfile; repeatable"
    )


def run(arguments: Namespace) -> int:
    """Build, test or push the image of HEAD's model, or verify one."""
    engine = Engine(arguments.docker)
    found: list[str] = []
    if arguments.action == "build":
        print(build.build(engine, arguments.image, arguments.build_arg))
    elif arguments.action == "test":
        rows, found = build.test(engine, arguments.image)
        print(f"{rows:,} rows: {'NOT the same' if found else 'the same'} bits as on this machine")
    elif arguments.action == "push":
        pushed, found = build.push(engine, arguments.image, arguments.build_arg)
        print(pushed)
    else:
        proof = verify.verify(engine, arguments.image, Progress(sys.stderr))
        print(verify.text(proof))
        return 0 if proof.proved else 1
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0

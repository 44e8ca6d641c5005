"""Running the server, in one process or several, on uvicorn."""

import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from samebits.errors import UserError, warn
from samebits.model.predictor import Predictor
from samebits.serving.connection import BoundedConnection
from samebits.serving.counters import FOLDER

SHARED_MEMORY = "/dev/shm"  # noqa: S108  all else may be read-only
QueryOf = Callable[[Predictor], Any]
GRACE_SECONDS = 10  # after SIGTERM, to answer the requests in flight


class Workers(Multiprocess):
    """The processes of a server, which take no new connection after SIGTERM."""

    def terminate_all(self) -> None:
        """Close this process's port first: who connected to it now would wait for nobody."""
        for each in self.sockets:
            each.close()
        super().terminate_all()


def serve(path: str | Path, name: str, host: str, port: int, workers: int, query: QueryOf) -> None:
    """Serve the model in the file `path` under `name` until SIGTERM or Ctrl-C.

    query: how the model's query is asked, of its predictor; a function that other processes can import.

    Raises UserError where the model cannot be read or the port not be had.
    """
    predictor = Predictor.load(path)
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        if workers > 1:
            memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
            os.environ[FOLDER] = stack.enter_context(tempfile.TemporaryDirectory(dir=memory))
        config = uvicorn.Config(
            partial(_application, path, name, query),
            factory=True,
            workers=workers,
            http=BoundedConnection,
            loop="uvloop",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        address = "{}:{}".format(*listening.getsockname())
        if predictor.head and predictor.commit != predictor.head:
            warn(_elsewhere(predictor))
        of = f"commit {predictor.commit[:12]}" if predictor.commit else "an unknown commit"
        print(f"{name} of {of}, {predictor.card['bits']} bits a weight, on http://{address}/", flush=True)
        if workers > 1:
            Workers(config, sockets=[listening]).run()
        else:
            uvicorn.Server(config).run(sockets=[listening])


def _elsewhere(predictor: Predictor) -> str:
    if not predictor.commit:
        return f"{predictor.path}: no commit records this model; commit the dvc.lock of its run, or run `dvc repro`"
    commits = f"of commit {predictor.commit[:12]}, not of HEAD, {str(predictor.head)[:12]}"
    return f"{predictor.path}: this model is {commits}; `dvc checkout` or `dvc repro` makes HEAD's"


def _application(path: str | Path, name: str, query: QueryOf) -> object:
    from samebits.serving.app import Server  # with it FastAPI: a second after the port is there, not before

    predictor = Predictor.load(path)
    return Server(predictor, name, query(predictor))


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UserError(f"cannot listen on {host}, port {port}: {error.strerror}; choose with --host, --port") from None

"""Where the work is done: in this process, in others on this machine, or on a cluster, through joblib."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import joblib

from samebits.errors import UserError
from samebits.params import Compute

Map = Callable[[Callable[..., Iterator[Any]], Iterable[tuple[Any, ...]]], Iterator[Any]]


@contextlib.contextmanager
def workers(options: Compute, tasks: int) -> Iterator[Map]:
    """A function that maps generators over tasks and gives what they yield, in the order of the tasks.

    It calls `function(*task, threads)` for each task, one after the other in this process if there are no more tasks
    or workers. Raises UserError where the cluster does not answer, or a worker dies again and again.
    """
    count = joblib.cpu_count() if options.workers == "all" else options.workers
    if options.backend == "dask":
        with _dask(options.scheduler):
            yield _parallel(backend="dask", n_jobs=-1)
    elif min(count, tasks) > 1:
        yield _parallel(backend=options.backend, n_jobs=min(count, tasks))
    else:
        yield lambda function, tasks: (each for task in tasks for each in function(*task, count))


def _parallel(**options: Any) -> Map:
    def run(function: Callable[..., Iterator[Any]], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        calls = (joblib.delayed(_all)(function, *task, 1) for task in tasks)
        try:
            for results in joblib.Parallel(**options, return_as="generator", batch_size=1, pre_dispatch="n_jobs")(
                calls
            ):
                yield from results
        except BrokenExecutor as error:
            raise UserError(f"compute.backend {options['backend']}: {error}") from None

    return run


def _all(function: Callable[..., Iterator[Any]], *task: Any) -> list[Any]:
    return list(function(*task))


@contextlib.contextmanager
def _dask(scheduler: str | None) -> Iterator[None]:
    """Connect joblib to a Dask cluster, and give its workers this code."""
    if not scheduler:
        raise UserError("params.yaml: compute.scheduler is missing; it must be the address of a Dask scheduler")
    try:
        from distributed import Client
    except ImportError:
        raise UserError("compute.backend dask needs Dask: pip install -r requirements-dask.txt") from None
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise UserError(f"compute.scheduler {scheduler}: no Dask scheduler answers there ({error})") from None
    with client, tempfile.TemporaryDirectory() as folder:
        package = Path(__file__).parent
        client.upload_file(shutil.make_archive(f"{folder}/samebits", "zip", package.parent, package.name))
        yield

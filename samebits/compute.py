"""Where the work is done: in this process, in others on this machine, or on a cluster, through joblib."""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

from samebits.errors import UserError
from samebits.params import Compute

BACKEND = "SAMEBITS_BACKEND"  # the environment variable that stands above compute.backend
Map = Callable[[Callable[..., Iterator[Any]], Iterable[tuple[Any, ...]]], Iterator[Any]]


@contextlib.contextmanager
def workers(options: Compute, tasks: int) -> Iterator[Map]:
    """A function that maps generators over tasks and gives what they yield, in the order of the tasks.

    It calls `function(*task, threads)` for each task, one after the other in this process if there are no more tasks
    or workers. Raises UserError where the cluster does not answer, or a worker dies again and again.
    """
    count = joblib.cpu_count() if options.workers == "all" else options.workers
    backend = os.environ.get(BACKEND, options.backend)
    if backend != "dask" and min(count, tasks) == 1:
        yield lambda function, tasks: (each for task in tasks for each in function(*task, count))
        return
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            stack.enter_context(_cluster(options.scheduler))
        elif backend == "loky":
            stack.callback(lambda: get_reusable_executor(reuse=True).shutdown())  # processes would wait for more work
        stack.enter_context(joblib.parallel_config(backend, n_jobs=-1 if backend == "dask" else min(count, tasks)))
        try:
            yield _parallel
        except BrokenExecutor as error:
            raise UserError(f"compute.backend {backend}: {error}") from None


def _parallel(function: Callable[..., Iterator[Any]], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    work = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch="n_jobs")
    return itertools.chain.from_iterable(work(joblib.delayed(_all)(function, *task, 1) for task in tasks))


def _all(function: Callable[..., Iterator[Any]], *task: Any) -> list[Any]:
    return list(function(*task))


@contextlib.contextmanager
def _cluster(scheduler: str | None) -> Iterator[None]:
    """Connect joblib to a Dask cluster, and give its workers this code."""
    if not scheduler:
        raise UserError("params.yaml: compute.scheduler is missing; it must be the address of a Dask scheduler")
    try:
        from distributed import Client
    except ImportError:
        raise UserError("compute.backend dask needs Dask: pip install -r requirements-dask.txt") from None
    try:
        client = Client(scheduler, timeout="5s")
    except (OSError, ValueError) as error:
        raise UserError(f"compute.scheduler {scheduler}: no Dask scheduler answers there ({error})") from None
    with client, tempfile.TemporaryDirectory() as folder:
        package = Path(__file__).parent
        client.upload_file(shutil.make_archive(f"{folder}/samebits", "zip", package.parent, package.name))
        yield

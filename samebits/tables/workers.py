"""Where the work is done: in this process, in others on this machine through joblib, or on a Dask cluster."""

import collections
import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any, TypeVar, get_args

import joblib
from joblib.externals.loky import get_reusable_executor

import samebits
from samebits.errors import UserError
from samebits.params import BACKEND, Compute

BACKENDS = get_args(Compute.__annotations__["backend"])
WAIT = 5  # seconds
# What a cluster knows of this package is the code of an earlier run.
FORGET = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] == "samebits"]:
    del sys.modules[name]
"""

Task = TypeVar("Task")
Result = TypeVar("Result")
Function = Callable[[Task, int], Iterator[Result]]
Merge = Callable[[Iterator[Result]], list[Result]]
Work = Callable[[Function[Any, Any], Iterable[Any], Merge[Any]], Iterator[Any]]


@contextlib.contextmanager
def workers(options: Compute, tasks: int) -> Iterator[Work]:
    """A function `work(function, tasks, merge)`: what `function(task, threads)` yields for each task, in their order.

    If there are no more tasks or workers than one, it runs in this process. Else a worker returns what `merge` makes of
    what the function yields for a task. Raises UserError where there is no cluster or a worker dies again and again.
    """
    count = joblib.cpu_count() if options.workers == "all" else options.workers
    backend = os.environ.get(BACKEND) or options.backend
    if backend not in BACKENDS:
        raise UserError(f"{BACKEND} is {backend!r}; it must be one of {', '.join(BACKENDS)}")
    if backend == "dask":
        with _cluster(options.scheduler) as work:
            yield work
    elif min(count, tasks) <= 1:
        yield lambda function, tasks, _: (each for task in tasks for each in function(task, count))
    else:
        with joblib.parallel_config(backend, n_jobs=min(count, tasks)):
            try:
                yield _parallel
            except BrokenExecutor as error:
                raise UserError(f"compute.backend {backend}: {error}") from None
            finally:
                if backend == "loky":
                    get_reusable_executor(reuse=True).shutdown()  # its processes would wait for more work


def _parallel(function: Function[Any, Any], tasks: Iterable[Any], merge: Merge[Any]) -> Iterator[Any]:
    work = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch="n_jobs")
    results = work(joblib.delayed(_merged)(merge, function, task) for task in tasks)
    return itertools.chain.from_iterable(results)


def _merged(merge: Merge[Any], function: Function[Any, Any], task: Any) -> list[Any]:
    return merge(function(task, 1))


@contextlib.contextmanager
def _cluster(scheduler: str | None) -> Iterator[Work]:
    """Connect to a Dask cluster, and give its workers this code.

    Not through joblib, which waits for ever for a task that Dask has given up.
    """
    if not scheduler:
        raise UserError("params.yaml: compute.scheduler is missing; it must be the address of a Dask scheduler")
    try:
        from distributed import Client, KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError:
        raise UserError("compute.backend dask needs Dask: pip install -r requirements-dask.txt") from None
    try:
        client = Client(scheduler, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise UserError(f"compute.scheduler {scheduler}: no Dask scheduler answers there ({error})") from None

    def work(function: Function[Any, Any], tasks: Iterable[Any], merge: Merge[Any]) -> Iterator[Any]:
        running: collections.deque[Any] = collections.deque()
        for task in tasks:
            running.append(_asked(client.submit, _merged, merge, function, task, pure=False))
            if len(running) > sum(_asked(client.nthreads).values()):
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()

    with client:
        _asked(_send_code, client)
        try:
            yield work
        except (KilledWorker, FutureCancelledError) as error:
            raise UserError(f"compute.backend dask: {error}") from None


def _asked(ask: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a call to the cluster gives. Raises UserError where the cluster does not answer."""
    try:
        return ask(*arguments, **options)
    except (OSError, TimeoutError) as error:
        raise UserError(f"compute.backend dask: {error}") from None


def _send_code(client: Any) -> None:
    """Give this package to the scheduler and to all workers, also to those that start later."""
    from distributed.diagnostics.plugin import SchedulerUploadFile, UploadFile

    client.wait_for_workers(1, timeout=WAIT)
    client.run(exec, FORGET)
    client.run_on_scheduler(exec, FORGET)
    package = Path(samebits.__path__[0])
    with tempfile.TemporaryDirectory() as folder:
        code = shutil.make_archive(f"{folder}/samebits", "zip", package.parent, package.name)
        client.register_plugin(SchedulerUploadFile(code), name="samebits")
        client.register_plugin(UploadFile(code), name="samebits")

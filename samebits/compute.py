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
from typing import Any, get_args

import joblib
from joblib.externals.loky import get_reusable_executor

from samebits.errors import UserError
from samebits.params import Compute

BACKEND = "SAMEBITS_BACKEND"  # the environment variable that stands above compute.backend
BACKENDS = get_args(Compute.__annotations__["backend"])
WAIT = 5  # seconds
# What a cluster knows of this package is the code of an earlier run.
FORGET = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] == "samebits"]:
    del sys.modules[name]
"""

Function = Callable[..., Iterator[Any]]
Tasks = Iterable[tuple[Any, ...]]
Merge = Callable[[Iterator[Any]], list[Any]]
Work = Callable[[Function, Tasks, Merge], Iterator[Any]]


@contextlib.contextmanager
def workers(options: Compute, tasks: int) -> Iterator[Work]:
    """A function `work(function, tasks, merge)`: what `function(*task, threads)` yields for each task, in their order.

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
        yield lambda function, tasks, _: (each for task in tasks for each in function(*task, count))
    else:
        with joblib.parallel_config(backend, n_jobs=min(count, tasks)):
            try:
                yield _parallel
            except BrokenExecutor as error:
                raise UserError(f"compute.backend {backend}: {error}") from None
            finally:
                if backend == "loky":
                    get_reusable_executor(reuse=True).shutdown()  # its processes would wait for more work


def _parallel(function: Function, tasks: Tasks, merge: Merge) -> Iterator[Any]:
    work = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch="n_jobs")
    results = work(joblib.delayed(_merged)(merge, function, *task) for task in tasks)
    return itertools.chain.from_iterable(results)


def _merged(merge: Merge, function: Function, *task: Any) -> list[Any]:
    return merge(function(*task, 1))


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
        from distributed.diagnostics.plugin import SchedulerUploadFile, UploadFile
    except ImportError:
        raise UserError("compute.backend dask needs Dask: pip install -r requirements-dask.txt") from None
    try:
        client = Client(scheduler, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise UserError(f"compute.scheduler {scheduler}: no Dask scheduler answers there ({error})") from None

    def work(function: Function, tasks: Tasks, merge: Merge) -> Iterator[Any]:
        running: collections.deque[Any] = collections.deque()
        for task in tasks:
            running.append(client.submit(_merged, merge, function, *task, pure=False))
            if len(running) > sum(client.nthreads().values()):
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()

    with client, tempfile.TemporaryDirectory() as folder:
        try:
            client.wait_for_workers(1, timeout=WAIT)
            client.run(exec, FORGET)
            client.run_on_scheduler(exec, FORGET)
            package = Path(__file__).parent
            code = shutil.make_archive(f"{folder}/samebits", "zip", package.parent, package.name)
            client.register_plugin(SchedulerUploadFile(code), name="samebits")
            client.register_plugin(UploadFile(code), name="samebits")  # for workers that start later, too
            yield work
        except (KilledWorker, FutureCancelledError, OSError, TimeoutError) as error:
            raise UserError(f"compute.backend dask: {error}") from None

"""How many work at once."""

import threading
import time
from collections.abc import Iterator

import pytest

from samebits.params import Compute
from samebits.tables.workers import workers


class Crowd:
    """Counts those that work at the same time."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def __call__(self, task: int, threads: int) -> Iterator[int]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self.lock:
            self.now -= 1
        yield task * task


@pytest.mark.parametrize(("count", "tasks", "most"), [(2, 8, 2), (3, 8, 3), (8, 2, 2), (1, 4, 1), (4, 1, 1)])
def test_no_more_work_at_once_than_there_are_workers_and_tasks(count: int, tasks: int, most: int) -> None:
    crowd = Crowd()
    with workers(Compute("threading", count, None), tasks) as work:
        assert list(work(crowd, range(tasks), list)) == [task * task for task in range(tasks)]
    assert 1 <= crowd.most <= most


@pytest.mark.parametrize(("count", "tasks", "threads"), [(4, 1, 4), (1, 3, 1), (2, 3, 1)])
def test_a_task_alone_has_all_threads(count: int, tasks: int, threads: int) -> None:
    with workers(Compute("threading", count, None), tasks) as work:
        found = list(work(lambda task, threads: iter([threads]), range(tasks), list))
    assert found == [threads] * tasks

"""Running stages along their graph, several at a time."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from samebits.proof.running import system

MOMENT = 0.1  # seconds


def along(
    names: Sequence[str], before: Mapping[str, Iterable[str]], run: Callable[[str], Sequence[str] | None], jobs: int = 1
) -> None:
    """Call `run` for each name, after the names that `before` has for it.

    names: in an order in which one job could run them. run: may return names after which it wants to be called again;
    they stand before it. jobs: how many run at a time; 0 for as many as there are CPUs.
    """
    if jobs == 1:
        for name in names:
            if run(name) is not None:
                run(name)
        return
    left = {name: set(before.get(name, ())).intersection(names) for name in names}
    under_way: dict[Future[Sequence[str] | None], str] = {}
    ended: set[str] = set()
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        try:
            while left or under_way:
                for name in [each for each, needs in left.items() if needs <= ended]:
                    del left[name]
                    under_way[pool.submit(run, name)] = name
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    name = under_way.pop(future)
                    if (later := future.result()) is not None:
                        left[name] = set(later)
                    else:
                        ended.add(name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in under_way):
                system.end_all()  # a thread may start one more before it sees that it failed
                time.sleep(MOMENT)
            raise

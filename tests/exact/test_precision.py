"""flint has one precision for the whole process: no fit may leave another, and none may meet that of another thread."""

import multiprocessing
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from flint import ctx

from samebits import ExactLinearRegression
from samebits.exact.precision import working_precision


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctx, "prec", 77)


def fitted(seed: int) -> str:
    random = np.random.default_rng(seed)
    X = random.normal(size=(30, 3))
    return str(ExactLinearRegression().fit(X, random.normal(size=30)).summary().to_plain())


def test_the_precision_is_restored() -> None:
    fitted(0)
    assert ctx.prec == 77
    with pytest.raises(KeyboardInterrupt), working_precision(200):
        raise KeyboardInterrupt
    assert ctx.prec == 77


def test_threads_do_not_meet_the_precision_of_others() -> None:
    alone, before = [fitted(seed) for seed in range(24)], sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(fitted, range(24))) == alone
    finally:
        sys.setswitchinterval(before)
    assert ctx.prec == 77


def precision_of_child() -> int:
    with working_precision(150):
        assert ctx.prec == 150
    return ctx.prec


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_while_another_thread_computes_is_free() -> None:
    entered = threading.Event()

    def hold() -> None:
        with working_precision(300):
            entered.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(precision_of_child).get(60) == 77
    thread.join()

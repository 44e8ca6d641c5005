"""A real Dask cluster: a scheduler and workers, each a process of its own, elsewhere in the file system."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import duckdb
import pytest
from distributed import Client

from tests.conftest import BIN, Project

OUTPUTS = ["data/moments.joblib", "data/train.joblib", "data/test.joblib", "metrics/data.json"]
ROWS = 1_000_000
WORKERS = 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the scheduler. Its workers do not know the project; nannies replace those that die."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    commands = [["scheduler", "--host", address, "--no-dashboard"]]
    commands += [["worker", address, "--nthreads", "1", "--no-dashboard"]] * WORKERS
    env = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    log = (folder / "log").open("wb")
    running = [subprocess.Popen([BIN / "dask", *each], cwd=folder, env=env, stderr=log) for each in commands]
    try:
        with Client(address, timeout="60s") as client:
            client.wait_for_workers(WORKERS, timeout=60)
        yield address
    finally:
        for each in reversed(running):
            each.terminate()
            each.wait()
        log.close()


@pytest.fixture
def table(project: Project, request: pytest.FixtureRequest) -> Project:
    """A project with a table of many fragments; of how many rows, a test may say."""
    rows = getattr(request, "param", ROWS)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            f"""COPY (SELECT sin(range) AS a, range % 7 AS b, cos(range * range) AS c, sin(range / 3) AS y
                FROM range({rows})) TO '{project.root}/data/raw/table.parquet'"""
        )
    project.replace("params.yaml", "data/raw/cal_housing.csv.gz", "data/raw/table.parquet")
    text = (project.root / "params.yaml").read_text()
    begin, end = text.index("  query:"), text.index("\ncompute:")
    text = f"{text[:begin]}  query: SELECT * FROM source\n{text[end:]}"
    (project.root / "params.yaml").write_text(text.replace("target: MedHouseVal", "target: y"))
    project.replace("params.yaml", "keep_rows: 1000000", "keep_rows: 1000")
    return project


def use(project: Project, address: str) -> None:
    project.replace("params.yaml", "backend: loky", "backend: dask")
    project.replace("params.yaml", "scheduler: null", f"scheduler: {address}")


def outputs(project: Project) -> list[bytes]:
    return [(project.root / path).read_bytes() for path in OUTPUTS]


def run(project: Project) -> list[bytes]:
    """The outputs of the stage `data`."""
    for path in OUTPUTS:
        (project.root / path).unlink(missing_ok=True)
    project.run("python", "-m", "stages.data")
    return outputs(project)


@pytest.mark.parametrize("split", ["hash", "shuffle"])
def test_a_cluster_gives_the_same_bytes(table: Project, cluster: str, split: str) -> None:
    table.replace("params.yaml", "split: shuffle", f"split: {split}")
    here = run(table)
    use(table, cluster)
    assert run(table) == here


@pytest.mark.parametrize("table", [3 * ROWS], indirect=True)  # so that there is a middle
def test_a_worker_killed_in_the_middle_changes_nothing(table: Project, cluster: str) -> None:
    table.replace("params.yaml", "split: shuffle", "split: hash")
    here = run(table)
    use(table, cluster)
    for path in OUTPUTS:
        (table.root / path).unlink()
    with Client(cluster) as client:
        pids = client.run(os.getpid)
        with subprocess.Popen([BIN / "python", "-m", "stages.data"], cwd=table.root, stderr=subprocess.PIPE) as stage:
            victim = pids[busy_worker(client)]
            os.kill(victim, signal.SIGKILL)
            assert stage.poll() is None
            _, errors = stage.communicate()
        assert (stage.returncode, errors.decode()) == (0, "")
        assert victim not in client.run(os.getpid).values()
    assert outputs(table) == here


def test_a_cluster_takes_the_code_as_it_is_now(table: Project, cluster: str) -> None:
    table.replace("params.yaml", "split: shuffle", "split: hash")
    use(table, cluster)
    before = run(table)
    table.replace("samebits/tables/split.py", "0x9E3779B97F4A7C15", "0x9E3779B97F4A7C17")
    assert run(table) != before


def test_a_task_that_kills_every_worker_ends_in_one_line(table: Project, cluster: str) -> None:
    use(table, cluster)
    table.replace(
        "samebits/tables/summary.py", "    yield table.count", '    __import__("os")._exit(1)\n    yield table.count'
    )
    assert table.mistake("python", "-m", "stages.data").startswith("error: compute.backend dask: ")


def busy_worker(client: Client) -> str:
    """The address of a worker that is working."""
    while True:
        for worker, tasks in client.processing().items():
            if tasks:
                return str(worker)
        time.sleep(0.01)


def test_without_a_scheduler_there_is_one_line(project: Project) -> None:
    use(project, "tcp://127.0.0.1:1")
    told = project.mistake("python", "-m", "stages.data")
    assert told.startswith("error: compute.scheduler tcp://127.0.0.1:1: no Dask scheduler answers there (")


def test_a_scheduler_must_be_named(project: Project) -> None:
    project.replace("params.yaml", "backend: loky", "backend: dask")
    assert project.mistake("python", "-m", "stages.data") == (
        "error: params.yaml: compute.scheduler is missing; it must be the address of a Dask scheduler\n"
    )


def test_the_check_runs_on_this_machine(project: Project) -> None:
    use(project, "tcp://127.0.0.1:1")
    project.run("dvc", "repro", "params")  # which records all of params.yaml
    project.commit("On a cluster")
    assert "Reproduced: 22 of 22" in project.run("make", "--assume-old=.venv/installed", "check").stdout

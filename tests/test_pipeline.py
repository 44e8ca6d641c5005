import ast
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc.lock import make_lock
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold

from samebits import ExactLinearRegression
from tests import housing
from tests.conftest import BIN, ROOT, Project

STAGES = ("params", "data", "train", "quantize", "evaluate")
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# Together: families of OpenBLAS kernels, thread counts, numpy's and torch's own dispatch, hash seed, locale and
# time zone. `make check CHECK=--vary` tries more.
ENVIRONMENTS = [
    {"OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default", "PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu"},
    {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "2", "ATEN_CPU_CAPABILITY": "avx2", "LC_ALL": "tr_TR.UTF-8"},
    {"OMP_NUM_THREADS": "2", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F", "LC_ALL": "C"},
]


def differences(project: Project) -> str:
    """What DVC and git see changed against the committed state; empty when everything came out the same."""
    return project.git("status", "--porcelain")


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=" ".join)
def test_every_environment_gives_the_committed_bytes(
    make_project: Callable[[str], Project], environment: dict[str, str]
) -> None:
    project = make_project("a folder with spaces")
    done = project.run("dvc", "repro", "--force", env=environment)
    assert all(f"Running stage '{stage}'" in done.stdout for stage in STAGES)
    assert differences(project) == ""
    again = project.run("dvc", "repro")
    assert "Data and pipelines are up to date." in again.stdout


def test_the_metrics_fit_a_terminal(project: Project) -> None:
    shown = project.run("dvc", "metrics", "show").stdout.splitlines()
    assert max(map(len, shown)) <= 160
    [names, values] = shown
    numbers = dict(zip(names.split()[1:], values.split()[1:], strict=True))
    assert {"quant.r2", "quant.rmse", "quant.mae", "float.r2", "float.rmse", "float.mae"} < set(numbers)
    assert all(float(number) for number in numbers.values())  # none is so small that it is lost


@pytest.mark.slow
def test_a_change_of_bits_runs_only_what_depends_on_it(reproduced: Project) -> None:
    project = reproduced
    project.git("checkout", "-q", "-b", "four-bits")
    project.replace("params.yaml", "bits: 8", "bits: 4")
    done = project.run("dvc", "repro")
    assert [stage for stage in STAGES if f"Running stage '{stage}'" in done.stdout] == [
        "params",
        "quantize",
        "evaluate",
    ]
    header, *rows = project.run("dvc", "metrics", "diff", "main").stdout.splitlines()
    changes = {row.split()[1]: row.split()[2:] for row in rows}
    assert set(changes) == {"bits", "bytes", "loss_ppm", "quant.r2", "quant.rmse", "quant.mae"}
    assert all(float(change) for *_, change in changes.values())  # to the digits that DVC shows
    assert changes["bits"] == ["8", "4", "-4"]
    assert header.split() == ["Path", "Metric", "main", "workspace", "Change"]
    assert "quantize.bits  8       4" in project.run("dvc", "params", "diff", "main").stdout
    project.run("dvc", "plots", "diff", "main", "--out", "plots_page")
    page = (project.root / "plots_page" / "index.html").read_text()
    assert "coefficients before and after quantization" in page


@pytest.mark.slow
def test_an_experiment_leaves_the_branch_alone(reproduced: Project) -> None:
    project = reproduced
    project.run("dvc", "exp", "run", "--temp", "-S", "quantize.bits=4", "--name", "four")
    shown = {}
    for option in ("--only-changed", "--no-pager"):  # the latter changes nothing where no terminal is
        lines = project.run("dvc", "exp", "show", option, env={"COLUMNS": "160"}).stdout.splitlines()
        [_, shown[option], _, *rows, _] = lines  # between rules
        assert max(map(len, lines)) <= 160
        assert [row.split()[0] for row in rows] == ["workspace", "main", "└──"]  # one line a run
    for name in ("bits", "bytes", "loss_ppm", "quant.r2", "quant.rmse", "quant.mae"):
        assert f" {name} " in shown["--only-changed"]
    assert differences(project) == ""


@pytest.mark.slow
@pytest.mark.parametrize("rwlock", ["half", "of another process"])
def test_what_a_kill_leaves_of_dvc_heals(project: Project, rwlock: str) -> None:
    """`make crash` kills a run before each of its writes."""
    tmp = project.root / ".dvc" / "tmp"
    tmp.mkdir()
    holder = {"pid": os.getpid(), "cmd": "/bin/dvc repro"}  # the number of the killed one is ours by now
    text = json.dumps({"write": {str(project.root / "metrics" / "data.json"): holder}})
    (tmp / "rwlock").write_text(text[:9] if rwlock == "half" else text)
    left = project.root / "metrics" / ".6Q9-oUAnUpsyBXmoEJy-2Q.tmp"
    left.touch()
    told = project.run("dvc", "repro", check=False).stderr
    assert ("Unable to read RWLock-file" if rwlock == "half" else "it is being blocked by") in told
    project.run("make", "--assume-old=.venv/installed")
    assert differences(project) == ""
    assert not left.exists()


def test_what_a_live_dvc_wrote_stays(project: Project) -> None:
    tmp = project.root / ".dvc" / "tmp"
    tmp.mkdir()
    left = project.root / "metrics" / ".6Q9-oUAnUpsyBXmoEJy-2Q.tmp"
    left.touch()
    with make_lock(str(tmp / "lock")):  # as long as it writes
        told = project.run("python", "tools/heal.py").stderr
    assert told == "warning: another DVC process is running here; files left by a killed run stay\n"
    assert left.exists()
    with subprocess.Popen(["sh", "-c", "read line", "dvc", "repro"], stdin=subprocess.PIPE) as running:  # a stage of it
        holder = {"pid": running.pid, "cmd": "/bin/dvc repro"}
        (tmp / "rwlock").write_text(json.dumps({"read": {str(project.root / "data" / "raw"): [holder]}}))
        project.run("python", "tools/heal.py")
        assert (tmp / "rwlock").exists()
    project.run("python", "tools/heal.py")
    assert not (tmp / "rwlock").exists()


@pytest.mark.slow
@pytest.mark.parametrize("before", ["from git", "from the last run"])
def test_half_a_lock_is_put_back(reproduced: Project, before: str) -> None:
    project = reproduced
    if before == "from the last run":
        project.replace("params.yaml", "bits: 8", "bits: 5")
        project.run("make", "--assume-old=.venv/installed")  # runs; the lock of it is not committed
        project.run("make", "--assume-old=.venv/installed")  # and is kept
    lock = project.root / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(whole[: whole.index(b"- path: ", 2000) + 4])
    told = project.mistake("python", "-m", "samebits", "lock")
    assert told.startswith("error: dvc.lock: broken")
    done = project.run("make", "--assume-old=.venv/installed")
    assert f"warning: dvc.lock was damaged, perhaps by a killed run; restored the copy {before}\n" in done.stderr
    assert lock.read_bytes() == whole
    assert "Running stage" not in done.stdout  # its models are there


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("bits: 8", "bits: 17", "quantize.bits is 17; it must be an integer from 2 to 16"),
        ("backend: loky", "backend: lokky", "compute.backend is 'lokky'; it must be one of loky, threading, dask"),
        (
            "quantize:",
            "quantise: {bits: 4}\n\nquantize:",
            "unknown key quantise = {'bits': 4}; allowed here: data, compute, train, quantize",
        ),
    ],
)
def test_a_mistake_in_params_is_one_line_and_costs_nothing(reproduced: Project, old: str, new: str, told: str) -> None:
    reproduced.replace("params.yaml", old, new)
    for command in (["dvc", "repro"], ["make", "--assume-old=.venv/installed"], ["python", "-m", "stages.data"]):
        done = reproduced.run(*command, check=False)
        assert done.returncode != 0
        assert done.stderr.startswith(f"error: params.yaml: {told}\n")
        assert differences(reproduced) == " M params.yaml\n"
        assert (reproduced.root / "models" / "quant_params.joblib").exists()


def test_too_few_training_rows(project: Project) -> None:
    project.replace("params.yaml", "FROM source", "FROM source LIMIT 11")
    assert project.mistake("python", "-m", "stages.data") == (
        "error: data.test_size leaves 8 of 11 rows for training; 9 coefficients need at least as many\n"
    )


def by_column(project: Project, condition: str) -> None:
    project.replace("params.yaml", "FROM source", f", {condition} AS is_test\n    FROM source")
    project.replace("params.yaml", "split: shuffle", "split: is_test")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("false", ": the column is_test leaves none of 20640 rows for testing"),
        ("true", ": the column is_test leaves 0 of 20640 rows for training; 9 coefficients need at least as many"),
        ("median_income::INT", ", column is_test, row 1: 8; it must be 1 for a test row, 0 for a training row"),
    ],
)
def test_a_column_that_cannot_split_is_one_line(project: Project, condition: str, told: str) -> None:
    by_column(project, condition)
    assert project.mistake("python", "-m", "stages.data") == f"error: data.split{told}\n"


def test_a_column_splits(project: Project) -> None:
    by_column(project, "longitude > -119")
    project.run("python", "-m", "stages.data")
    X, _ = housing.table()
    test = int((X[:, -1] > -119).sum())
    rows = {"train": 20640 - test, "test": test}
    facts = json.loads((project.root / "metrics" / "data.json").read_text())
    assert (facts["rows"], facts["features"]) == (rows, 8)


@pytest.mark.slow
def test_cross_validation_chooses_and_reads_no_row_again(reproduced: Project) -> None:
    project = reproduced
    project.replace("params.yaml", "alpha: 0.0", "alpha: [0.1, 8, 100]")
    done = project.run("dvc", "repro")
    assert [stage for stage in STAGES if f"Running stage '{stage}'" in done.stdout] == [
        "params",
        "train",
        "quantize",
        "evaluate",
    ]
    chosen = json.loads((project.root / "metrics" / "train.json").read_text())["cross_validation"]
    curve = json.loads((project.root / "plots" / "penalty.json").read_text())
    assert [row["alpha"] for row in curve] == [0.1, 8, 100]
    assert [{**chosen, "chosen": True}] == [row for row in curve if row["chosen"]]
    X, _, y, _ = housing.split()
    theirs = GridSearchCV(Ridge(), {"alpha": [0.1, 8, 100]}, cv=KFold(5), scoring="neg_mean_squared_error").fit(X, y)
    assert chosen["alpha"] == theirs.best_params_["alpha"] == 8
    assert chosen["error"] == pytest.approx(-theirs.best_score_, rel=1e-9)
    assert chosen["spread"] == pytest.approx(theirs.cv_results_["std_test_score"][theirs.best_index_], rel=1e-6)
    assert [row["error"] for row in curve] == pytest.approx(list(-theirs.cv_results_["mean_test_score"]), rel=1e-9)

    project.replace("params.yaml", "standardize: false", "standardize: true")
    project.replace("params.yaml", "[0.1, 8, 100]", "[8, 0.1]")
    assert project.run("python", "-m", "stages.train").stderr == (
        "warning: train.alpha: 0.1 is the best, but at the end of the list; a longer list may have a better one\n"
    )
    assert "Running stage 'data'" not in project.run("dvc", "repro", "--dry", "data").stdout
    project.replace("params.yaml", "folds: 5", "folds: 7")
    assert "Running stage 'data'" in project.run("dvc", "repro", "--dry", "data").stdout


@pytest.mark.slow
def test_robust_standard_errors_need_each_training_row(reproduced: Project) -> None:
    project = reproduced
    before = json.loads((project.root / "metrics" / "coefficients.json").read_text())
    project.replace("params.yaml", "std_errors: classical", "std_errors: HC3")
    project.run("python", "-m", "stages.train")
    found = json.loads((project.root / "metrics" / "coefficients.json").read_text())
    X, _, y, _ = housing.split()
    expected = ExactLinearRegression().fit(X, y).summary(cov="HC3")
    assert [each["std_error"] for each in found["coefficients"]] == [each.std_error for each in expected.coefficients]
    assert [each["name"] for each in found["coefficients"]] == [each["name"] for each in before["coefficients"]]
    assert "HC3 standard errors" in project.run("samebits", "results", "--coefficients").stdout
    project.replace("params.yaml", "keep_rows: 1000000", "keep_rows: 1000")
    project.run("python", "-m", "stages.data")
    assert project.mistake("python", "-m", "stages.train") == (
        "error: train.std_errors is HC3, which needs each of the 16512 training rows, and data.keep_rows keeps 1000 of "
        "them; raise it, or take classical\n"
    )


@pytest.mark.slow
def test_a_fold_without_rows_is_one_line(project: Project) -> None:
    project.replace("params.yaml", "FROM source", "FROM source LIMIT 20")
    project.replace("params.yaml", "folds: 5", "folds: 17")
    project.run("python", "-m", "stages.data")
    project.run("python", "-m", "stages.train")  # a number needs no folds
    project.replace("params.yaml", "alpha: 0.0", "alpha: auto")
    assert project.mistake("python", "-m", "stages.train") == (
        "error: train.folds is 17: fold 17 has none of the 16 training rows; use fewer\n"
    )


def imported_modules(path: Path) -> set[Path]:
    """The project's own files that a file imports, directly or not, and those of the packages that they lie in."""
    found: set[Path] = set()
    waiting = {path}
    while waiting:
        path = waiting.pop()
        found.add(path)
        if path == ROOT / "samebits" / "__init__.py":  # it imports for those who ask only
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                parts = name.split(".")
                places = [ROOT.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
                files = {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")}
                waiting |= {file for file in files if file.exists()} - found
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_all_code_that_it_imports_and_on_no_other_room(stage: str) -> None:
    script = ROOT / "stages" / f"{stage}.py"
    code = imported_modules(script) | {ROOT / "stages" / "__init__.py"}
    declared = {ROOT / dep for dep in PIPELINE[stage]["deps"] if dep.partition("/")[0] in ("samebits", "stages")}
    assert {dep for dep in declared for path in code if path == dep or dep in path.parents} == declared
    assert all(declared & {path, *path.parents} for path in code)
    assert "requirements.txt" in PIPELINE[stage]["deps"]


def test_the_collector_works_while_a_stage_does() -> None:
    code = "import gc, stages; from samebits.errors import run; run(lambda: print(gc.isenabled()))"
    done = subprocess.run([BIN / "python", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    ("stage", "absent"),
    [
        ("data", {"sklearn", "torch", "scipy"}),
        ("train", {"duckdb", "torch"}),
        ("quantize", {"duckdb", "sklearn", "torch", "scipy"}),
        ("evaluate", {"duckdb", "sklearn", "scipy"}),
    ],
)
def test_a_stage_imports_nothing_heavy_that_it_does_not_use(stage: str, absent: set[str]) -> None:
    code = f"import sys, stages.{stage}; print(*sys.modules)"
    modules = subprocess.run([BIN / "python", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert absent.isdisjoint(modules.split())

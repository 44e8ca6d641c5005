"""What Python tells as text: modules, URLs, variables of the environment, draws without a seed."""

import ast
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from samebits.proof.adoption.clue import Clue, Code
from samebits.proof.running.system import PASSED

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Modules that are there to use a network, and functions that use it
ONLINE = (
    *("requests", "httpx", "aiohttp", "urllib.request", "urllib3", "ftplib", "paramiko", "wget", "selenium", "tweepy"),
    *("boto3", "botocore", "s3fs", "gcsfs", "adlfs", "google.cloud", "googleapiclient", "azure.storage"),
    *("kaggle", "kagglehub", "opendatasets", "gdown", "huggingface_hub", "openml", "ucimlrepo", "yfinance", "cdsapi"),
    *("pymongo", "psycopg2", "psycopg", "pymysql", "snowflake", "wandb", "dagshub", "comet_ml", "neptune", "openai"),
)
ONLINE_CALLS = (
    *("nltk.download", "*.from_pretrained", "datasets.load_dataset", "torch.hub.load*", "*.utils.get_file"),
    *("sklearn.datasets.fetch_*", "*keras.datasets.*.load_data", "*keras.applications.*", "seaborn.load_dataset"),
    *("dvc.api.open", "dvc.api.read", "dvc.api.get_url", "dvc.api.DVCFileSystem"),  # not `params_show`
    *("spacy.cli.download", "gensim.downloader.load", "tensorflow_datasets.load"),
)
URL = re.compile(r"(?:https?|s3|gs|ftp|abfss?|hdfs)://(?!localhost|127\.|0\.0\.0\.0)[^\s'\"<>]+")
LOADS = re.compile(
    r"(?:^|[._])(?:read|get|load|download|fetch|open|urlopen|retrieve|urlretrieve|set_tracking)(?:_|$)|_uri$"
)
DATA = re.compile(
    r"\.(?:csv|tsv|txt|data|json|parquet|zip|gz|tgz|tar|xlsx?|npz|h5|pt|pth|pkl|onnx)(?:\?.*)?$", re.IGNORECASE
)

# Of torchvision, which fetches them where `download` says so
DATASETS = ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "SVHN", "ImageFolder", "STL10", "EMNIST", "KMNIST")

# What draws numbers of the global generator of numpy, or of a fresh one, unless `random_state` says otherwise
DRAWS = (
    *("*.train_test_split", "*RandomForest*", "*ExtraTrees*", "sklearn.*GradientBoosting*", "sklearn.*DecisionTree*"),
    *("*.MLPClassifier", "*.MLPRegressor", "*KMeans", "*ShuffleSplit", "*.SGDClassifier", "*.SGDRegressor", "*.TSNE"),
    *("*.RandomizedSearchCV", "*.IsolationForest", "*.BaggingClassifier", "*.BaggingRegressor", "*.AdaBoost*"),
    *("*.SMOTE", "*.RandomOverSampler", "*.RandomUnderSampler", "*.GaussianMixture"),
)
FORESTS = ("*RandomForestClassifier", "*RandomForestRegressor", "*ExtraTreesClassifier", "*ExtraTreesRegressor")
GENERATORS = ("numpy.random.default_rng", "numpy.random.RandomState", "random.Random")
SEEDING = re.compile(r"seed", re.IGNORECASE)
NETWORKS = ("torch", "tensorflow", "keras", "lightning", "pytorch_lightning", "transformers")


def module(name: str, folders: Iterable[Path]) -> list[Path]:
    """Where a module may stand, with the packages around it."""
    parts = [each for each in name.split(".") if each]
    found = []
    for folder in folders:
        for length in range(1, len(parts) + 1):
            path = folder.joinpath(*parts[:length])
            found += [path / "__init__.py", path.with_name(f"{path.name}.py")]
        found.append(folder.joinpath(*parts, "__main__.py"))
    return [each for each in found if os.path.isfile(each)]  # for names that no file can have, too


def _is_folder_of_code(name: str, folders: Iterable[Path]) -> bool:
    there = [folder / name for folder in folders if os.path.isdir(folder / name)]
    return any(next(folder.glob(pattern), None) for folder in there for pattern in ("*.py", "*/*.py"))


def read(
    text: str, name: str, file: Path, folders: list[Path], code: Code, lines: bool = True, inner: bool = True
) -> list[Path]:
    """Read a text of Python; returns the files of the repository that it imports.

    lines: whether it has lines that one can find. inner: whether to mind what functions import when they are called.
    """
    clean = text if lines else re.sub(r"^\s*[!%].*", "", text, flags=re.MULTILINE)
    try:
        tree = ast.parse(clean)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    reader = _Reader(name, file, folders, code, lines)
    functions = [] if inner else [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    skipped = {
        id(each) for node in functions for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom)
    }
    for node in ast.walk(tree):
        if id(node) not in skipped:
            reader.visit(node)
    return reader.local


@dataclass
class _Reader:
    """Collects what the nodes of a tree of Python tell."""

    name: str
    file: Path
    folders: list[Path]
    code: Code
    lines: bool
    local: list[Path] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # what a name stands for, in full

    def visit(self, node: ast.AST) -> None:
        """One node; imports come before their use, as a walk goes from the outside in."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._import(alias.name, node)
                self.names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            self._import_from(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if self._full(node.value) == "os.environ":
                self._variable(node.slice, node)
        elif isinstance(node, ast.Assign) and (url := _url(node.value)) and DATA.search(url):
            self._note("network", url, node)

    def _import(self, name: str, node: ast.stmt) -> None:
        here = module(name, self.folders)
        if here or _is_folder_of_code(name.partition(".")[0], self.folders):
            self.local += here
            return
        if name.partition(".")[0] not in sys.stdlib_module_names:
            self.code.imports.add(name)
        if any(name == each or name.startswith(f"{each}.") for each in ONLINE):
            self._note("network", f"imports {name}", node)

    def _import_from(self, node: ast.ImportFrom) -> None:
        if node.level:
            folder = self.file.parents[node.level - 1] if node.level <= len(self.file.parents) else self.file.parent
            for each in node.names:
                self.local += module(".".join(filter(None, (node.module, each.name))), [folder])
            return
        package = node.module or ""
        here = [path for each in node.names for path in module(f"{package}.{each.name}", self.folders)]
        if here:
            self.local += here
        else:
            self._import(package, node)
            for each in node.names:
                if f"{package}.{each.name}" in ONLINE:
                    self._note("network", f"imports {package}.{each.name}", node)
        for each in node.names:
            self.names[each.asname or each.name] = f"{package}.{each.name}"

    def _call(self, node: ast.Call) -> None:
        full = self._full(node.func)
        last = full.rpartition(".")[2]
        given = {each.arg: each.value for each in node.keywords}
        if full in ("os.getenv", "os.environ.get") and len(node.args) == 1 and not given:
            self._variable(node.args[0], node)
        if SEEDING.search(last):
            self.code.seeded = True
        if _any(full, ONLINE_CALLS) or (last in DATASETS and _constant(given.get("download")) is True):
            self._note("network", f"{full}()", node)
        for value in (*node.args, *given.values()):
            if (url := _url(value)) and (LOADS.search(last) or DATA.search(url)):
                self._note("network", url, node)
        self._draws(node, full, last, given)
        if _any(full, FORESTS) and "n_jobs" in given and _constant(given["n_jobs"]) not in (None, 1):
            self._note("threads", f"{last} with n_jobs", node)

    def _draws(self, node: ast.Call, full: str, last: str, given: dict[str | None, ast.expr]) -> None:
        state = given.get("random_state")
        stated = None in given or (state is not None and _constant(state) is not None)
        if _any(full, DRAWS) and "." in full and not stated and _constant(given.get("shuffle")) is not False:
            self._note("random", f"{last} without random_state", node)
        elif last == "sample" and not full.startswith("random.") and {"n", "frac"} & given.keys() and not stated:
            self._note("random", "sample() without random_state", node)
        elif full in GENERATORS:
            if not node.args and not node.keywords:
                self._note("random", f"{last}() without a seed", node)
        elif full.startswith(("numpy.random.", "random.")):
            self._note("random", f"{full}() without a seed", node)
        elif last in ("backward", "fit") and (used := [each for each in NETWORKS if self.code.imports_any(each)]):
            self._note("random", f"{used[0]} without a seed", node)

    def _variable(self, name: ast.expr, node: ast.expr) -> None:
        value = _constant(name)
        if isinstance(value, str) and value and not any(fnmatchcase(value, each) for each in PASSED):
            self._note("variable", value, node)

    def _note(self, kind: str, text: str, node: ast.stmt | ast.expr) -> None:
        text = text if len(text) <= 60 else f"{text[:57]}..."
        if not any((each.kind, each.text) == (kind, text) for each in self.code.clues):
            self.code.clues.append(Clue(kind, text, self.name, node.lineno if self.lines else None))

    def _full(self, node: ast.expr) -> str:
        """The name of a function with its module, as far as imports tell: `np.random.rand` is `numpy.random.rand`."""
        attributes = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        first = self.names.get(node.id, node.id) if isinstance(node, ast.Name) else ""
        return ".".join([first, *reversed(attributes)])


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, each) for each in patterns)


def _constant(node: ast.expr | None) -> object:
    """The value of a constant; ... of what is none, or is not there."""
    return node.value if isinstance(node, ast.Constant) else ...


def _url(node: ast.expr) -> str | None:
    """The URL that a text of the code begins with."""
    value = _constant(node)
    found = URL.match(value) if isinstance(value, str) else None
    return found[0] if found else None

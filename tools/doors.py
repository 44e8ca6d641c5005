"""Try the package in fresh environments: python tools/doors.py WHEEL|samebits==VERSION [OPTIONS OF PIP INSTALL].

The proof is tried on a repository that is not this one.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

BIN = "Scripts" if os.name == "nt" else "bin"
IDENTITY = ["-c", "user.name=samebits", "-c", "user.email=samebits@example.com"]
PIPELINE = (
    "stages: {count: {cmd: python count.py, deps: [count.py, table.txt], metrics: [metrics.json: {cache: false}]}}\n"
)
COUNT = "import json\njson.dump({'rows': len(open('table.txt').readlines())}, open('metrics.json', 'w'))\n"
FIT = """
from fractions import Fraction
from samebits import ExactLinearRegression
X, y = [[1.0], [2.0], [4.0]], [1.0, 2.0, 2.0]
model = ExactLinearRegression().fit(X, y)
assert (model.coef_[0], model.intercept_) == (float(Fraction(2, 7)), 1.0), (model.coef_, model.intercept_)
"""


class Environment:
    """A fresh environment with samebits and one of its extras."""

    def __init__(self, folder: Path, wanted: str, extra: str, options: list[str]) -> None:
        venv.create(folder, with_pip=True)
        self.bin = folder / BIN
        name, equals, version = wanted.partition("==")
        requirement = f"{name}{extra}{equals}{version}"
        print(f"pip install {requirement}", flush=True)
        pip = ("python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *options, requirement)
        self.run(folder, *pip)

    def run(self, folder: Path, *command: str, status: int = 0) -> str:
        """The output of a program of the environment. Raises SystemExit if it ends with another status."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        command = (str(self.bin / command[0]), *command[1:])
        env = {**env, "PATH": path}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode != status:
            sys.exit(f"error: {' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


def main(wanted: str, *options: str) -> None:
    """Try the command line, the proof and the estimator. Raises SystemExit at the first failure."""
    wanted = str(Path(wanted).resolve()) if Path(wanted).is_file() else wanted
    with tempfile.TemporaryDirectory(prefix="doors-") as name:
        folder = Path(name)
        bare = Environment(folder / "bare", wanted, "", list(options))
        bare.run(folder, "samebits", "--help")
        assert "install samebits with the extra [check]" in bare.run(folder, "samebits", "lock", status=2)
        _proof(Environment(folder / "check", wanted, "[check]", list(options)), folder / "repository")
        Environment(folder / "exact", wanted, "[exact]", list(options)).run(folder, "python", "-c", FIT)
    print("The command line, the proof and the estimator work.")


def _proof(environment: Environment, repository: Path) -> None:
    """Make a small DVC repository and run init, lock and check in it."""
    repository.mkdir()
    git = ["git", *IDENTITY]
    subprocess.run([*git, "init", "--quiet"], cwd=repository, check=True)
    environment.run(repository, "dvc", "init", "--quiet")
    (repository / "dvc.yaml").write_text(PIPELINE)
    (repository / "count.py").write_text(COUNT)
    (repository / "table.txt").write_text("1\n2\n")
    environment.run(repository, "dvc", "add", "--quiet", "table.txt")
    environment.run(repository, "dvc", "repro", "--quiet")
    subprocess.run([*git, "add", "--all"], cwd=repository, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "A run"], cwd=repository, check=True)
    for command in "init", "lock", "check":
        print(environment.run(repository, "samebits", command))


if __name__ == "__main__":
    main(*sys.argv[1:])

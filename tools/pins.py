"""Write the requirements files: the newest versions that pyproject.toml allows. python tools/pins.py cpu|cuda."""

import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADS = {
    "requirements.txt": "What `dvc repro` needs, every version, so that nothing changes by itself.",
    "requirements-dev.txt": "What tests, checks and the server need beside requirements.txt.",
    "requirements-image.txt": "The packages in the image, for all platforms, by their hashes.",
    "requirements-image-query.txt": "What the image has beside, if the model's query is asked in it, by its hashes.",
    "requirements-dask.txt": "What compute.backend: dask needs, here and on the workers, beside requirements.txt.",
    "tools/site/requirements.txt": "What `make docs` needs, in an environment of its own.",
}
QUERY = ["duckdb", "nanoarrow"]  # of the extra `raw`, what requirements-image.txt has not


def main() -> None:
    """Resolve in a fresh environment and write the result."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    rooms = [*extras["exact"], *extras["check"], *extras["pipeline"]]
    needed = [each for each in rooms if not each.startswith("samebits")] + project["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        program = folder / "venv" / "bin" / "python"
        pipeline = _installed(program, needed, folder)
        everything = _installed(program, [*extras["serve"], *project["dependency-groups"]["dev"]], folder)
        _write("requirements.txt", pipeline)
        more = [each for each in everything if each not in pipeline]
        _write("requirements-dev.txt", ["-r requirements.txt", "-r requirements-dask.txt", *more])
        (folder / "all.txt").write_text("\n".join(everything))
        _installed(program, ["uv"], folder)
        _write("requirements-dask.txt", _compiled(program, ["distributed"], folder))
        _write("tools/site/requirements.txt", _compiled(program, project["dependency-groups"]["docs"], folder))
        for name, of in (("requirements-image", extras["serve"]), ("requirements-image-query", QUERY)):
            _write(f"{name}.txt", _compiled(program, of, folder, "--python-platform=linux", "--generate-hashes"))


def _installed(program: Path, packages: Iterable[str], folder: Path) -> list[str]:
    """All versions in the environment after `packages` are installed."""
    (folder / "packages.txt").write_text("\n".join(packages))
    subprocess.run([program, ROOT / "tools/install.py", *sys.argv[1:], folder / "packages.txt"], check=True)
    frozen = subprocess.run([program, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    return [line.removesuffix("+cpu") for line in frozen.splitlines()]


def _compiled(program: Path, packages: Iterable[str], folder: Path, *options: str) -> list[str]:
    """All versions that `packages` need, the same as in `all.txt`."""
    command = [str(program.with_name("uv")), "pip", "compile", "-", f"--constraint={folder / 'all.txt'}", *options]
    command += ["--quiet", "--no-header", "--no-annotate", "--python-version=3.11"]
    text = "\n".join(packages)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.splitlines()


def _write(name: str, lines: Iterable[str]) -> None:
    (ROOT / name).write_text("\n".join([f"# {HEADS[name]} `make pins` writes this file.", *lines]) + "\n")


if __name__ == "__main__":
    main()

"""params: is all of params.yaml valid? A stage of its own, so that `dvc repro` asks before it removes any output."""

from samebits import params
from samebits.errors import run


def main() -> None:
    """Validate every section, also those that no stage depends on, and those that are misspelt."""
    params.load()


if __name__ == "__main__":
    run(main)

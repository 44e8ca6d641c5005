"""params: is all of params.yaml valid? A stage of its own, so that `dvc repro` asks before it removes any output."""

from samebits.errors import run
from samebits.stages.params import main

if __name__ == "__main__":
    run(main)

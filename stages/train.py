"""train: the least-squares solution of the training moments, as a scikit-learn model."""

from samebits.errors import run
from samebits.stages.train import main

if __name__ == "__main__":
    run(main)

"""evaluate: the model and its quantized copy on the test rows, by exact arithmetic and as a PyTorch network."""

from samebits.errors import run
from samebits.stages.evaluate import main

if __name__ == "__main__":
    run(main)

"""quantize: the parameters of the model as b-bit codes."""

from samebits.errors import run
from samebits.stages.quantize import main

if __name__ == "__main__":
    run(main)

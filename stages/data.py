"""data: the exact moments of both parts of a table of any size, and a sample of their rows."""

from samebits.errors import run
from samebits.stages.data import main

if __name__ == "__main__":
    run(main)

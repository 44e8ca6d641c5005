"""samebits: a linear model whose every bit is the same on every machine, in the fewest bits that keep its quality."""

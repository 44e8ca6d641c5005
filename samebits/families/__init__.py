"""Families of models: how one is trained, what it loses when it is quantized, how good it is.

A model of any family is linear; what differs is what its number means, and when it is a good one.
"""

from samebits.families.family import Data, Evidence, Fit
from samebits.params import Train


def train(options: Train, data: Data) -> Fit:
    """Train a model of the family that params.yaml names. Raises UserError where there is none."""
    if options.model == "logistic":
        from samebits.families import logistic  # what trains takes long to import

        return logistic.train(options, data)
    from samebits.families import linear

    return linear.train(options, data)


def evidence(options: Train, data: Data) -> Evidence:
    """How good models of that family are for a table."""
    if options.model == "logistic":
        from samebits.families.odds import Odds

        return Odds.of(options, data)
    from samebits.families.squares import Squares

    return Squares(data)

"""Where the likelihood is about greatest, by Newton's method in floats. solve.py proves what is found here."""

import numpy as np

STEPS = 300
SHORTEST = 2.0**-30  # of a step
SINGULAR = 1e-15  # beside the largest: an eigenvalue of the Hessian that rounding may have made
LARGE, HUGE = 15.0, 500.0  # margins
NOISE = 1e-12  # of the loss
ENOUGH = 1e-9  # a step so small beside the parameters ends the search


def newton(Z: np.ndarray, weight: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, bool]:
    """Parameters v (k,) for signed rows Z (n, k), and whether a margin is so large that the classes may be separated.

    penalty: (k, k); v'Pv / 2 is added to the loss.
    """

    def loss(v: np.ndarray, margins: np.ndarray) -> float:
        return float(weight @ np.logaddexp(0, -margins) + v @ penalty @ v / 2)

    v, margins = np.zeros(Z.shape[1]), np.zeros(len(Z))
    now = loss(v, margins)
    for _ in range(STEPS if len(v) else 0):
        against = 1 / (1 + np.exp(np.clip(margins, -700, 700)))
        gradient = penalty @ v - Z.T @ (weight * against)
        hessian = penalty + Z.T @ (Z * (weight * against * (1 - against))[:, None])
        step = np.linalg.lstsq(hessian, gradient, rcond=SINGULAR)[0]
        before, most, length = v, now * (1 + NOISE), 2.0
        while length == 2 or (now > most and length > SHORTEST):
            length /= 2
            v = before - length * step
            margins = Z @ v
            now = loss(v, margins)
        if np.abs(step).max(initial=0) <= ENOUGH * (1 + np.abs(v).max(initial=0)):
            break
        if np.abs(margins).max() > HUGE and not penalty.any():
            break
    return v, bool(np.abs(margins).max(initial=0) > LARGE)

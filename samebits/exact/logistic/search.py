"""Where the likelihood is about greatest, by Newton's method in floats. solve.py proves what is found here."""

from collections.abc import Iterator

import numpy as np

BLOCK = 2**16  # rows
STEPS = 200
SHORTEST = 2.0**-30  # of a step
SINGULAR = 1e-14  # beside the largest: an eigenvalue of the Hessian that rounding may have made
LARGE, HUGE = 15.0, 500.0  # log odds
NOISE = 1e-12  # of the loss
ENOUGH = 1e-9  # a step so small beside the parameters ends the search
PLAIN = 1e-12  # beside the scale of its column: a spread that standardization does not divide by


def newton(
    X: np.ndarray, sign: np.ndarray, weight: np.ndarray, intercept: bool, penalty: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Parameters (k,) for X (n, p), and whether some row's log odds are so large that the classes may be separated.

    sign: (n,), 1 or -1; penalty: (k,). The search runs in columns of mean 0 and standard deviation 1.
    """
    k = X.shape[1] + intercept
    center = X.mean(axis=0) if intercept else np.zeros(X.shape[1])
    spread = np.sqrt(np.mean((X - center) ** 2, axis=0)) if len(X) else np.ones(X.shape[1])
    spread[spread < PLAIN * np.abs(X).max(axis=0, initial=0)] = 1
    spread[spread == 0] = 1
    scale = np.concatenate([np.ones(int(intercept)), spread])
    penalty = penalty / scale**2

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for start in range(0, len(X), BLOCK):
            some = slice(start, start + BLOCK)
            rows = (X[some] - center) / spread
            yield np.column_stack([np.ones(len(rows)), rows]) if intercept else rows, sign[some], weight[some]

    def loss(w: np.ndarray) -> float:
        total = sum(float(c @ np.logaddexp(0, -s * (A @ w))) for A, s, c in blocks())
        return total + float(penalty @ w**2) / 2

    w = np.zeros(k)
    now = loss(w)
    for _ in range(STEPS):
        gradient, hessian = penalty * w, np.diag(penalty)
        for A, s, c in blocks():
            against = 1 / (1 + np.exp(np.clip(s * (A @ w), -700, 700)))
            gradient = gradient - A.T @ (c * s * against)
            hessian = hessian + A.T @ (A * (c * against * (1 - against))[:, None])
        step = np.linalg.lstsq(hessian, gradient, rcond=SINGULAR)[0]
        length = 1.0
        while loss(w - length * step) > now * (1 + NOISE) and length > SHORTEST:
            length /= 2
        w = w - length * step
        now = loss(w)
        largest = max(float(np.abs(A @ w).max()) for A, _, _ in blocks())
        if np.abs(step).max(initial=0) <= ENOUGH * (1 + np.abs(w).max(initial=0)) or largest > HUGE:
            break
    w /= scale
    if intercept:
        w[0] -= w[1:] @ center
    return w, largest > LARGE

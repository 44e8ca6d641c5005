"""From exact moments to the one solution."""


def kernel() -> str:
    """What sums up moments in this process: "planes", compiled C, or "numpy". They give the same bits."""
    from samebits.exact import compiled

    return "planes" if compiled.library() else "numpy"

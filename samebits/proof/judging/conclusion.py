"""From what a check found to one of three words: the one place."""

from collections.abc import Mapping, Sequence

from samebits.proof.verdict import Conclusion, Output, Problem

# They may have a cause that the check could not have: other packages, other line ends, a file that is not available
MAY_BE_EXPLAINED = ("computes-otherwise", "output-not-made")


def concluded(
    outputs: Sequence[Output], problems: Sequence[Problem], varied: Mapping[str, bool], whole: bool
) -> Conclusion:
    """The conclusion: a contradiction decides; then what is undecided does.

    varied: for each environment that was tried, whether it gave the same bytes. whole: whether all was available that
    could explain outputs that differ: files of the tree, the environment.
    """
    if any(problem.decides and problem.kind not in MAY_BE_EXPLAINED for problem in problems):
        return "not reproduced"
    differ = any(not output.allowed and output.verdict != "unknown" for output in outputs)
    if (differ or not all(varied.values())) and whole:
        return "not reproduced"
    settled = not problems and all(output.allowed for output in outputs) and all(varied.values())
    return "reproduced" if settled else "inconclusive"

"""How two versions of an output differ, for a person, and whether the rules of the repository allow it.

After the manner of diffoscope's comparators: a small module a format, whose `read` turns the bytes of a file into plain
values; one walk compares those. What cannot be read is compared by its bytes, and the verdict says why.
"""

from samebits.proof.comparators.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]

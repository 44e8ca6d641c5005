"""PNG: pixels, with transparency and color space; compression, texts and time stamps do not count. Needs Pillow."""

import io
from typing import Any

import numpy as np
from PIL import Image

from samebits.proof.comparators import arrays
from samebits.proof.comparators.reading import LIMIT, Budget, UnreadableError

COUNTED = ("transparency", "gamma", "srgb", "icc_profile", "chromaticity")


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The picture."""
    depth, color = content[24], content[25]
    if depth == 16 and color != 0:
        raise UnreadableError("16 bits a color, of which Pillow reads 8")
    width, height = (int.from_bytes(content[start : start + 4]) for start in (16, 20))
    if width * height * 4 > LIMIT:
        raise UnreadableError(f"{width} x {height} pixels are too many")
    budget.take(width * height * 4)
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if getattr(image, "n_frames", 1) != 1:
            raise UnreadableError("an animation")
        image.load()
        about = {key: repr(image.info[key]) for key in COUNTED if key in image.info}
        palette = bytes(image.getpalette() or b"") if image.mode == "P" else None
        return {"mode": image.mode, **about, "palette": palette, "pixels": arrays.of(np.asarray(image))}

"""Near-duplicates: a 64-bit perceptual hash finds the candidates, a small grey thumbnail confirms them."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

HASH_DISTANCE = 6  # bits of 64
THUMBNAIL = 16
THUMBNAIL_DISTANCE = 5.0  # grey levels of 255, mean over the thumbnail after matching brightness and contrast


def thumbnail(portrait: UInt8[ndarray, "H W 3"]) -> UInt8[ndarray, "16 16"]:
    """The portrait in 16 x 16 grey pixels."""
    return _grey(portrait, THUMBNAIL)


def perceptual_hash(portrait: UInt8[ndarray, "H W 3"]) -> int:
    """64 bits that survive recompression, resizing and a change of brightness.

    The signs, about their median, of the 8 x 8 lowest frequencies (the constant left out) of the cosine
    transform of the picture in 32 x 32 grey pixels (Zauner, "Implementation and benchmarking of perceptual
    image hash functions", 2010).
    """
    grey = _grey(portrait, 32).astype(np.float32)
    basis = _cosines(32, 9)
    low = (basis @ grey @ basis.T)[1:, 1:].ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def _grey(portrait: UInt8[ndarray, "H W 3"], side: int) -> UInt8[ndarray, "side side"]:
    from PIL import Image

    return np.asarray(Image.fromarray(portrait).convert("L").resize((side, side), Image.Resampling.BOX))


@cache
def _cosines(length: int, count: int) -> Float[ndarray, "count length"]:
    """The first rows of the type-II discrete cosine transform."""
    k, n = np.arange(count)[:, None], np.arange(length)[None]
    return np.cos(np.pi * k * (2 * n + 1) / (2 * length)).astype(np.float32)

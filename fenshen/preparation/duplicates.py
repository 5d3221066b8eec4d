"""Near-duplicates: a 64-bit perceptual hash finds the candidates, a finer signature confirms them.

The hash alone cannot do it. Portraits are aligned, so those of one session differ by a few bits however
the face moves: of two talking people, frames up to 1.6 s apart differ by 0 to 6 bits, copies of one picture
(recompressed, halved, brightened) by 0 to 2. Their landmarks differ by 0.002 to 0.016 of the portrait's side
(root mean square) from frame to frame, and by 0.0004 to 0.0015 between copies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import numpy as np
from jaxtyping import Float, UInt8, UInt64
from numpy import ndarray

HASH_DISTANCE = 10  # bits of 64
LANDMARK_DISTANCE = 0.002  # root mean square, in sides of the portrait
# Root mean square between thumbnails of mean 0 and deviation 1; that is a correlation of 0.995.
THUMBNAIL_DISTANCE = 0.1
# Neighbouring frames of a video are alike, and that is no fault; only a frozen picture is refused.
FROZEN_DISTANCE = LANDMARK_DISTANCE / 10

_EVERY_LANDMARK = 10
_THUMBNAIL = 16
_BLOCK = 1024
_PAIRS = 1 << 16


def perceptual_hash(portrait: UInt8[ndarray, "H W 3"]) -> int:
    """64 bits that survive recompression, resizing and a change of brightness.

    The signs, about their median, of the 8 x 8 lowest frequencies (the constant left out) of the cosine
    transform of the picture in 32 x 32 grey pixels (Zauner, "Implementation and benchmarking of perceptual
    image hash functions", 2010).
    """
    basis = _cosines(32, 9)
    low = (basis @ _grey(portrait, 32) @ basis.T)[1:, 1:].ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def signature(
    portrait: UInt8[ndarray, "H W 3"], landmarks: Float[ndarray, "478 3"] | None = None
) -> Float[ndarray, "length"]:
    """What two portraits with similar hashes are compared by.

    Of a face: every tenth landmark's x and y, in sides of the portrait. Of anything else: a 16 x 16 grey
    thumbnail of mean 0 and deviation 1.
    """
    if landmarks is not None:
        return landmarks[::_EVERY_LANDMARK, :2].astype(np.float32).ravel()
    grey = _grey(portrait, _THUMBNAIL).ravel()
    return (grey - grey.mean()) / max(float(grey.std()), 1.0)


def distance(
    a: Float[ndarray, "*pairs length"], b: Float[ndarray, "*pairs length"]
) -> Float[ndarray, "*pairs"]:
    """Root mean square between signatures."""
    return np.asarray(np.sqrt(np.mean((a - b) ** 2, axis=-1)))


def find(
    hashes: UInt64[ndarray, "N"], signatures: Float[ndarray, "N length"], preference: Float[ndarray, "N"]
) -> dict[int, int]:
    """Which pictures to refuse, and the one each is a copy of.

    Args:
        hashes: of :func:`perceptual_hash`.
        signatures: of :func:`signature`, all of one sort.
        preference: of copies, the one with the highest stays; of equals, the first.
    """
    copies: dict[int, list[int]] = defaultdict(list)
    for i, j in _pairs(hashes, signatures):
        copies[i].append(j)
        copies[j].append(i)
    refused: dict[int, int] = {}
    kept: set[int] = set()
    for i in sorted(copies, key=lambda i: (-preference[i], i)):
        original = min((j for j in copies[i] if j in kept), default=None)
        if original is None:
            kept.add(i)
        else:
            refused[i] = original
    return refused


def _pairs(hashes: UInt64[ndarray, "N"], signatures: Float[ndarray, "N length"]) -> Iterator[tuple[int, int]]:
    """All pairs i < j of near-duplicates, each hash against every other; half a minute for 10^5 of them."""
    limit = THUMBNAIL_DISTANCE if signatures.shape[-1] == _THUMBNAIL**2 else LANDMARK_DISTANCE
    for start in range(0, len(hashes), _BLOCK):
        apart = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ hashes[None, start:])
        i, j = np.nonzero(apart <= HASH_DISTANCE)
        i, j = i[i < j], j[i < j]
        for part in range(0, len(i), _PAIRS):
            left, right = i[part : part + _PAIRS] + start, j[part : part + _PAIRS] + start
            near = distance(signatures[left], signatures[right]) <= limit
            yield from zip(left[near].tolist(), right[near].tolist(), strict=True)


def _grey(portrait: UInt8[ndarray, "H W 3"], side: int) -> Float[ndarray, "side side"]:
    from PIL import Image

    grey = Image.fromarray(portrait).convert("L").resize((side, side), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.float32)


@cache
def _cosines(length: int, count: int) -> Float[ndarray, "count length"]:
    """The first rows of the type-II discrete cosine transform."""
    k, n = np.arange(count)[:, None], np.arange(length)[None]
    return np.cos(np.pi * k * (2 * n + 1) / (2 * length)).astype(np.float32)

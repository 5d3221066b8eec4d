"""An invisible watermark in a picture's brightness that names the double; it is read without the original.

Spread spectrum in the cosine transform of the whole picture, so that the mark knows no pixel size: the picture's
brightness is laid on a grid of 128 x 128, its local contrast evened out, and some two thousand middle frequencies
carry 160 chips under a fixed pattern of signs (Cox et al. 1997). The chips are ten words of a biorthogonal code of
length 16, five bits a word: 2 bits of a version, 32 of an identity, 16 of a checksum. The host picture is known when
the mark is made: each word is raised by as much as the picture itself speaks against it (Malvar & Florencio 2003), and
more where contrast hides it.

The pattern stands in this file: the mark tells honest people what they see, and is no secret. Who wants to can wash it
out or imitate it; what cannot be changed unseen are the credentials.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from numpy import ndarray

VERSION = 1
SMALLEST = 64  # pixels of the shorter side; smaller pictures have no room for the mark

_GRID = 128
_BAND = (14, 52)  # half cycles a side: finer ones fall to codecs, coarser ones drown in the picture
_WORDS, _LENGTH = 10, 16
_CHIPS = _WORDS * _LENGTH
_EVEN = 9  # grid pixels, over which contrast is evened out
_FLOOR = 2.0  # grey levels of contrast that are noise
_CLIP = 2.0  # standard deviations at which a single frequency stops counting

_LEVEL = 3.6  # agreement that every word is raised to
_AHEAD = 1.2  # and by how much more than any other word at its place
# Grey levels rms that survive codecs, by the shorter side.
_FAINTEST = ((128, 0.9), (256, 0.7), (512, 0.45), (1024, 0.35))
_STRONGEST = 2.7  # rms grey levels over the whole picture: 39.5 dB
_HIDING = 0.7  # power of contrast by which the mark is stronger where it hides
_HIDDEN = 3.0  # times; at most

_SURE = 2.45  # agreement that one unmarked picture in thirty reaches; version and checksum let 1 in 2^18 of those pass
_SURE_OF_CROP = 2.85  # the same for one in a hundred thousand, where 8192 readings are tried
_MOST_COLUMNS = 16  # of a sheet
_CROPS = np.arange(8) * 0.007  # of a side, cut from either end


@dataclass(frozen=True)
class Found:
    """A mark that was read.

    Attributes:
        version: of the mark's pattern.
        identity: 32 bits, eight hex digits: the beginning of a digest.
        agreement: mean height of the ten words over noise, which itself reaches 2.1 on average.
    """

    version: int
    identity: str
    agreement: float


@dataclass(frozen=True, eq=False)
class _Pattern:
    """What is fixed forever for a version: which frequency carries which chip, and with which sign."""

    where: Int[ndarray, "F"]  # in the flattened K x K block of low frequencies
    chip: Int[ndarray, "F"]
    sign: Float32[ndarray, "F"]
    weight: Float32[ndarray, "F"]  # evens out that pictures have less of what is finer
    cosines: Float32[ndarray, "K G"]
    words: Float32[ndarray, "L L"]

    @cached_property
    def mirrored(self) -> Float32[ndarray, "F"]:
        """Signs of the frequencies in the picture's mirror image."""
        return (1 - 2 * (self.where % _BAND[1] % 2)).astype(np.float32)

    @cached_property
    def shares(self) -> Int[ndarray, "C"]:
        """How many frequencies carry each chip."""
        return np.bincount(self.chip, minlength=_CHIPS)


@cache
def _pattern() -> _Pattern:
    low, high = _BAND
    radius = np.hypot(*np.mgrid[:high, :high]).ravel()
    where = np.flatnonzero((radius >= low) & (radius < high))
    random = hashlib.shake_256(f"fenshen watermark {VERSION}".encode()).digest(9 * len(where))
    order = np.argsort(np.frombuffer(random, "<u8", len(where)), kind="stable")
    sign = np.frombuffer(random, np.uint8, offset=8 * len(where)) % 2 * 2.0 - 1
    chip = np.empty(len(where), dtype=np.intp)
    chip[order] = np.arange(len(where)) % _CHIPS
    words = np.ones((1, 1), dtype=np.float32)
    while len(words) < _LENGTH:
        words = np.block([[words, words], [words, -words]])
    weight = (radius[where] / high).astype(np.float32)
    return _Pattern(where, chip, sign.astype(np.float32), weight, _cosines(0, 1), words)


def _cosines(start: float, stop: float) -> Float32[ndarray, "K G"]:
    """The waves of a side of which only ``start`` to ``stop`` is seen."""
    seen = start + (np.arange(_GRID) + 0.5) / _GRID * (stop - start)
    waves = np.cos(np.pi * np.arange(_BAND[1])[:, None] * seen) * np.sqrt(2 / _GRID)
    return waves.astype(np.float32)


class Watermark:
    """Marks pictures, each in one or two milliseconds.

    Args:
        digest: hex; its first 32 bits are the mark's identity.
    """

    def __init__(self, digest: str) -> None:
        self.identity = identity(digest)
        self._numbers = _numbers(self.identity)
        pattern = _pattern()
        chips = pattern.words[self._numbers >> 1] * (1 - 2 * (self._numbers & 1))[:, None]
        self._signs = (pattern.sign * chips.ravel()[pattern.chip]).astype(np.float32)

    def on(self, picture: UInt8[ndarray, "H W C"]) -> UInt8[ndarray, "H W C"]:
        """The picture with the mark in it: RGB, or RGBA, whose transparency stays.

        A picture whose shorter side is under 64 pixels comes back as it was.
        """
        import cv2

        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST:
            return picture
        grey, opacity = _brightness(picture), _opacity(picture)
        delta = self._delta(grey, opacity, min(height, width))
        if (height, width) != delta.shape:
            shrinks = max(height, width) < _GRID
            delta = cv2.resize(
                delta, (width, height), None, 0, 0, cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            )
        added = cv2.merge([delta] * 3 + [np.zeros_like(delta)] * (picture.shape[2] - 3))
        return cv2.add(np.ascontiguousarray(picture), added, dtype=cv2.CV_8U)

    def _delta(
        self, grey: Float32[ndarray, "G G"], opacity: Float32[ndarray, "G G"] | float, side: int
    ) -> Float32[ndarray, "G G"]:
        """What is added to the grid: the least that makes every word readable, within two limits."""
        pattern = _pattern()
        even, contrast = _evened(grey)
        room = np.minimum((contrast / _FLOOR) ** _HIDING, _HIDDEN) * opacity
        own = _frequencies(even)
        gain = float(np.mean(room / contrast)) * float(pattern.weight.mean()) + 1e-6
        deviation = float(np.sqrt(np.mean(own**2) * _WORDS / len(own))) / gain
        energy = _GRID**2 / len(own) * _WORDS  # of the grid for each word's, at one grey level
        faintest = float(np.interp(side, *np.transpose(_FAINTEST))) ** 2 * energy
        strongest = _STRONGEST**2 / (float(np.mean(room**2)) + 1e-6) * energy
        raised = np.zeros(_WORDS)
        delta = np.zeros_like(grey)
        for _ in range(2):  # the second time with what the first one really did
            heights, rivals = (part / gain for part in self._heights(own))
            wanted = np.maximum(_LEVEL * deviation, rivals + _AHEAD * deviation)
            lacking = wanted - heights + raised
            surplus = min(max(0.0, _water_level(-lacking, faintest)), _water_level(-lacking, strongest))
            raised = np.maximum(lacking + surplus, 0)
            block = np.zeros((_BAND[1], _BAND[1]), dtype=np.float32)
            block.flat[pattern.where] = raised.astype(np.float32)[pattern.chip // _LENGTH] * self._signs
            delta = pattern.cosines.T @ block @ pattern.cosines * room
            own = _frequencies(_evened(np.clip(grey + delta, 0, 255))[0])
        return delta

    def _heights(self, frequencies: Float32[ndarray, "F"]) -> tuple[Float[ndarray, "W"], Float[ndarray, "W"]]:
        """How much there is of each word that should be, and of the strongest other at its place."""
        pattern = _pattern()
        chips = np.bincount(pattern.chip, frequencies * pattern.sign, _CHIPS).reshape(_WORDS, _LENGTH)
        words = chips @ pattern.words * (_WORDS / len(pattern.where))
        places = np.arange(_WORDS)
        heights = words[places, self._numbers >> 1] * (1 - 2 * (self._numbers & 1))
        words[places, self._numbers >> 1] = 0
        return heights, np.abs(words).max(axis=1)


def _water_level(ground: Float[ndarray, "C"], energy: float) -> float:
    """The level to which filling up all that is lower takes the sum of squares ``energy``."""
    heights = np.sort(ground)
    count = np.arange(1, len(heights) + 1)
    mean, square = np.cumsum(heights) / count, np.cumsum(heights**2) / count
    levels = mean + np.sqrt(np.maximum(mean**2 - square + energy / count, 0))
    # The right number of chips under water is the last whose level is above its own ground.
    return float(levels[np.flatnonzero(levels >= heights)[-1]])


def identity(digest: str) -> str:
    """The first 32 bits of a hex digest, which a mark carries."""
    return f"{int(digest[:8], 16):08x}"


def _numbers(identity: str) -> Int[ndarray, "W"]:
    """The payload of the ten code words: four bits choose each word and one negates it."""
    number = VERSION << 32 | int(identity, 16)
    number = number << 16 | _checksum(number)
    return np.array([number >> 5 * index & 31 for index in range(_WORDS)])


def _checksum(number: int) -> int:
    return zlib.crc32(number.to_bytes(5, "big")) & 0xFFFF


def detect(
    pictures: UInt8[ndarray, "H W C"] | Iterable[UInt8[ndarray, "H W C"]], *, thorough: bool = True
) -> Found | None:
    """Read the mark of a picture, or of the frames of one video together; None where there is none.

    Pictures that carry none are taken for marked less than once in a million times. Mirror images are read too, and
    sheets of square pictures that are marked each.

    Args:
        thorough: also try whether up to 5 % of each side were cut off, which takes some tenths of a second.
    """
    total = _total([pictures] if isinstance(pictures, ndarray) else pictures)
    if total is None:
        return None
    pattern = _pattern()
    found = _read(_frequencies(total)[None], _SURE)
    if found is None and thorough:
        windows = [_cosines(start, 1 - stop) for start in _CROPS for stop in _CROPS]
        rows = np.concatenate(windows) @ total  # (windows * K, G)
        for window in windows:
            blocks = (rows @ window.T).reshape(len(windows), -1)
            found = _read(blocks[:, pattern.where] * pattern.weight, _SURE_OF_CROP)
            if found is not None:
                return found
    if found is None and isinstance(pictures, ndarray):
        return _of_sheet(pictures)
    return found


def _total(pictures: Iterable[UInt8[ndarray, "H W C"]]) -> Float32[ndarray, "G G"] | None:
    """The sum of all that are large enough, evened; None where none is."""
    evened = [_evened(_brightness(one))[0] for one in pictures if min(one.shape[:2]) >= SMALLEST]
    return np.asarray(np.sum(evened, axis=0), dtype=np.float32) if evened else None


def _of_sheet(picture: UInt8[ndarray, "H W C"]) -> Found | None:
    """The mark that all pictures of a sheet share, if it is one."""
    height, width = picture.shape[:2]
    for columns in range(2, min(_MOST_COLUMNS, width // SMALLEST) + 1):
        edges = np.rint(np.arange(max(columns, int(height * columns / width)) + 1) * width / columns).astype(
            int
        )
        rows = [(a, b) for a, b in pairwise(edges) if b <= height]
        cells = (picture[top:end, a:b] for top, end in rows for a, b in pairwise(edges[: columns + 1]))
        total = _total(cells)
        found = None if total is None else _read(_frequencies(total)[None], _SURE_OF_CROP)
        if found is not None:
            return found
    return None


def _read(frequencies: Float32[ndarray, "N F"], sure: float) -> Found | None:
    """The best of several readings whose checksum is right, as they are or mirrored."""
    pattern = _pattern()
    both = np.concatenate([frequencies, frequencies * pattern.mirrored])
    words, signs, agreement = _decode(both)
    for index in np.argsort(-agreement):
        if agreement[index] < sure:
            return None
        found = _parse(words[index], signs[index])
        if found is not None:
            return Found(*found, round(float(agreement[index]), 2))
    return None


def _decode(
    frequencies: Float32[ndarray, "N F"],
) -> tuple[Int[ndarray, "N W"], Bool[ndarray, "N W"], Float[ndarray, "N"]]:
    """The likeliest word at each of the ten places, whether it is negated, and the mean agreement.

    Agreement is in standard deviations of what a picture without a mark gives.
    """
    pattern = _pattern()
    values = frequencies / (np.sqrt(np.mean(frequencies**2, axis=1, keepdims=True)) + 1e-9)
    values = np.clip(values, -_CLIP, _CLIP) * pattern.sign
    order = np.argsort(pattern.chip, kind="stable")
    starts = np.concatenate([[0], np.cumsum(pattern.shares)[:-1]])
    chips = np.add.reduceat(values[:, order], starts, axis=1).reshape(-1, _WORDS, _LENGTH)
    scale = np.sqrt(np.sum(values**2, axis=1) / _WORDS)[:, None, None]
    heights = chips @ pattern.words / (scale + 1e-9)
    best = np.abs(heights).argmax(axis=2)
    chosen = np.take_along_axis(heights, best[..., None], axis=2)[..., 0]
    return best, chosen < 0, np.abs(chosen).mean(axis=1)


def _parse(words: Int[ndarray, "W"], signs: Bool[ndarray, "W"]) -> tuple[int, str] | None:
    """Version and identity, if the checksum is right."""
    number = 0
    for index in reversed(range(_WORDS)):
        number = number << 5 | int(words[index]) << 1 | int(signs[index])
    number, checksum = number >> 16, number & 0xFFFF
    if checksum != _checksum(number) or number >> 32 != VERSION:
        return None
    return number >> 32, f"{number & 0xFFFFFFFF:08x}"


def _brightness(picture: UInt8[ndarray, "H W C"]) -> Float32[ndarray, "G G"]:
    """On the grid; transparency shows white."""
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY)
    if picture.shape[2] == 4:
        alpha = picture[..., 3].astype(np.float32) / 255
        grey = 255 + (grey - np.float32(255)) * alpha
    return _on_grid(grey).astype(np.float32)


def _opacity(picture: UInt8[ndarray, "H W C"]) -> Float32[ndarray, "G G"] | float:
    return _on_grid(picture[..., 3]).astype(np.float32) / 255 if picture.shape[2] == 4 else 1.0


def _on_grid(plane: ndarray) -> ndarray:
    import cv2

    if plane.shape == (_GRID, _GRID):
        return plane
    shrinks = min(plane.shape) >= _GRID
    return cv2.resize(
        plane.astype(np.float32), (_GRID, _GRID), None, 0, 0, cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )


def _evened(grey: Float32[ndarray, "G G"]) -> tuple[Float32[ndarray, "G G"], Float32[ndarray, "G G"]]:
    """Brightness with its surroundings taken out and contrast made alike everywhere; and that contrast."""
    import cv2

    size = (_EVEN, _EVEN)
    fine = grey - cv2.blur(cv2.blur(grey, size), size)
    contrast = cv2.blur(cv2.blur(np.abs(fine), size), size) + _FLOOR
    return fine / contrast, contrast


def _frequencies(even: Float32[ndarray, "G G"]) -> Float32[ndarray, "F"]:
    pattern = _pattern()
    block = pattern.cosines @ even @ pattern.cosines.T
    return block.ravel()[pattern.where] * pattern.weight

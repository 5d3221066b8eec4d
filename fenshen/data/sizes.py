"""Pictures as they are, each of its own size: ``sizes:FOLDER``, a folder or zip file of them.

Nothing is resized or cropped. Pictures whose sides are the same, rounded up to a multiple of 16 px, form a bucket, and
a batch comes from one bucket. Within it a picture is reflected at its right and bottom edge up to the bucket's size;
fakes are drawn for the same sizes and reflected at the same places, so no one learns of what was added.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int, Shaped, UInt8
from numpy import ndarray

from fenshen import portraits
from fenshen.data import KINDS, FormulaCard
from fenshen.dataset import Batches, Labels, SizedLabels, Split
from fenshen.errors import FenshenError, warn
from fenshen.media import PICTURES, SIDES, canvas

if TYPE_CHECKING:
    from fenshen.preparation.sources.pictures import Still

_COMMON = 8  # sizes that a model remembers
_CACHE = 1 << 29  # bytes of pictures that are read once
_BUCKETS = 3  # stream of random numbers, beside those of other batches
_TURNED, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)  # EXIF orientation, and its values that swap the sides

Picture = UInt8[ndarray, "H W 3"]
Pictures = Shaped[ndarray, "N"]  # of objects: pictures of any size


@KINDS.register("sizes")
class Sizes:
    """Training data of a folder or zip file, read as needed; about a tenth of the pictures is held out.

    What is no picture is passed over, with a warning.

    Args:
        name: of the folder or zip file.

    Raises:
        FenshenError: there is none, or a picture in it is damaged or has sides that are not from 32 to 512 px.
    """

    medium = PICTURES
    recipe = "any-size"

    def __init__(self, name: str) -> None:
        from fenshen.preparation.sources import find
        from fenshen.preparation.sources.pictures import Still
        from fenshen.preparation.splits import Origin, split

        self.path = Path(f"sizes:{name}")
        listing = find([name])
        self._files = [source for source in listing.sources if isinstance(source, Still)]
        if not self._files:
            raise FenshenError("sizes.empty", path=name)
        passed = [one.source for one in listing.refused]
        passed += [one.name for one in listing.sources if not isinstance(one, Still)]
        if passed:
            warn("sizes.passed_over", count=len(passed), path=passed[0])
        digest, sizes = hashlib.sha256(), list[tuple[int, int]]()
        for file in self._files:
            data = _bytes(file)
            digest.update(f"{file.name}\0{hashlib.sha256(data).hexdigest()}\0".encode())
            sizes.append(_size(data, file.name))
        self.fingerprint = digest.hexdigest()
        self.sizes: Int[ndarray, "N 2"] = np.array(sizes)  # heights and widths
        splits = split([Origin(file.name, None, None) for file in self._files])
        self._splits = np.array(splits)
        side = float(np.sqrt(np.prod(self.common[0])))
        self.card = FormulaCard([str(self.path)], 1 << round(float(np.log2(side))), licence=None)
        self.shape = {"size": self.card.size}
        self._cache: dict[int, Picture] = {}
        self._cached = 0

    @cached_property
    def common(self) -> list[tuple[int, int]]:
        """The most common heights and widths, the most common first."""
        counted = Counter(map(tuple, self.sizes.tolist()))
        ordered = sorted(counted, key=lambda size: (-counted[size], size))
        return [(int(height), int(width)) for height, width in ordered[:_COMMON]]

    @property
    def samples(self) -> Pictures:
        """All pictures: an array of arrays."""
        return ragged([self.picture(row) for row in range(len(self._files))])

    def indices(self, split: Split) -> np.ndarray:
        """Positions of one split's pictures."""
        return np.flatnonzero(self._splits == split)

    def picture(self, row: int) -> Picture:
        """One picture, as its file has it.

        Raises:
            FenshenError: the file has changed, is damaged or gone.
        """
        if row not in self._cache:
            file = self._files[row]
            picture = portraits.read(_bytes(file), name=file.name)
            if picture.shape[:2] != tuple(self.sizes[row]):
                raise FenshenError("sizes.changed", path=file.name)
            if self._cached + picture.nbytes > _CACHE:
                return picture
            self._cache[row] = picture
            self._cached += picture.nbytes
        return self._cache[row]


@dataclass(frozen=True)
class SizedBatches(Batches):
    """Batches of one bucket each, drawn in proportion to the bucket's pictures.

    Batch ``t`` depends on ``(seed, t)`` only. A bucket with fewer pictures than a batch has repeats them.

    Args:
        data: the pictures; ``samples`` are their rows.
    """

    data: Sizes = field(kw_only=True)

    @cached_property
    def _buckets(self) -> list[np.ndarray]:
        rounded = np.array([canvas(size) for size in self.data.sizes[self.indices].tolist()])
        kinds, which = np.unique(rounded, axis=0, return_inverse=True)
        return [self.indices[which.ravel() == kind] for kind in range(len(kinds))]

    def chosen(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.random.default_rng((self.seed, _BUCKETS, step))
        counts = np.array([len(bucket) for bucket in self._buckets])
        bucket = self._buckets[numbers.choice(len(counts), p=counts / counts.sum())]
        rows = np.resize(numbers.permutation(bucket), self.batch_size)
        return rows, numbers.random(self.batch_size) < 0.5

    def at(self, step: int, part: slice = slice(None)) -> tuple[UInt8[ndarray, "B H W 3"], Labels]:
        """Pictures of one bucket, reflected up to its size, and their own sizes."""
        rows, flips = self.chosen(step)
        pictures = []
        for row, flip in zip(rows[part].tolist(), flips[part].tolist(), strict=True):
            picture = self.data.picture(row)
            pictures.append(_reflected(picture[:, ::-1] if flip and self.mirror else picture))
        return np.stack(pictures), SizedLabels(None, self.data.sizes[rows[part]])


def ragged(pictures: Sequence[Picture]) -> Pictures:
    """Pictures of several sizes as an array of arrays."""
    whole = np.empty(len(pictures), dtype=object)
    for i, picture in enumerate(pictures):
        whole[i] = picture
    return whole


def _reflected(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    tall, wide = canvas((height, width))
    return np.pad(picture, [(0, tall - height), (0, wide - width), (0, 0)], mode="reflect")


def _bytes(file: Still) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise FenshenError("sizes.not_usable", path=file.name, why=error.strerror or str(error)) from error


def _size(data: bytes, name: str) -> tuple[int, int]:
    """Height and width of an upright picture, by its header."""
    with portraits.opened(data, name) as picture:
        width, height = picture.size
        if picture.getexif().get(_TURNED) in _ON_ITS_SIDE:
            width, height = height, width
    if not SIDES[0] <= min(width, height) <= max(width, height) <= SIDES[1]:
        size = f"{width}x{height}"
        raise FenshenError("sizes.out_of_range", path=name, size=size, low=SIDES[0], high=SIDES[1])
    return height, width

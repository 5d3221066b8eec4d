"""The pictures of an evaluation, embedded once, and those that the report shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.data import PictureData
from fenshen.metrics import distances, html_report
from fenshen.metrics.features import FULL, THUMBNAIL, Features, View, chunks, colours, dataset_features
from fenshen.metrics.inception import InceptionFeatures
from fenshen.metrics.neighbours import Memory, Neighbours
from fenshen.metrics.picture_set import PictureSet, check_enough, random_subset
from fenshen.metrics.report import MarkName

_MOST_REAL = 5000  # held-out pictures; more would hardly change the figures
_MOST_TRAIN = 20_000  # training pictures searched for copies
_LEAST_HELD_OUT = 32  # with fewer, all pictures are the reference
_DAMAGED = 300  # pictures that are damaged for the ruler
_SHOWN = 160  # side of pictures in the report, at most
_MARKS: dict[MarkName, int] = {"half": 2, "quarter": 4, "eighth": 8}

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Reference:
    """Which rows of the dataset are the real pictures to compare with, and which were trained on."""

    data: PictureData
    real: np.ndarray
    train: np.ndarray
    held_out: bool  # whether ``real`` was kept from training

    @classmethod
    def of(cls, data: PictureData, seed: int) -> Reference:
        check_enough(len(data), data.path.name)
        train, held_out = data.indices("train"), data.indices("held_out")
        apart = len(held_out) >= _LEAST_HELD_OUT
        real = held_out if apart else np.arange(len(data))
        return cls(
            data, random_subset(real, _MOST_REAL, seed), random_subset(train, _MOST_TRAIN, seed), apart
        )


class FeatureSet(NamedTuple):
    """Features and colour thumbnails of a set of pictures."""

    features: Float[ndarray, "N 1280"]
    colours: Float[ndarray, "N 192"]


class Comparison:
    """Generated, real, training and damaged pictures, each embedded once."""

    def __init__(
        self,
        evaluated: PictureSet,
        reference: Reference,
        features: Features,
        inception: InceptionFeatures | None,
        advance: Advance,
    ) -> None:
        self.evaluated, self.reference = evaluated, reference
        self._features, self._advance = features, advance
        # Both are compared at the smaller of their sizes, so the size of the model does not count.
        self.side = min(evaluated.size, reference.data.card.size)
        seen = _embed(evaluated, features, View(self.side, FULL.side), inception, advance)
        check_enough(len(seen.full), evaluated.name)
        self.shown, self.fake = seen.shown, FeatureSet(seen.full, seen.colours)
        self.real = self._of_rows(reference.real)
        trained = (
            random_subset(reference.train, len(seen.full), 0) if reference.held_out else reference.train[:0]
        )
        self.train = self._of_rows(trained)
        self.damaged = {name: self._damaged(by) for name, by in _MARKS.items()}
        self.inception = None
        if inception is not None:
            real = [inception(pictures, advance) for pictures in chunks(reference.data, reference.real)]
            self.inception = distances.frechet_distance(np.concatenate(real), seen.inception)
        self.neighbours = self._neighbours(seen)

    def _of_rows(self, rows: np.ndarray) -> FeatureSet:
        data = self.reference.data
        features = dataset_features(data, rows, self._features, self._advance, View(self.side, FULL.side))
        parts = [colours(pictures) for pictures in chunks(data, rows)]
        return FeatureSet(features, np.concatenate(parts) if parts else np.empty((0, 192), np.float32))

    def _damaged(self, by: int) -> Float[ndarray, "N 1280"]:
        view = View(max(self.side // by, 1), FULL.side)
        return dataset_features(
            self.reference.data,
            random_subset(self.reference.real, _DAMAGED, 0),
            self._features,
            self._advance,
            view,
        )

    def _neighbours(self, seen: _Embedded) -> Neighbours | None:
        data, train = self.reference.data, self.reference.train
        if len(train) == 0:
            return None
        held_out = self.reference.real if self.reference.held_out else train[:0]
        known, unseen = (
            dataset_features(data, rows, self._features, self._advance, THUMBNAIL)
            for rows in (train, held_out)
        )
        return Memory(known, unseen).compare(seen.thumbs, seen.mirrored)

    def album(self) -> html_report.Album:
        """The pictures of the report: generated, real, and the nearest training pictures."""
        real = reduced(
            self.reference.data.pixels[random_subset(self.reference.real, html_report.TILES, 0)], _SHOWN
        )
        pairs = [] if self.neighbours is None else list(self._pairs(self.neighbours))
        return html_report.Album(self.shown[: html_report.TILES], real, pairs)

    def _pairs(self, near: Neighbours) -> Iterator[html_report.Pair]:
        for i in np.argsort(near.distance, kind="stable")[: html_report.PAIRS]:
            row = self.reference.train[near.row[i]]
            trained = reduced(self.reference.data.pixels[row : row + 1], _SHOWN)[0]
            mirrored = bool(near.mirrored[i])
            shown = trained[:, ::-1] if mirrored else trained
            relative = float(near.distance[i] / max(near.usual, 1e-9))
            yield html_report.Pair(self.shown[i], shown, relative, mirrored, bool(near.copied[i]))


class _Embedded(NamedTuple):
    full: Float[ndarray, "N 1280"]
    colours: Float[ndarray, "N 192"]
    thumbs: Float[ndarray, "N 1280"]
    mirrored: Float[ndarray, "N 1280"]
    shown: UInt8[ndarray, "N h w 3"]
    inception: Float[ndarray, "N W"]  # W is 0 without Inception


def _embed(
    evaluated: PictureSet,
    features: Features,
    view: View,
    inception: InceptionFeatures | None,
    advance: Advance,
) -> _Embedded:
    """Compute everything needed from the evaluated pictures, which come in chunks and are not kept."""
    parts: list[tuple[np.ndarray, ...]] = []
    for pictures in evaluated.draw():
        seen = inception(pictures, advance) if inception else np.empty((len(pictures), 0), np.float32)
        thumbs, mirrored = (features(p, advance, THUMBNAIL) for p in (pictures, pictures[:, :, ::-1]))
        full, shown = features(pictures, advance, view), reduced(pictures, _SHOWN)
        parts.append((full, colours(pictures), thumbs, mirrored, shown, seen))
    if not parts:
        check_enough(0, evaluated.name)
    return _Embedded(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def reduced(pictures: UInt8[ndarray, "N H W 3"], side: int) -> UInt8[ndarray, "N h w 3"]:
    """The pictures, reduced to ``side`` pixels if they are larger."""
    if pictures.shape[1] <= side:
        return np.array(pictures)
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    shrunk = F.interpolate(x, size=(side, side), mode="bicubic", antialias=True)
    return np.ascontiguousarray(shrunk.permute(0, 2, 3, 1).numpy())


def forward_passes(evaluated: PictureSet, reference: Reference, inception: bool) -> int:
    """How many pictures will go through a network, for a progress bar."""
    real, train = len(reference.real), len(reference.train)
    looks = 3 * evaluated.count + real + train + len(_MARKS) * min(real, _DAMAGED)
    if reference.held_out:
        looks += real + min(train, evaluated.count)
    return looks + (evaluated.count + real if inception else 0)

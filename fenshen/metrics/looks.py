"""Every picture of an evaluation, seen once through the networks, and what the report will show of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.dataset import Dataset
from fenshen.metrics import distances, page
from fenshen.metrics.features import FULL, THUMBNAIL, Features, View, chunks, colours, of_dataset
from fenshen.metrics.inception import InceptionFeatures
from fenshen.metrics.neighbours import Memory, Neighbours
from fenshen.metrics.report import MarkName
from fenshen.metrics.subject import Subject, check_enough, some

_MOST_REAL = 5000  # held-out pictures; more do not sharpen the figures that so many fakes allow
_MOST_TRAIN = 20_000  # training pictures looked at for copies
_LEAST_HELD_OUT = 32  # with fewer, all pictures stand in
_RULER = 300  # pictures that are damaged to make the ruler
_SHOWN = 160  # side of pictures in the report, at most
_MARKS: dict[MarkName, int] = {"half": 2, "quarter": 4, "eighth": 8}

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Reference:
    """Which pictures of the dataset stand for what is real, and which were trained on."""

    data: Dataset
    real: np.ndarray
    train: np.ndarray
    held_out: bool  # whether ``real`` was kept from training

    @classmethod
    def of(cls, data: Dataset, seed: int) -> Reference:
        check_enough(len(data), data.path.name)
        train, held_out = data.indices("train"), data.indices("held_out")
        apart = len(held_out) >= _LEAST_HELD_OUT
        real = held_out if apart else np.arange(len(data))
        return cls(data, some(real, _MOST_REAL, seed), some(train, _MOST_TRAIN, seed), apart)


class Side(NamedTuple):
    """One of the sets that are compared."""

    features: Float[ndarray, "N 1280"]
    colours: Float[ndarray, "N 192"]


class Looks:
    """All pictures, seen once through the networks, and what the report will show of them."""

    def __init__(
        self,
        subject: Subject,
        reference: Reference,
        look: Features,
        inception: InceptionFeatures | None,
        advance: Advance,
    ) -> None:
        self.subject, self.reference = subject, reference
        self._look, self._advance = look, advance
        # Both at the smaller of their sizes: a model is not to blame for the size it was asked to draw.
        self.side = min(subject.size, reference.data.card.size)
        seen = _of_subject(subject, look, View(self.side, FULL.side), inception, advance)
        check_enough(len(seen.full), subject.name)
        self.shown, self.fake = seen.shown, Side(seen.full, seen.colours)
        self.real = self._of_rows(reference.real)
        trained = some(reference.train, len(seen.full), 0) if reference.held_out else reference.train[:0]
        self.train = self._of_rows(trained)
        self.damaged = {name: self._damaged(by) for name, by in _MARKS.items()}
        self.inception = None
        if inception is not None:
            real = [inception(pictures, advance) for pictures in chunks(reference.data, reference.real)]
            self.inception = distances.frechet_distance(np.concatenate(real), seen.inception)
        self.neighbours = self._neighbours(seen)

    def _of_rows(self, rows: np.ndarray) -> Side:
        data = self.reference.data
        features = of_dataset(data, rows, self._look, self._advance, View(self.side, FULL.side))
        parts = [colours(pictures) for pictures in chunks(data, rows)]
        return Side(features, np.concatenate(parts) if parts else np.empty((0, 192), np.float32))

    def _damaged(self, by: int) -> Float[ndarray, "N 1280"]:
        view = View(max(self.side // by, 1), FULL.side)
        return of_dataset(
            self.reference.data, some(self.reference.real, _RULER, 0), self._look, self._advance, view
        )

    def _neighbours(self, seen: _OfSubject) -> Neighbours | None:
        data, train = self.reference.data, self.reference.train
        if len(train) == 0:
            return None
        held_out = self.reference.real if self.reference.held_out else train[:0]
        known, unseen = (
            of_dataset(data, rows, self._look, self._advance, THUMBNAIL) for rows in (train, held_out)
        )
        return Memory(known, unseen).compare(seen.thumbs, seen.mirrored)

    def album(self) -> page.Album:
        """What the report shows: generated and real pictures, and the nearest training pictures."""
        real = small(self.reference.data.pixels[some(self.reference.real, page.TILES, 0)], _SHOWN)
        pairs = [] if self.neighbours is None else list(self._pairs(self.neighbours))
        return page.Album(self.shown[: page.TILES], real, pairs)

    def _pairs(self, near: Neighbours) -> Iterator[page.Pair]:
        for i in np.argsort(near.distance, kind="stable")[: page.PAIRS]:
            row = self.reference.train[near.row[i]]
            trained = small(self.reference.data.pixels[row : row + 1], _SHOWN)[0]
            mirrored = bool(near.mirrored[i])
            shown = trained[:, ::-1] if mirrored else trained
            relative = float(near.distance[i] / max(near.usual, 1e-9))
            yield page.Pair(self.shown[i], shown, relative, mirrored, bool(near.copied[i]))


class _OfSubject(NamedTuple):
    full: Float[ndarray, "N 1280"]
    colours: Float[ndarray, "N 192"]
    thumbs: Float[ndarray, "N 1280"]
    mirrored: Float[ndarray, "N 1280"]
    shown: UInt8[ndarray, "N h w 3"]
    inception: Float[ndarray, "N W"]  # W is 0 without Inception


def _of_subject(
    subject: Subject, look: Features, view: View, inception: InceptionFeatures | None, advance: Advance
) -> _OfSubject:
    """Every picture of the subject, looked at in all ways while it is there: they are not all kept."""
    parts: list[tuple[np.ndarray, ...]] = []
    for pictures in subject.draw():
        seen = inception(pictures, advance) if inception else np.empty((len(pictures), 0), np.float32)
        thumbs, mirrored = (look(p, advance, THUMBNAIL) for p in (pictures, pictures[:, :, ::-1]))
        full, shown = look(pictures, advance, view), small(pictures, _SHOWN)
        parts.append((full, colours(pictures), thumbs, mirrored, shown, seen))
    if not parts:
        check_enough(0, subject.name)
    return _OfSubject(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def small(pictures: UInt8[ndarray, "N H W 3"], side: int) -> UInt8[ndarray, "N h w 3"]:
    """The pictures at most ``side`` pixels wide."""
    if pictures.shape[1] <= side:
        return np.array(pictures)
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    shrunk = F.interpolate(x, size=(side, side), mode="bicubic", antialias=True)
    return np.ascontiguousarray(shrunk.permute(0, 2, 3, 1).numpy())


def work(subject: Subject, reference: Reference, inception: bool) -> int:
    """How many looks there will be, for a progress bar."""
    real, train = len(reference.real), len(reference.train)
    looks = 3 * subject.count + real + train + len(_MARKS) * min(real, _RULER)
    if reference.held_out:
        looks += real + min(train, subject.count)
    return looks + (subject.count + real if inception else 0)

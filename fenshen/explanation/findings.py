"""The work of ``fenshen explain``: draw, look, compare."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen.dataset import Dataset
from fenshen.explanation import attributes, heat
from fenshen.explanation.directions import Direction, principal
from fenshen.explanation.subject import Subject
from fenshen.version import __version__

Picture = UInt8[ndarray, "H W 3"]
Pictures = UInt8[ndarray, "N H W 3"]

DIRECTIONS, STOPS = 8, 7
SHOWN = 128  # px, at most
_FAR = 2.5  # standard deviations at both ends of a strip
_LOOKED_AT = 8
_NEAR = 12  # pairs with a training picture
_DRAWN_AT_ONCE = 64


class Near(NamedTuple):
    """A picture and the training picture that is nearest to it."""

    drawn: Picture
    trained: Picture
    relative: float  # distance, over the usual one of unseen pictures
    copied: bool


@dataclass(frozen=True, eq=False)
class Found:
    """What was found.

    Attributes:
        directions: strongest first.
        strips: of each direction, pictures from one end to the other.
        looked_at: pictures, and the heat of the judge's attention over them; None where there is no judge.
        changed: pictures, others, and the heat of what differs.
        near: drawn pictures beside their nearest training pictures.
    """

    name: str
    space: str
    directions: list[Direction]
    strips: list[Pictures]
    looked_at: tuple[Pictures, Pictures] | None
    changed: tuple[Pictures, Pictures, Pictures]
    near: list[Near]

    def facts(self) -> dict[str, Any]:
        """Everything but the pictures."""
        return {
            "name": self.name,
            "space": self.space,
            "directions": [
                {"share": round(one.share, 4), "names": [(name, round(r, 3)) for name, r in one.names]}
                for one in self.directions
            ],
            "nearest": [{"relative": round(one.relative, 3), "copied": one.copied} for one in self.near],
            "fenshen": __version__,
        }

    def json(self) -> str:
        """The facts, and each direction as a step of the latents."""
        steps = [[round(float(x), 5) for x in one.step] for one in self.directions]
        return json.dumps({**self.facts(), "steps": steps}, ensure_ascii=False, indent=1) + "\n"


def find(subject: Subject, dataset: Dataset | Path | str | None, count: int, seed: int) -> Found:
    """Everything that the page shows."""
    codes = subject.samples(max(count, 2 * subject.samples(1, 0).shape[1]), seed)
    pictures = _drawn(subject, codes)
    known = subject.known(codes) or attributes.of_faces(pictures)
    directions = principal(codes, pictures, {**known, **attributes.of_pictures(pictures)}, DIRECTIONS)
    middle = codes.mean(0) if subject.space == "humans" else subject.samples(1, seed)[0]
    stops = np.linspace(-_FAR, _FAR, STOPS, dtype=np.float32)[:, None]
    strips = [_drawn(subject, middle + stops * one.step) for one in directions]
    data = None if dataset is None else dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    ones, others = (_drawn(subject, part) for part in subject.apart())
    return Found(
        subject.name,
        subject.space,
        directions,
        strips,
        _looked_at(subject, codes[:_LOOKED_AT], data),
        (ones, others, heat.over(others, heat.difference(ones, others))),
        [] if data is None else _nearest(pictures[: 2 * _NEAR * _DRAWN_AT_ONCE], data),
    )


def _drawn(subject: Subject, codes: ndarray) -> Pictures:
    """Pictures as large as they are looked at."""
    from fenshen.metrics.comparison import reduced

    parts = range(0, len(codes), _DRAWN_AT_ONCE)
    return np.concatenate([reduced(subject.draw(codes[i : i + _DRAWN_AT_ONCE]), SHOWN) for i in parts])


def _looked_at(subject: Subject, codes: ndarray, data: Dataset | None) -> tuple[Pictures, Pictures] | None:
    """Fakes at the judge's own size, real pictures where there are some, and its attention to them."""
    from fenshen.metrics.comparison import reduced

    judge = subject.discriminator
    if judge is None:
        return None
    pictures = subject.draw(codes)
    if data is not None and data.card.size == pictures.shape[1]:
        rows = np.linspace(0, len(data) - 1, _LOOKED_AT // 2).astype(int)
        pictures = np.concatenate([pictures[: _LOOKED_AT // 2], data.pixels[rows]])
    warm = heat.over(pictures, heat.attention(judge, pictures))
    return reduced(pictures, SHOWN), reduced(warm, SHOWN)


def _nearest(drawn: Pictures, data: Dataset) -> list[Near]:
    """The drawn pictures that are nearest to any training picture."""
    from fenshen.metrics.comparison import reduced
    from fenshen.metrics.features import THUMBNAIL, Features, dataset_features
    from fenshen.metrics.neighbours import Memory

    features, train = Features(), data.indices("train")
    memory = Memory(
        dataset_features(data, train, features, view=THUMBNAIL),
        dataset_features(data, data.indices("held_out"), features, view=THUMBNAIL),
    )
    near = memory.compare(features(drawn, view=THUMBNAIL), features(drawn[:, :, ::-1], view=THUMBNAIL))
    pairs = []
    for i in np.argsort(near.distance, kind="stable")[:_NEAR]:
        (trained,) = reduced(data.pixels[train[near.row[i]]][None], drawn.shape[1])
        shown = trained[:, ::-1] if near.mirrored[i] else trained
        relative = float(near.distance[i] / max(near.usual, 1e-9))
        pairs.append(Near(drawn[i], shown, relative, bool(near.copied[i])))
    return pairs

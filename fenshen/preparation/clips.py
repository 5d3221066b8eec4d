"""One steady crop for each whole video, once the faces of all its frames were found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from fenshen.preparation.cutting import faces_by_time
from fenshen.preparation.planning import Settings, Unit, with_crop
from fenshen.preparation.store import Store

if TYPE_CHECKING:
    from fenshen.faces.detect import Face


def steady(units: Sequence[Unit], settings: Settings, store: Store) -> list[Unit]:
    """The same work with every unit that looked for faces replaced by the one that cuts them out."""
    from fenshen.faces.clip import steady_crop

    settled: list[Unit] = []
    for (step, _), group in groupby(units, key=lambda unit: (unit.step, unit.items[0].source)):
        same = list(group)
        if step != "look":
            settled.extend(same)
            continue
        frames: list[list[Face]] = []
        for unit in same:
            frames.extend(faces_by_time(store.load(unit.key(settings))).values())
        matrix = steady_crop(subject(frames), settings.size).ravel().tolist() if frames else None
        settled.extend(with_crop(same, matrix, settings))
    return settled


def subject(frames: Sequence[list[Face]]) -> list[Face]:
    """Of each frame, the face nearest to where the largest faces of the clip are.

    Someone who comes closer to the camera for a moment is so not taken for whom the clip is about.
    """
    largest = np.array([_middle(faces[0]) for faces in frames])
    centre = np.median(largest, axis=0)
    return [min(faces, key=lambda face: float(np.abs(_middle(face) - centre).max())) for faces in frames]


def _middle(face: Face) -> np.ndarray:
    return (face.box[:2] + face.box[2:]) / 2

"""Finds the base model's person who looks most like somebody in front of a camera.

A double begins with that person's code: the nearer the base model already is, the less of the footage goes into
repainting, and the more of what the footage does not show (a profile, an open mouth) stays as the base model knows it.
After Roich et al. 2021 ("Pivotal Tuning"): first a code near the pictures, then the generator tuned around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.humans.camera import Camera
from fenshen.humans.encoding import encode
from fenshen.humans.human import Human
from fenshen.humans.sampler import sample

if TYPE_CHECKING:
    from fenshen.model import Model

PEOPLE = 400  # that are looked at
_FIRST = 5_000_000  # seed of the first
_SIDE = 16  # pixels; colours and shapes count here, not strokes


def nearest_human(
    model: Model,
    pictures: UInt8[ndarray, "N S S 3"],
    controls: Float[ndarray, "N 58"],
    people: Sequence[Human] | None = None,
) -> Human:
    """The human whose drawing is most similar to these pictures of one person.

    Args:
        controls: of the pictures.
        people: to choose among; by default :data:`PEOPLE` that are drawn fairly.
    """
    import torch

    candidates = [sample(_FIRST + i) for i in range(PEOPLE)] if people is None else list(people)
    wanted = _small(pictures).mean(0)
    move = np.median(controls, axis=0).astype(np.float32)
    codes = torch.from_numpy(np.stack([encode(human, Camera()) for human in candidates]))
    drawn = _small(model.draw(codes, controls=move))
    return candidates[int(np.abs(drawn - wanted).mean(axis=(1, 2, 3)).argmin())]


def _small(pictures: UInt8[ndarray, "N S S 3"]) -> Float[ndarray, "N s s 3"]:
    count, side = len(pictures), pictures.shape[1]
    block = side // _SIDE
    blocks = pictures.reshape(count, _SIDE, block, _SIDE, block, 3)
    return blocks.mean(axis=(2, 4), dtype=np.float32)

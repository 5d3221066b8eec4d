"""Keeps what a base model knows of faces while it is tuned to one person.

A minute of film shows a few expressions of one person. Tuned on it alone, a network forgets how everything else looks:
a mouth that was never open on film opens too little, and colours grey. So in every step it is also asked for some other
expression and pose. Where the lines of the face should be then, the base model says: as far from its own person's face
at rest as it would move them. What lies between lips and lids is compared with the base's picture, bent to those lines
and brought to the film's colours. Everything else should have the colours of the moved keyframes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from fenshen import controls as control_space
from fenshen.landmarks import LOWER_LIP_INSIDE
from fenshen.networks import mover, portrait
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.training.batch import PairedBatch

_PICTURES = 2  # drawn in a step; lines of faces, which cost next to nothing, are as many as the batch
_LOOK_EVERY = 16  # steps between looks at the film's colours
_MEMORY = 0.98  # of how the person differs from the base's, per step
_BLUR = 8  # pixels over which colours are compared
_POINTS, _WITHIN, _COLOURS = 20.0, 2.0, 1.0  # weights of the points, of what opens, and of colours


# Parabolas through three points of the lower lip's inner edge, two and one to the right of the middle and two to the
# left, at the middle and one to the left of it.
_NEXT_TO_WRONG = (LOWER_LIP_INSIDE[3], LOWER_LIP_INSIDE[4], LOWER_LIP_INSIDE[7])
_WRONG = {LOWER_LIP_INSIDE[5]: (-1 / 2, 4 / 3, 1 / 6), LOWER_LIP_INSIDE[6]: (-1 / 2, 1.0, 1 / 2)}


class Rehearsal:
    """Asks a generator for what was not filmed.

    Args:
        base: the generator that it was tuned from.
        filmed: controls of the film, for the head's usual place.
        seed: of what is asked for.
    """

    def __init__(self, base: portrait.Generator, filmed: Float[ndarray, "N 58"], seed: int) -> None:
        self.base = base
        self.usual, self.seed = np.median(filmed, axis=0), seed
        self.apart: Tensor | None = None  # (P, 3): the person's points minus the base's, in the head's axes
        self.gain: Tensor | None = None  # (3, 1, 1): the film's colours over the base's, on faces

    @torch.no_grad()
    def learn(self, generator: mover.Generator, batch: PairedBatch, step: int) -> None:
        """See how the person of a batch differs from the base's."""
        assert batch.controls is not None
        told = torch.cat([batch.latents, batch.controls], dim=1)
        apart = (generator.contours.solid(told) - _mended(self.base.contours.solid(told))).mean(0)
        self.apart = apart if self.apart is None else self.apart.lerp(apart, 1 - _MEMORY)
        if self.gain is None or step % _LOOK_EVERY == 0:
            drawn = self.base.draw(batch.latents, batch.controls).pictures
            self.gain = _mean_colour(batch.pictures) / _mean_colour(drawn)

    def loss(self, generator: mover.Generator, latents: Float[Tensor, "B Z"], step: int) -> Float[Tensor, ""]:
        """How far the generator has forgotten what the base knows, on pictures of this object's choice."""
        assert self.apart is not None
        asked = torch.from_numpy(control_space.normalise(self._asked(step, len(latents)))).to(latents.device)
        told = torch.cat([latents, asked], dim=1)
        with torch.no_grad():
            wanted = _mended(self.base.contours.solid(told)) + self.apart
        points = (generator.contours.solid(told) - wanted).square().sum(-1).add(1e-12).sqrt().mean()
        few = slice(_PICTURES)
        return _POINTS * points + self._looks(generator, latents[few], asked[few], wanted[few])

    def _looks(
        self,
        generator: mover.Generator,
        latents: Float[Tensor, "b Z"],
        asked: Float[Tensor, "b 58"],
        wanted: Float[Tensor, "b P 3"],
    ) -> Float[Tensor, ""]:
        """What opens, against the base's picture bent to the wanted lines; colours, against the moved keyframes."""
        assert self.gain is not None
        parts = generator.parts(latents, asked)
        with torch.no_grad():
            lines = self.base.contours.seen(wanted, self.base.head_space.aim(asked))
            known = self.base.draw(latents, asked)
            assert known.points is not None
            bent = mover.bent(known.pictures, lines, _mended(known.points))
            bent = ((bent + 1) * self.gain - 1).clamp(-1, 1)
            opened = generator.geometry.opened(lines, bent.shape[-1])[:, None]
            moved = mover.put_together(parts, generator.sources(), sharp=False).pictures
        within = ((parts.drawn - bent).abs() * opened).sum() / (3 * opened.sum() + 1)
        near, far = (F.avg_pool2d(x, _BLUR) for x in (parts.drawn, moved))
        return _WITHIN * within + _COLOURS * (near - far).abs().mean()

    def state(self) -> dict[str, Tensor | None]:
        """What it has seen, for a run that is resumed."""
        return {"apart": self.apart, "gain": self.gain}

    def load_state(self, state: dict[str, Tensor | None]) -> None:
        """The inverse of :meth:`state`."""
        self.apart, self.gain = state["apart"], state["gain"]

    def _asked(self, step: int, count: int) -> Float[ndarray, "B 58"]:
        """Expressions and poses as drawn humans have them, at the place in the picture where the head usually is."""
        from fenshen.humans.sampler import sample_controls

        asked = np.stack([sample_controls(self.seed, step * count + i) for i in range(count)])
        for name in control_space.PLACEMENT:
            asked[:, control_space.INDEX[name]] += self.usual[control_space.INDEX[name]]
        return control_space.clip(asked)


def _mended(points: Float[Tensor, "B P d"]) -> Float[Tensor, "B P d"]:
    """Contour points of the base, which learnt two of the lower lip's inner edge from labels on the upper lip."""
    known = points[:, [CONTOUR_POINTS.index(i) for i in _NEXT_TO_WRONG]]
    mended = points.clone()
    for point, weights in _WRONG.items():
        mended[:, CONTOUR_POINTS.index(point)] = (known.transpose(1, 2) @ known.new_tensor(weights)).squeeze(
            -1
        )
    return mended


def _mean_colour(pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "3 1 1"]:
    """Mean of the middle, where the face is; from 0, black, to 2."""
    side = pictures.shape[-1]
    middle = slice(3 * side // 8, 5 * side // 8)
    return (pictures[:, :, middle, middle] + 1).mean((0, 2, 3))[:, None, None].clamp(min=0.02)

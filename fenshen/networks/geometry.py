"""What contour points alone say about keyframes: where pixels go, which keyframe is near, and what it cannot show.

Every contour point knows where it lies in a keyframe and where it should lie, and carries the pixels around it along
(as the first-order model of Siarohin et al. 2019, but with labelled points and keyframes). Which keyframe counts is a
matter of distances between points: of the whole face, of eyes, and of the mouth. Between lips or lids that were less
open than they should be, a keyframe has nothing to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fenshen.landmarks import LOWER_LID, LOWER_LIP_INSIDE, UPPER_LID, UPPER_LIP_INSIDE
from fenshen.networks.contours import CONTOUR_POINTS, LINES, Aim, bell

# Points carry the pixels around them along: standard deviations in sides, and weights. A place that no point reaches
# stays where it is.
_REACH = ((0.016, 6.0), (0.035, 1.0), (0.12, 0.02))
_STILL = 2e-3
# A keyframe counts by this power of its distance (Shepard 1968): of two, one a third farther, the nearer has 90 %.
_POWER = 8.0
_MADE = 1.6  # by how much farther made keyframes count as: filmed ones are real
_POSE_IN_PARTS = 0.3  # how much the pose counts when keyframes for eyes and mouth are compared
_CURVE = 33  # points of the curves of lips and lids
# A keyframe counts between lips or lids that were there at least the second as open as asked for, and not at all up to
# the first; how open nobody can see, in face heights.
_OPEN, _UNSEEN = (0.5, 0.8), 0.01

_EYES = tuple(name for name in LINES if "lid" in name or name == "irises")
_MOUTH = tuple(name for name in LINES if "lip" in name)
_OPENINGS = (
    (UPPER_LID.right, LOWER_LID.right),
    (UPPER_LID.left, LOWER_LID.left),
    (UPPER_LIP_INSIDE, LOWER_LIP_INSIDE),
)


class Known(NamedTuple):
    """What is known of keyframes.

    Attributes:
        points: contour points, in sides.
        upright: the same from :func:`upright_points`.
        made: 1 for those that were not filmed.
        present: 1 where they show a person, or may.
    """

    points: Float[Tensor, "K P 2"]
    upright: Float[Tensor, "K P 2"]
    made: Float[Tensor, "K"]
    present: Float[Tensor, "K 1 f f"]


def carried(
    points: Float[Tensor, "B P 2"], keyframes: Float[Tensor, "K P 2"], side: int
) -> Float[Tensor, "B K 2 side side"]:
    """Motion by the contour points: where in each keyframe a pixel's surroundings lie, relative to here, in sides.

    Args:
        points: where they are in the pictures.
        keyframes: where they are in the keyframes.
    """
    steps = (torch.arange(side, device=points.device, dtype=torch.float32) + 0.5) / side
    across, down = (steps - points[..., i, None] for i in range(2))  # (B, P, side)
    x = torch.cat([bell(across / reach) for reach, _ in _REACH], dim=1)
    y = torch.cat([amount * bell(down / reach) for reach, amount in _REACH], dim=1)
    y = y.transpose(1, 2).contiguous()  # (B, side, R P)
    far = (
        (keyframes - points[:, None]).transpose(2, 3).flatten(1, 2).repeat(1, 1, len(_REACH))
    )  # (B, 2K, R P)
    # Gaussians are separable: a map of many is the product of two small matrices.
    weight = y @ x + _STILL
    moved = (far[:, :, None] * y[:, None]).flatten(1, 2) @ x
    return moved.reshape(len(points), -1, 2, side, side) / weight[:, None, None]


class Geometry:
    """Which keyframe is nearest to what is asked for, and what it cannot show, from contour points alone."""

    def __init__(self) -> None:
        self.eyes, self.mouth = _places(_EYES), _places(_MOUTH)
        self.rest = [i for i in range(len(CONTOUR_POINTS)) if i not in {*self.eyes, *self.mouth}]
        self.openings = [(_indices(upper), _indices(lower)) for upper, lower in _OPENINGS]

    def near(
        self, points: Float[Tensor, "B P 2"], upright: Float[Tensor, "B P 2"], known: Known, side: int
    ) -> Float[Tensor, "B K side side"]:
        """How near each keyframe is at every pixel, 1 in all.

        Args:
            points: where they are in the pictures.
            upright: the same from :func:`upright_points`.
            known: of the keyframes.
        """
        theirs = known.upright
        far = theirs[None] - upright[:, None]  # (B, K, P, 2)
        pose = _spread_of(far[:, :, self.rest])
        parts, regions = [], []
        for part, openings in zip(
            (self.eyes, self.mouth), (self.openings[:2], self.openings[2:]), strict=True
        ):
            apart = far[:, :, part]
            shape = _spread_of(apart - apart.mean(2, keepdim=True))
            wider = [self._gaps(theirs, one)[None] - self._gaps(upright, one)[:, None] for one in openings]
            parts.append(shape + torch.stack(wider).abs().amax(0) + _POSE_IN_PARTS * pose)
            regions.append(_around(points[:, part], side))
        region = torch.stack(regions, dim=1)  # (B, 2, side, side)
        everywhere = (1 - region.sum(1, keepdim=True)).clamp(min=0)
        farther = 1 + (_MADE - 1) * known.made[:, None]
        distances = farther * torch.stack([pose, *parts], dim=2)  # (B, K, 3)
        shares = torch.cat([everywhere, region], dim=1).flatten(2)
        distance = (distances @ shares).reshape(len(points), -1, side, side)
        return (-_POWER * distance.clamp(min=1e-4).log()).softmax(1)

    def lacking(
        self,
        points: Float[Tensor, "B P 2"],
        upright: Float[Tensor, "B P 2"],
        known: Known,
        side: int,
        *,
        few: bool,
    ) -> Float[Tensor, "B K side side"]:
        """How much each keyframe lacks of an opening at every pixel, 0 to 1; other arguments as :meth:`near`.

        Args:
            few: openings that no keyframe lacks are left out.
        """
        wanted, given = (
            torch.stack([self._gaps(p, one) for one in self.openings], dim=-1)
            for p in (upright, known.upright)
        )
        ratio = (given[None] + _UNSEEN) / (wanted[:, None] + _UNSEEN)  # (B, K, openings)
        low, high = _OPEN
        short = 1 - ((ratio - low) / (high - low)).clamp(0, 1)
        lacking = short.new_zeros(*short.shape[:2], side, side)
        for (upper, lower), of_this in zip(self.openings, short.unbind(2), strict=True):
            if not few or of_this.any():
                within = between(points[:, upper], points[:, lower], side)
                lacking = lacking + of_this[:, :, None, None] * within[:, None]
        return lacking.clamp(max=1)

    @staticmethod
    def _gaps(upright: Float[Tensor, "B P 2"], opening: tuple[list[int], list[int]]) -> Float[Tensor, "B"]:
        """How open eyes or mouths are: the mean distance of the two lines in their middle third."""
        upper, lower = (upright[:, line] for line in opening)
        third = upper.shape[1] // 3
        middle = slice(third, upper.shape[1] - third)
        return (upper[:, middle] - lower[:, middle]).norm(dim=-1).mean(1)


def upright_points(points: Float[Tensor, "B P 2"], aim: Aim) -> Float[Tensor, "B P 2"]:
    """Points in face heights from the head's centre, without the head's roll: what placement does not change."""
    rotation, placed = aim
    x, y = ((points - placed[:, None, :2]) / placed[:, None, 2:]).unbind(-1)
    # The second column of R is where the head's up goes; in the picture y points down.
    sine, cosine = rotation[:, 0, 1, None], rotation[:, 1, 1, None]
    length = (sine**2 + cosine**2).sqrt().clamp(min=1e-3)
    sine, cosine = sine / length, cosine / length
    return torch.stack([cosine * x + sine * y, cosine * y - sine * x], dim=-1)


def between(
    upper: Float[Tensor, "B N 2"], lower: Float[Tensor, "B N 2"], side: int
) -> Float[Tensor, "B side side"]:
    """1 between two lines with common ends, 0 elsewhere; softly within a pixel.

    Args:
        upper, lower: from the right to the left corner, or the other way, in sides.
    """
    corner, across = upper[:, :1], upper[:, -1:] - upper[:, :1]
    width = across.norm(dim=-1, keepdim=True).clamp(min=1e-4)
    along = across / width  # (B, 1, 2)
    down = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    down = down * torch.where(down[..., 1:] < 0, -1.0, 1.0)  # whichever corner comes first
    curves = [_curve(line - corner, along, down, width) for line in (upper, lower)]
    steps = (torch.arange(side, device=upper.device, dtype=torch.float32) + 0.5) / side
    x, y = (steps - corner[..., i] for i in range(2))  # (B, S)
    share, depth = (
        (x * to[..., 0])[:, None, :] + (y * to[..., 1])[:, :, None] for to in (along / width, down)
    )
    share, depth = share.flatten(1), depth.flatten(1)  # (B, S*S)
    # grid_sample reads the curves at each pixel's share of the width.
    at = torch.stack([2 * share - 1, torch.zeros_like(share)], dim=-1)[:, None]
    top, bottom = F.grid_sample(
        torch.stack(curves, dim=1)[:, :, None], at, padding_mode="border", align_corners=True
    ).unbind(1)
    soft = 0.5 / side
    inside = torch.sigmoid((depth - top[:, 0]) / soft) * torch.sigmoid((bottom[:, 0] - depth) / soft)
    ends = torch.sigmoid(share * width[..., 0] / soft) * torch.sigmoid((1 - share) * width[..., 0] / soft)
    return (inside * ends).reshape(-1, side, side)


def _curve(
    line: Float[Tensor, "B N 2"],
    along: Float[Tensor, "B 1 2"],
    down: Float[Tensor, "B 1 2"],
    width: Float[Tensor, "B 1 1"],
) -> Float[Tensor, "B C"]:
    """The depth of a line at evenly spaced places of its width."""
    share, depth = (line * along).sum(-1) / width[..., 0], (line * down).sum(-1)  # (B, N)
    places = torch.linspace(0, 1, _CURVE, device=line.device)[:, None]
    spread = 0.7 / (line.shape[1] - 1)
    near = torch.exp(-0.5 * ((places - share[:, None]) / spread) ** 2) + 1e-6
    return (near * depth[:, None]).sum(-1) / near.sum(-1)


def _spread_of(far: Float[Tensor, "B K N 2"]) -> Float[Tensor, "B K"]:
    return far.square().sum(-1).mean(-1).clamp(min=1e-8).sqrt()


def _around(points: Float[Tensor, "B N 2"], side: int) -> Float[Tensor, "B side side"]:
    """1 around some points, falling softly to 0 at about their extent's distance from them."""
    low, high = points.amin(1), points.amax(1)
    middle, reach = (low + high) / 2, (high - low) / 2 + 0.03
    steps = (torch.arange(side, device=points.device, dtype=torch.float32) + 0.5) / side
    far = [(steps - middle[:, i, None]) / (1.2 * reach[:, i, None]) for i in range(2)]
    x, y = (bell(2**0.5 * one**2) for one in far)
    return y[:, :, None] * x[:, None]


def _places(lines: tuple[str, ...]) -> list[int]:
    wanted = {point for name in lines for point in LINES[name].points}
    return [i for i, point in enumerate(CONTOUR_POINTS) if point in wanted]


def _indices(line: Sequence[int]) -> list[int]:
    return [CONTOUR_POINTS.index(point) for point in line]

"""Where the lines of a face run: lids, irises, brows, lips, nose and outline, from who it is and how it moves.

A mouth that opens by a pixel is another picture to convolutions, and one that L1 hardly minds. So the lines are worked
out first, as points in the head's own axes, by a small network that learns them from landmarks; the exact rotation of
the controls places them in the picture; and the maps of a generator are shown them as soft lines, one channel each.
Painting between lines is what convolutions do well (Wang et al. 2018, "Video-to-Video Synthesis", draws faces so).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.landmarks import (
    BROW_LOWER,
    BROW_UPPER,
    IRIS,
    LOWER_LID,
    LOWER_LIP_INSIDE,
    LOWER_LIP_OUTSIDE,
    NOSE,
    OUTLINE,
    UPPER_LID,
    UPPER_LIP_INSIDE,
    UPPER_LIP_OUTSIDE,
    Points,
)

_HIDDEN = 256
_BRIGHT = 4.0  # of lines: the brighter, the sooner a step of given size makes much of them
Aim = tuple[
    Float[Tensor, "B 3 3"], Float[Tensor, "B 3"]
]  # the head's rotation; its x, y and height in the picture


class Line(NamedTuple):
    """One line of the face.

    Attributes:
        width: standard deviation across, in sides of the picture.
        points: landmarks along it.
    """

    width: float
    points: Points


def _coarser(outline: Points) -> Points:
    """Every second point of one half of the face's outline, and the one before the chin."""
    return outline[:-1:2] + outline[-2:]


# The order is that of the trained weights.
LINES: dict[str, Line] = {
    "upper_lid_right": Line(0.008, UPPER_LID.right),
    "lower_lid_right": Line(0.008, LOWER_LID.right),
    "upper_lid_left": Line(0.008, UPPER_LID.left),
    "lower_lid_left": Line(0.008, LOWER_LID.left),
    "irises": Line(0.008, IRIS.right + IRIS.left),
    "brow_right": Line(0.010, BROW_UPPER.right + BROW_LOWER.right),
    "brow_left": Line(0.010, BROW_UPPER.left + BROW_LOWER.left),
    "upper_lip_outside": Line(0.009, UPPER_LIP_OUTSIDE),
    "upper_lip_inside": Line(0.009, UPPER_LIP_INSIDE),
    "lower_lip_inside": Line(0.009, LOWER_LIP_INSIDE),
    "lower_lip_outside": Line(0.009, LOWER_LIP_OUTSIDE),
    "nose": Line(0.012, NOSE),
    "outline_right": Line(0.030, _coarser(OUTLINE.right)),
    "outline_left": Line(0.030, _coarser(OUTLINE.left)),
}
CONTOUR_POINTS: Points = tuple(i for line in LINES.values() for i in line.points)


class Contours(nn.Module):
    """Latent and controls to the lines of a face.

    Args:
        told: length of latent and controls together.
    """

    def __init__(self, told: int) -> None:
        super().__init__()
        self.shape = nn.Sequential(
            nn.Linear(told, _HIDDEN),
            nn.LeakyReLU(0.2),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.LeakyReLU(0.2),
            nn.Linear(_HIDDEN, 3 * len(CONTOUR_POINTS)),
        )
        lengths = [len(line.points) for line in LINES.values()]
        ends = torch.tensor(lengths).cumsum(0)
        # Lines of one length, for one product to draw them all: short ones are filled with points of no weight.
        place = torch.arange(max(lengths)).expand(len(LINES), -1)  # (L, M)
        weight = (place < torch.tensor(lengths)[:, None]).float()
        self.register_buffer("rows", (ends[:, None] - 1 - place).clamp(min=0), persistent=False)
        self.register_buffer("weight", weight[..., None], persistent=False)
        self.register_buffer(
            "widths", torch.tensor([line.width for line in LINES.values()]), persistent=False
        )

    def forward(self, told: Float[Tensor, "B K"], aim: Aim) -> Float[Tensor, "B P 2"]:
        """Places of the points in the picture: x right, y down, in sides."""
        return self.seen(self.solid(told), aim)

    def solid(self, told: Float[Tensor, "B K"]) -> Float[Tensor, "B P 3"]:
        """The points in the head's own axes, in its heights."""
        # Half a pixel is much here: coordinates need all the digits of float32.
        with torch.autocast(told.device.type, enabled=False):
            return self.shape(told.float()).unflatten(1, (-1, 3))

    @staticmethod
    def seen(points: Float[Tensor, "B P 3"], aim: Aim) -> Float[Tensor, "B P 2"]:
        """Where a picture shows points of the head."""
        with torch.autocast(points.device.type, enabled=False):
            rotation, placed = aim
            turned = points @ rotation[:, :2].transpose(1, 2)
            middle, height = placed[:, None, :2], placed[:, None, 2:]
            return middle + height * turned * torch.tensor((1.0, -1.0), device=points.device)

    def draw(self, points: Float[Tensor, "B P 2"], sides: Sequence[int]) -> list[Float[Tensor, "B L S S"]]:
        """The lines on maps of these sides: bright on a line, 0 away from it."""
        with torch.autocast(points.device.type, enabled=False):
            lines = points[:, self.get_buffer("rows")].transpose(2, 3)[..., None]  # (B, L, 2, M, 1)
            return [self._map(lines, side) for side in sides]

    def _map(self, lines: Float[Tensor, "B L 2 M 1"], side: int) -> Float[Tensor, "B L S S"]:
        steps = (torch.arange(side, device=lines.device, dtype=torch.float32) + 0.5) / side
        # No line is thinner than a coarse map can show.
        widths = torch.sqrt(self.get_buffer("widths") ** 2 + (0.5 / side) ** 2)[:, None, None, None]
        across, down = bell((steps - lines) / widths).unbind(2)  # (B, L, M, S)
        # Gaussians are separable: a map of many is the product of two small matrices.
        drawn = (down * self.get_buffer("weight")).transpose(2, 3) @ across
        return (_BRIGHT * drawn / (1 + drawn)).contiguous(memory_format=torch.channels_last)


def bell(far: Tensor) -> Tensor:
    """A Gaussian that ends before its values become denormal, with which processors are forty times slower."""
    return torch.exp((-0.5 * far**2).clamp(min=-30))

"""Differentiable augmentation of what the discriminator sees, on tensors, real and fake alike.

Every transform hits each picture with probability p, so that undistorted pictures stay the most common and the
generator learns those (ADA, Karras et al. 2020, section 2). p follows the discriminator's overfitting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Pictures = Float[Tensor, "B 3 H W"]

_SHIFT = 1 / 8  # of the side
_SCALE = 0.2  # standard deviation of log2
_ANGLE = math.pi / 12
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.2, 0.5, 1.0
_CUTOUT = 0.5  # of the side
_DRAWS = 13  # random numbers a picture needs


@dataclass
class Augmentation:
    """Augments batches with strength ``p`` and adapts it.

    Args:
        policy: any of "geometry" (shift, scale, rotate), "colour" (brightness, contrast, saturation) and
            "cutout". There is no mirroring: that is the dataset's, which swaps left and right controls too.
        p: probability of each transform.
        target: wanted mean of sign(D(x)) on real pictures; None keeps p fixed.
        pictures_to_full: how many pictures it takes p to go from 0 to 1.
    """

    policy: tuple[str, ...]
    p: float
    target: float | None
    pictures_to_full: float = 100_000

    def adapt(self, real_sign: float, pictures: int) -> None:
        """Move p up when D is surer of its training pictures than the target, down when less.

        Args:
            real_sign: mean of sign(logit) over recent real pictures, in [-1, 1]: r_t of the paper.
            pictures: seen since the last call.
        """
        if self.target is not None:
            step = pictures / self.pictures_to_full
            self.p = min(max(self.p + math.copysign(step, real_sign - self.target), 0.0), 1.0)

    def draws(self, count: int, generator: torch.Generator) -> Float[Tensor, "B 13"]:
        """The random numbers in [0, 1) that ``count`` pictures need."""
        return torch.rand(count, _DRAWS, generator=generator)

    def __call__(self, pictures: Pictures, draws: Float[Tensor, "B 13"]) -> Pictures:
        """The pictures, augmented by the given random numbers."""
        if self.p == 0 or not self.policy:
            return pictures
        draws = draws.to(pictures.device)
        pictures = pictures.float()
        if "colour" in self.policy:
            pictures = _colour(pictures, draws[:, 0:4], self.p)
        if "geometry" in self.policy:
            pictures = _geometry(pictures, draws[:, 4:10], self.p)
        if "cutout" in self.policy:
            pictures = _cutout(pictures, draws[:, 10:13], self.p)
        return pictures


def _colour(x: Pictures, u: Float[Tensor, "B 4"], p: float) -> Pictures:
    hit = (u[:, :1] < p).float()  # one coin for the three: they are one change of light
    brightness, contrast, saturation = (hit * (2 * u[:, 1:4] - 1)).unbind(1)
    x = x + _column(_BRIGHTNESS * brightness)
    grey = x.mean(1, keepdim=True)
    x = torch.lerp(grey.expand_as(x), x, _column(1 + _SATURATION * saturation))
    centre = x.mean((1, 2, 3), keepdim=True)
    return torch.lerp(centre.expand_as(x), x, _column(1 + _CONTRAST * contrast))


def _geometry(x: Pictures, u: Float[Tensor, "B 6"], p: float) -> Pictures:
    shift = (u[:, 0:1] < p) * (2 * u[:, 1:3] - 1) * (2 * _SHIFT)  # a side is 2 units long
    warp = (u[:, 3:4] < p).float()
    scale = torch.exp2(-warp[:, 0] * _SCALE * (2 * u[:, 4] - 1) * math.sqrt(3))
    angle = warp[:, 0] * _ANGLE * (2 * u[:, 5] - 1)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(x.shape), align_corners=False)
    # Reflection has no edge that the discriminator could learn.
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _cutout(x: Pictures, u: Float[Tensor, "B 3"], p: float) -> Pictures:
    height, width = x.shape[2:]
    y = (torch.arange(height, device=x.device) + 0.5) / height
    z = (torch.arange(width, device=x.device) + 0.5) / width
    inside_y = (y - u[:, 1:2]).abs() < _CUTOUT / 2  # [B, H]
    inside_x = (z - u[:, 2:3]).abs() < _CUTOUT / 2  # [B, W]
    hole = (u[:, 0] < p)[:, None, None] & inside_y[:, :, None] & inside_x[:, None, :]
    return x * (~hole)[:, None].to(x.dtype)


def _column(v: Float[Tensor, "B"]) -> Float[Tensor, "B 1 1 1"]:
    return v[:, None, None, None]

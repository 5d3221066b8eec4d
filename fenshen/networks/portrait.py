"""The family that is given what to draw: who, and with which controls.

The generator turns a code, 58 controls and nothing else into a portrait, in one pass. Where the labels of the
training pictures are exact it learns mostly by reconstruction; the discriminator, that of ``fast``, then sharpens
what reconstruction leaves blurred. Under 0.4 GMAC at 128 px: fit for a browser.

Convolutions are good at *what* and poor at *where*: a head that has to stand a little to the left is, to them,
another picture. So the generator is given, at every place of its maps, the point of a simplified head that is seen
there, in the head's own coordinates (:class:`HeadSpace`), as Fourier features (Tancik et al. 2020, "Fourier Features
Let Networks Learn High Frequency Functions in Low Dimensional Domains"). An eye always has the same coordinates,
wherever the controls put it. What moves in a face is drawn for it as lines (:mod:`fenshen.networks.contours`).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen import controls as control_space
from fenshen import networks
from fenshen.networks import FAMILIES, Drawn, Family, NetworkConfig, Sizes
from fenshen.networks.contours import LINES, Contours
from fenshen.networks.fast import Discriminator

_STYLE = 512  # width of the vector that modulates every map
_WAVES = 24  # Fourier features of a place in head space, as many sines as cosines
_FINEST = 64  # the largest map that is told points of the head: beyond, they cost more than they bring
# A head as an ellipsoid: its middle and radii, in heights of the face from the head's centre (DESIGN: the control
# space); x right, y up, z to the viewer.
_MIDDLE = (0.0, 0.10, -0.12)
_RADII = (0.47, 0.68, 0.60)


class Generator(networks.Generator):
    """A map of 4 x 4, doubled stage by stage, each stage modulated by code and controls."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [4 * 2**i for i in range(config.size.bit_length() - 2)]  # 4, 8, ..., size
        told = config.latent + control_space.COUNT
        self.style = nn.Sequential(
            nn.Linear(told, _STYLE),
            nn.LeakyReLU(0.2),
            nn.Linear(_STYLE, _STYLE),
            nn.LeakyReLU(0.2),
            nn.Linear(_STYLE, _STYLE),
            nn.LeakyReLU(0.2),
        )
        self.head_space = HeadSpace()
        self.contours = Contours(told)
        self.sides = sides[1:]
        self.start = nn.Linear(_STYLE, config.channels(4) * 16)
        self.stages = nn.ModuleList(
            Stage(config.channels(low), config.channels(high), high) for low, high in pairwise(sides)
        )
        self.to_picture = nn.Conv2d(config.channels(config.size), 3, 3, padding=1)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B 3 S S"]:
        """Draw.

        Args:
            latents: codes, 0 the average person.
            controls: normalised; neutral if None.
            truncation: below 1 draws people nearer to the average.
        """
        return self.draw(latents, controls, truncation).pictures

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: Sizes | None = None,
        sources: Float[Tensor, "B C H W"] | None = None,
    ) -> Drawn:
        """As :meth:`forward`; also where the points of :data:`fenshen.networks.contours.CONTOUR_POINTS` came to lie."""
        maps, points = self.maps(latents, controls, truncation)
        # No tanh: reconstruction asks for plain values, and a saturated one could never be put right.
        return Drawn(self.to_picture(maps[-1]), points)

    def maps(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> tuple[list[Float[Tensor, "B C s s"]], Float[Tensor, "B P 2"]]:
        """The map of every stage, from 8 x 8 to the full size, and the contour points; arguments as :meth:`forward`."""
        if controls is None:
            controls = latents.new_zeros(len(latents), control_space.COUNT)
        told = torch.cat([latents * truncation, controls], dim=1)
        aim = self.head_space.aim(controls)
        style, points = self.style(told), self.contours(told, aim)
        x = self.start(style).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        lines = self.contours.draw(points, self.sides)
        maps = []
        for side, stage, drawn in zip(self.sides, self.stages, lines, strict=True):
            seen = [self.head_space(aim, side), drawn] if side <= _FINEST else [drawn]
            x = stage(x, style, torch.cat(seen, dim=1))
            maps.append(x)
        return maps, points


class Stage(nn.Module):
    """Double the side: convolve small, double, modulate (FiLM, Perez et al. 2018), convolve; a shortcut beside."""

    def __init__(self, width: int, out: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.first = nn.Conv2d(width, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.third = nn.Conv2d(out, out, 3, padding=1) if 8 < side <= 32 else None
        self.shortcut = nn.Conv2d(width, out, 1, bias=False)
        self.affine = nn.Linear(_STYLE, 4 * out)
        self.fixed = nn.Parameter(
            torch.zeros(1, out, side, side)
        )  # what has a place in the picture: the edges
        self.places = nn.Conv2d(len(LINES) + (2 * _WAVES + 2 if side <= _FINEST else 0), out, 1)
        nn.init.normal_(self.affine.weight, std=0.5 / math.sqrt(_STYLE))
        nn.init.zeros_(self.affine.bias)

    def forward(
        self,
        x: Float[Tensor, "B I h w"],
        style: Float[Tensor, "B K"],
        places: Float[Tensor, "B F H W"],
    ) -> Float[Tensor, "B O H W"]:
        scale, shift, scale_2, shift_2 = self.affine(style)[:, :, None, None].chunk(4, dim=1)
        h = F.interpolate(self.first(F.leaky_relu(x, 0.2)), scale_factor=2.0, mode="nearest")
        h = h + self.fixed.to(h.dtype) + _pointwise(self.places, places)
        h = F.leaky_relu(_modulate(h, scale, shift), 0.2)
        h = self.second(h)
        if self.third is not None:
            h = h + self.third(F.leaky_relu(h, 0.2))
        h = _modulate(h, scale_2, shift_2)
        return h + F.interpolate(_pointwise(self.shortcut, x), scale_factor=2.0, mode="bilinear")


def _pointwise(layer: nn.Conv2d, x: Float[Tensor, "B I h w"]) -> Float[Tensor, "B O h w"]:
    """A convolution of single pixels as a product of matrices: on one thread, PyTorch has no quick one."""
    rows = x.permute(0, 2, 3, 1)
    return F.linear(rows, layer.weight[:, :, 0, 0], layer.bias).permute(0, 3, 1, 2)


def _modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """FiLM, its factor kept between 0 and 2: five stages of free factors would multiply to anything."""
    # Channels alone are too short for the processor's inner loop: it is given whole rows of pixels.
    width = x.shape[3]
    factor, wide = (
        one.permute(0, 2, 3, 1).expand(-1, -1, width, -1).flatten(2) for one in (1 + torch.tanh(scale), shift)
    )
    rows = x.permute(0, 2, 3, 1).flatten(2)
    return torch.addcmul(wide, rows, factor).view(len(x), -1, width, x.shape[1]).permute(0, 3, 1, 2)


class HeadSpace(nn.Module):
    """Which point of the head is seen where, for heads that the controls have turned and placed.

    The head is an ellipsoid under orthographic view. Rays that miss it are given the point where they pass nearest,
    and by how much they miss: there lie hair, neck and shoulders.
    """

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0xFACE)
        waves = torch.randn(3, _WAVES, generator=generator)
        waves = waves * torch.logspace(0, 3.2, _WAVES, base=2.0) / waves.norm(dim=0)
        unit = torch.from_numpy(control_space.denormalise(np.ones(control_space.COUNT, dtype=np.float32)))
        self.register_buffer("waves", waves * math.pi, persistent=False)
        self.register_buffer("unit", unit, persistent=False)
        self.register_buffer("radii", torch.tensor(_RADII), persistent=False)
        self.register_buffer("middle", torch.tensor(_MIDDLE), persistent=False)
        self._places = [
            control_space.INDEX[name] for name in control_space.ROTATION + control_space.PLACEMENT
        ]

    def aim(self, controls: Float[Tensor, "B 58"]) -> tuple[Float[Tensor, "B 3 3"], Float[Tensor, "B 3"]]:
        """From picture to head: the rotation, and the head's centre and size in the picture."""
        # Coordinates need all the digits of float32, whatever precision the rest of the network has.
        values = controls.float() * self.get_buffer("unit")
        yaw, pitch, roll, x, y, scale = (values[:, i] for i in self._places)
        cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), -pitch.sin(), roll.cos(), -roll.sin()
        # R = Rz(-roll) Ry(yaw) Rx(-pitch) turns the upright head as it stands in the picture.
        rows = (
            (cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp),
            (sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp),
            (-sy, cy * sp, cy * cp),
        )
        rotation = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        centre_x, centre_y = control_space.CENTRE
        height = control_space.FACE_HEIGHT * torch.exp2(scale)
        return rotation, torch.stack([x + centre_x, y + centre_y, height], dim=1)

    def forward(
        self, aim: tuple[Float[Tensor, "B 3 3"], Float[Tensor, "B 3"]], side: int
    ) -> Float[Tensor, "B F side side"]:
        """Fourier features of what is seen at each place of a map, and by how much its ray misses the head."""
        rotation, placed = aim
        with torch.autocast(rotation.device.type, enabled=False):
            return self._seen(rotation, placed, side)

    def _seen(
        self, rotation: Float[Tensor, "B 3 3"], placed: Float[Tensor, "B 3"], side: int
    ) -> Float[Tensor, "B F side side"]:
        count = len(rotation)
        steps = (torch.arange(side, device=rotation.device, dtype=torch.float32) + 0.5) / side
        across = (steps[None] - placed[:, :1]) / placed[:, 2:]
        up = (placed[:, 1:2] - steps[None]) / placed[:, 2:]
        # Points of the picture's plane and the line of sight, in the head's axes, where the ellipsoid is a ball.
        radii, middle = self.get_buffer("radii"), self.get_buffer("middle")
        plane = (
            across[:, None, :, None] * rotation[:, 0, None, None]
            + up[:, :, None, None] * rotation[:, 1, None, None]
        )
        start = ((plane - middle) / radii).reshape(count, side * side, 3)
        sight = (rotation[:, 2] / radii)[:, None]
        a, b = (sight * sight).sum(-1), (start * sight).sum(-1)
        c = (start * start).sum(-1) - 1
        discriminant = (b * b - a * c) / a
        depth = (-b + (discriminant * a).clamp(min=0).sqrt()) / a
        point = start + depth[..., None] * sight
        miss = (-discriminant).clamp(min=0).sqrt()
        phase = (point * radii) @ self.get_buffer("waves")
        seen = torch.cat(
            [phase.sin(), phase.cos(), miss[..., None], (1 - miss[..., None]).clamp(min=0)], dim=-1
        )
        return seen.reshape(count, side, side, -1).permute(0, 3, 1, 2)


FAMILIES.add("portrait", Family(Generator, Discriminator, conditional=True, frozen=True, paired=True))

"""A pair for pictures of any size and shape, from one set of weights.

Both players are fully convolutional. The generator starts from a map with one cell for every 16 x 16 px, whose extent
decides the size of the picture: noise, and where each cell lies between the borders, so that a head sits in the middle
of a wide picture too (Xu et al. 2021, "Positional Encoding as Spatial Inductive Bias in GANs": without it the zeros
around a map are the only hint, and they reach no further than the borders). What the picture as a whole is, its latent
and its size, modulates every layer; as in StyleGAN, but with each pixel's features normalised by themselves, because
statistics over a map would change with its extent.

The discriminator looks through the frozen features of projected GAN, as family ``fast`` does, with heads that judge
every place of a map instead of a map of known sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fenshen import networks
from fenshen.media import MULTIPLE, SIDES, canvas
from fenshen.networks import FAMILIES, Drawn, Family, Features, NetworkConfig, Sizes
from fenshen.networks.efficientnet import EfficientNetLite0
from fenshen.networks.fast import CrossScaleMixing, haar

_DOUBLINGS = 4  # from a cell to its 16 x 16 px
_STYLE = 128  # numbers that modulate
_FREQUENCIES = (1, 2, 4)  # of the position between the borders, in half periods
_NEAR = 64.0  # px from a border, within which the distance is told
_PLACES = 2 * (1 + 2 * len(_FREQUENCIES)) + 4  # channels that say where a cell is
_NOISES, _TILE, _TILE_SEED = (
    4,
    32,
    0x517E,
)  # channels of noise; cells a side, after which its projections repeat
_USUAL = 64  # px of a side that is called 0
_JUDGED, _LEAST = 64, 32  # channels of a head; px of a side that the trunk is shown at least


class Generator(networks.Generator):
    """Latents to pictures of the sizes that are asked for."""

    projections: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.size = config.size
        widths = [min(config.width << (_DOUBLINGS - i), config.max_width) for i in range(_DOUBLINGS + 1)]
        self.style = nn.Sequential(
            nn.Linear(config.latent + 2, _STYLE),
            nn.LeakyReLU(0.2),
            nn.Linear(_STYLE, _STYLE),
            nn.LeakyReLU(0.2),
        )
        self.start = Modulated(nn.Conv2d(_PLACES + _NOISES, widths[0], 3, padding=1), widths[0])
        self.global_layers = nn.ModuleList(
            Modulated(nn.Conv2d(widths[0], widths[0], 3, padding=1), widths[0]) for _ in range(3)
        )
        self.stages = nn.ModuleList(
            Modulated(nn.ConvTranspose2d(i, o, 4, 2, 1), o) for i, o in pairwise(widths[:-1])
        )
        self.last = Modulated(nn.Conv2d(widths[-2], widths[-1], 3, padding=1), widths[-1], doubles=True)
        self.to_picture = nn.Conv2d(widths[-1], 3, 3, padding=1)
        numbers = torch.Generator().manual_seed(_TILE_SEED)
        rows = torch.randn(config.latent, _NOISES, _TILE, _TILE, generator=numbers)
        self.register_buffer("projections", rows / math.sqrt(config.latent), persistent=False)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B 3 H W"]:
        return self.draw(latents, controls, truncation).pictures

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: Sizes | None = None,
        sources: Float[Tensor, "B C H W"] | None = None,
    ) -> Drawn:
        """As :meth:`forward`.

        Args:
            sizes: of the pictures; squares of the network's size by default.
        """
        if sizes is None:
            sizes = torch.tensor([[self.size, self.size]]).expand(len(latents), 2)
        latents = latents * truncation
        sides = canvas(sizes.amax(0).tolist())
        cells = (sides[0] // MULTIPLE, sides[1] // MULTIPLE)
        scale = torch.log2(sizes.float() / _USUAL).to(latents.device)
        style = self.style(torch.cat([latents, scale], dim=1))
        x = self.start(
            torch.cat([places(sizes, cells).to(latents), self._noise(latents, cells)], dim=1), style
        )
        for layer in self.global_layers:
            x = (x + layer(x, style)) * 0.5**0.5
        for stage in self.stages:
            x = stage(x, style)
        x = self.last(x, style)
        return Drawn(reflected(torch.tanh(self.to_picture(x)), sizes))

    def _noise(self, latents: Float[Tensor, "B Z"], cells: Sequence[int]) -> Float[Tensor, "B N h w"]:
        """Noise of any extent: each cell's own projection of the latent, so that near latents have near noise."""
        rows, columns = (torch.arange(side, device=latents.device) % _TILE for side in cells)
        tile = torch.einsum("bz,znhw->bnhw", latents, self.projections.to(latents.dtype))
        return tile[:, :, rows[:, None], columns]


class Modulated(nn.Module):
    """Convolve, normalise every pixel's features, scale and shift them by the style."""

    def __init__(self, conv: nn.Module, width: int, doubles: bool = False) -> None:
        super().__init__()
        self.conv, self.doubles = conv, doubles
        self.change = nn.Linear(_STYLE, 2 * width)

    def forward(
        self, x: Float[Tensor, "B I h w"], style: Float[Tensor, "B style"]
    ) -> Float[Tensor, "B O H W"]:
        x = self.conv(x)
        if self.doubles:  # a bilinear one last: transposed convolutions leave a checkerboard
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        scale, shift = self.change(style)[:, :, None, None].chunk(2, dim=1)
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)
        return F.leaky_relu(x * (1 + scale) + shift, 0.2)


def places(sizes: Int[Tensor, "B 2"], cells: Sequence[int]) -> Float[Tensor, "B 18 h w"]:
    """Where cells lie: between the borders, from -1 to 1 with its waves, and how near each border is."""
    channels = []
    for axis, count in enumerate(cells):
        at = (torch.arange(count) + 0.5) * MULTIPLE  # px
        far = sizes[:, axis, None].float()  # [B, 1]
        between = 2 * at / far - 1
        waves = [f(math.pi / 2 * k * between) for k in _FREQUENCIES for f in (torch.sin, torch.cos)]
        near = [(1 - at / _NEAR).clamp(0, 1).expand_as(between), (1 - (far - at) / _NEAR).clamp(0, 1)]
        of_axis = torch.stack([between, *waves, *near], dim=1)  # [B, C, count]
        channels.append(of_axis[:, :, :, None] if axis == 0 else of_axis[:, :, None, :])
    return torch.cat([x.expand(-1, -1, *cells) for x in channels], dim=1)


def reflected(pictures: Float[Tensor, "B 3 H W"], sizes: Int[Tensor, "B 2"]) -> Float[Tensor, "B 3 H W"]:
    """Pictures of which what lies beyond their own sizes is a reflection of what lies before, as numpy pads."""
    for axis, side in ((0, pictures.shape[2]), (1, pictures.shape[3])):
        own = sizes[:, axis, None]
        if (own == side).all():
            continue
        at = torch.arange(side)
        index = torch.where(at < own, at, 2 * (own - 1) - at).to(pictures.device)  # [B, side]
        index = index[:, None, :, None] if axis == 0 else index[:, None, None, :]
        pictures = pictures.gather(2 + axis, index.expand(pictures.shape))
    return pictures


class Discriminator(networks.Discriminator):
    """Pictures to a logit for every cell of every scale, in one row, and one for the whole: [B, K]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.reduction = config.reduction
        self.trunk, self.mixing = EfficientNetLite0(), CrossScaleMixing()
        # At half the side the maps have cells of 2, 8, 16, 32 and 64 px.
        self.heads = nn.ModuleList(
            _head(width * config.packing, halvings)
            for width, halvings in ((12, 3), (_JUDGED, 1), (_JUDGED, 0), (_JUDGED, 0), (_JUDGED, 0))
        )
        self.whole = spectral_norm(nn.Linear(_JUDGED * config.packing, 1))

    def features(self, pictures: Float[Tensor, "B 3 H W"]) -> Features:
        waves = haar(pictures)
        smaller = max(min(self.reduction, min(pictures.shape[2:]) // _LEAST), 1)
        if smaller > 1:
            pictures = F.avg_pool2d(pictures, smaller)
        if torch.is_autocast_enabled(pictures.device.type):
            pictures = pictures.to(torch.get_autocast_dtype(pictures.device.type))
        return (waves.to(pictures.dtype), *self.mixing(self.trunk(pictures)))

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B K"]:
        maps = [head(torch.cat([x, _grid(x)], dim=1)) for head, x in zip(self.heads, features, strict=True)]
        # All scales count alike: the few cells of a coarse one are repeated.
        rows = [F.interpolate(x.float(), size=maps[0].shape[2:]).flatten(1) for x in maps]
        whole = self.whole(features[-1].mean((2, 3))).float()
        return torch.cat([*rows, whole.expand(-1, rows[0].shape[1])], dim=1)


def _grid(x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 4 h w"]:
    """Where a cell lies on the canvas, from -1 to 1, and its square."""
    down, across = (torch.linspace(-1 + 1 / n, 1 - 1 / n, n, device=x.device) for n in x.shape[2:])
    both = torch.stack(torch.meshgrid(down, across, indexing="ij"))
    return torch.cat([both, both.square()]).to(x.dtype).expand(len(x), -1, -1, -1)


def _head(width: int, halvings: int) -> nn.Sequential:
    """One logit for each place, after some halvings of the map."""
    layers: list[nn.Module] = []
    width += 4
    for _ in range(halvings):
        layers += [spectral_norm(nn.Conv2d(width, _JUDGED, 4, 2, 1)), nn.LeakyReLU(0.2)]
        width = _JUDGED
    layers += [spectral_norm(nn.Conv2d(width, _JUDGED, 3, padding=1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(_JUDGED, 1, 1)))


FAMILIES.add("any-size", Family(Generator, Discriminator, frozen=True, any_size=True, sizes=SIDES))

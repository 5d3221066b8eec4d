"""The family for small budgets: a light generator, and a discriminator on frozen features.

The generator follows FastGAN (Liu, Zhu, Song, Elgammal 2021): gated linear units and skip-layer excitation, by
which a small early map gates the channels of a large late one. Upsampling is by transposed convolutions, which
need four products an output where FastGAN's need nine; only the last is by interpolation, for transposed ones
leave a checkerboard there. The discriminator is projected GAN's (Sauer, Chitta, Mueller, Geiger 2021): a frozen
EfficientNet-Lite0, whose four feature maps are mixed across channels and scales by random, equally frozen
convolutions, and a small learning head on each. A fifth head sees the pixels themselves, as Haar waves.

The trunk may be shown pictures at a fraction of their side (``reduction``). At the full side it costs four times as
much and judges strokes before shapes: where pictures differ widely the generator then settles, for a laptop's
minutes, on few colours and the simplest hair. Where they are much alike, the full side draws sharper.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig
from fenshen.networks.efficientnet import STRIDES, WIDTHS, EfficientNetLite0

_MIXED = 64  # channels of every map after mixing
_SPREADS = (
    10.0,
    8.7,
    8.0,
    2.9,
)  # root mean squares of the trunk's maps on photographs, so that heads see about 1
_FROZEN_SEED = 0x5EED  # of the mixing convolutions: the same in every run, so that they need no place on disk


class Generator(networks.Generator):
    """Latents to pictures through maps of 4, 8, ... size pixels."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [4 * 2**i for i in range(config.size.bit_length() - 2)]
        widths = {side: config.channels(side) for side in sides}
        self.start = nn.Sequential(
            nn.ConvTranspose2d(config.latent, widths[4], 4, bias=False),
            nn.BatchNorm2d(widths[4]),
            nn.LeakyReLU(0.2),
        )
        self.stages = nn.ModuleList(
            _stage(widths[side // 2], widths[side], smooth=side == config.size) for side in sides[1:]
        )
        # The map of side s gates that of side 16 s (FastGAN, equation 1).
        self.gates = nn.ModuleDict(
            {str(side): SkipLayerExcitation(widths[side // 16], widths[side]) for side in sides if side >= 64}
        )
        self.to_picture = nn.Conv2d(widths[config.size], config.dimensions, 3, padding=1)
        self.apply(_initialise)

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Float[Tensor, "B C S S"]:
        x = self.start((latents * truncation)[:, :, None, None])
        maps = {4: x}
        for stage in self.stages:
            x = stage(x)
            side = x.shape[-1]
            if str(side) in self.gates:
                x = self.gates[str(side)](maps[side // 16], x)
            maps[side] = x
        return torch.tanh(self.to_picture(x))


class SkipLayerExcitation(nn.Module):
    """y = F(x_low) * x_high: channel gates for a large map, computed from a small one."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(low, high, 4),
            nn.LeakyReLU(0.1),
            nn.Conv2d(high, high, 1),
            nn.Sigmoid(),
        )

    def forward(
        self, low: Float[Tensor, "B C h w"], high: Float[Tensor, "B K H W"]
    ) -> Float[Tensor, "B K H W"]:
        return high * self.gate(low)


class Discriminator(networks.Discriminator):
    """Pictures to the logits of five heads, one a scale, in one row: [B, K]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.side = max(
            config.size // config.reduction, 32
        )  # of what the trunk is shown; below 32 its maps vanish
        self.trunk = EfficientNetLite0()
        self.mixing = CrossScaleMixing()
        self.heads = nn.ModuleList(
            [
                _head(config.size // 2, 4 * config.dimensions * config.packing),
                *(_head(self.side // stride, _MIXED * config.packing) for stride in STRIDES),
            ]
        )

    def features(self, pictures: Float[Tensor, "B C S S"]) -> Features:
        waves = haar(pictures)
        if pictures.shape[-1] != self.side:
            pictures = F.avg_pool2d(pictures, pictures.shape[-1] // self.side)
        if pictures.shape[1] == 1:
            pictures = pictures.expand(-1, 3, -1, -1)  # the trunk knows colours only
        if torch.is_autocast_enabled(pictures.device.type):
            pictures = pictures.to(torch.get_autocast_dtype(pictures.device.type))
        return (waves.to(pictures.dtype), *self.mixing(self.trunk(pictures)))

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B K"]:
        logits = [head(x).flatten(1) for head, x in zip(self.heads, features, strict=True)]
        return torch.cat(logits, dim=1).float()


def haar(pictures: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 4*C h w"]:
    """The mean and the three differences of every square of 2 x 2 pixels: an invertible view at half the size.

    The trunk was trained on photographs and is blind to patterns of a pixel or two, such as the checkerboard that
    transposed convolutions leave; here they fill whole channels.
    """
    a, b = pictures[..., 0::2, :], pictures[..., 1::2, :]
    low, high = (a + b) / 2, (a - b) / 2
    parts = [(x[..., 0::2] + sign * x[..., 1::2]) / 2 for x in (low, high) for sign in (1, -1)]
    return torch.cat(parts, dim=1).contiguous(memory_format=torch.channels_last)


class CrossScaleMixing(nn.Module):
    """Random 1x1 convolutions mix each map's channels; random 3x3 ones carry coarse maps into finer ones.

    Random projections keep all information and stop the heads from leaning on a few features (section 3.2 of the
    paper). They are drawn from a fixed seed and never learn.
    """

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(_FROZEN_SEED)
        for i, width in enumerate(WIDTHS):
            across = torch.randn(_MIXED, width, 1, 1, generator=generator) * (1 / width) ** 0.5
            down = torch.randn(_MIXED, _MIXED, 3, 3, generator=generator) * (2 / (9 * _MIXED)) ** 0.5
            self.register_buffer(f"across{i}", across, persistent=False)
            self.register_buffer(f"down{i}", down, persistent=False)

    def forward(self, maps: Features) -> Features:
        mixed: list[Tensor] = []
        above = None
        for i in reversed(range(len(maps))):
            x = F.conv2d(maps[i] / _SPREADS[i], self._weight(f"across{i}", maps[i]))
            if above is not None:
                x = (x + F.interpolate(above, size=x.shape[2:], mode="nearest")) * 0.5**0.5
            x = F.conv2d(x, self._weight(f"down{i}", x), padding=1)
            above = x
            mixed.append(x)
        return tuple(reversed(mixed))

    def _weight(self, name: str, like: Tensor) -> Tensor:
        return self.get_buffer(name).to(like.dtype)


def _stage(width: int, out: int, smooth: bool) -> nn.Sequential:
    """Double the side, by a transposed convolution or by a convolution and interpolation."""
    double: list[nn.Module] = (
        [nn.Conv2d(width, out, 3, padding=1, bias=False), nn.Upsample(scale_factor=2.0, mode="bilinear")]
        if smooth
        else [nn.ConvTranspose2d(width, out, 4, 2, 1, bias=False)]
    )
    return nn.Sequential(*double, nn.BatchNorm2d(out), nn.LeakyReLU(0.2))


def _head(side: int, width: int) -> nn.Sequential:
    """Halve the map until it is 4 px high, then one logit for each of its places."""
    layers: list[nn.Module] = []
    while side > 4:
        layers += [spectral_norm(nn.Conv2d(width, _MIXED, 4, 2, 1)), nn.LeakyReLU(0.2)]
        width, side = _MIXED, side // 2
    layers += [spectral_norm(nn.Conv2d(width, 1, 4 if side == 4 else 1))]
    return nn.Sequential(*layers)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=1.0)


FAMILIES.add("fast", Family(Generator, Discriminator, frozen=True, grey=True))

"""A discriminator for any generator: the same patch network at three scales (Wang et al. 2018, pix2pixHD, section 3.2).

The one that sees the full size judges texture, the one at a quarter judges the whole. Take it with
``discriminator: multi-scale``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fenshen import networks
from fenshen.networks import FAMILIES, Family, Features, NetworkConfig

_SCALES = 3
_SMALLEST = 8  # px of a picture that is still judged
_LAYERS = 3  # that halve the side; so a logit sees 38 px


class Discriminator(networks.Discriminator):
    """Pictures to the logits of overlapping patches, at the full side, half and a quarter, in one row: [B, K]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides = [config.size >> i for i in range(_SCALES) if config.size >> i >= _SMALLEST]
        self.scales = nn.ModuleList(
            _patches(3 * config.packing, config.width, config.max_width, side) for side in sides
        )

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B K"]:
        pictures, maps = features[0], list[Tensor]()
        for judge in self.scales:
            maps.append(judge(pictures).float())
            pictures = F.avg_pool2d(pictures, 2)
        # All scales count alike: the few patches of a small one are repeated.
        return torch.cat([F.interpolate(x, size=maps[0].shape[2:]).flatten(1) for x in maps], dim=1)


def _patches(channels: int, width: int, most: int, side: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(min(_LAYERS, side.bit_length() - 3)):  # down to 4 px at least
        layers += [spectral_norm(nn.Conv2d(channels, width, 4, 2, 1)), nn.LeakyReLU(0.2)]
        channels, width = width, min(2 * width, most)
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 3, padding=1)))


FAMILIES.add("multi-scale", Family(None, Discriminator, any_size=True))

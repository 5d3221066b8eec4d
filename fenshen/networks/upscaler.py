"""Twice the side in one pass of a few thin convolutions: what is drawn at 128 pixels, shown at 256.

Sub-pixel convolution (Shi et al. 2016) over a stack as thin as real time wants: the network adds to the bilinear
picture what its surroundings say is missing. ``scripts/make_upscaler.py`` taught it on drawn humans, softened, and on
the base model's pictures of them, without an adversary: it cleans edges and invents nothing.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from fenshen import assets
from fenshen.networks import place

FILE = "upscaler.safetensors"
_WIDTH, _DEPTH = 24, 6


class Upscaler(nn.Module):
    """RGB pictures in [-1, 1] to pictures of twice the side, in about [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, _WIDTH, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1) for _ in range(_DEPTH))
        self.last = nn.Conv2d(_WIDTH, 12, 3, padding=1)

    @classmethod
    def load(cls) -> Upscaler:
        """With the weights that come with Fenshen."""
        network = cls()
        network.load_state_dict({name: value.float() for name, value in load_file(assets.path(FILE)).items()})
        return place(network, "cpu").eval().requires_grad_(False)

    def forward(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 2*H 2*W"]:
        x = F.leaky_relu(self.first(pictures), 0.1)
        for conv in self.middle:
            x = F.leaky_relu(conv(x), 0.1)
        missing = F.pixel_shuffle(self.last(x), 2)
        return missing + F.interpolate(pictures, scale_factor=2.0, mode="bilinear", align_corners=False)

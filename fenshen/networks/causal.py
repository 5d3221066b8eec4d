"""Sequences to sequences that follow them at once: convolutions over the past and a moment of what is to come.

Dilated convolutions as in :mod:`fenshen.networks.temporal`, but padded on the left (van den Oord et al. 2016, WaveNet):
only the first layers look ahead, by :data:`AHEAD` steps in all. So a sound can be followed while it is heard.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.data.sequences import SEQUENCES
from fenshen.networks import FAMILIES, Family, NetworkConfig, Translator
from fenshen.networks.gru import SIZES
from fenshen.networks.temporal import Discriminator

_KERNEL = 5
_LAYERS = (
    (1, 2),
    (1, 2),
    (1, 1),
    (2, 0),
    (2, 0),
    (4, 0),
    (8, 0),
)  # how far its steps lie apart; how many are ahead
AHEAD = sum(ahead for _, ahead in _LAYERS)
REACH = sum((_KERNEL - 1) * apart for apart, _ in _LAYERS) - AHEAD  # steps of the past that are seen


class Generator(Translator):
    """Sources to sequences of as many steps.

    What comes out is not squashed: numbers that mostly rest at -1, as a mouth's, would be stuck where a tanh is flat.
    """

    multiple = 1

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.input = nn.Conv1d(config.sources, config.width, 1)
        self.layers = nn.Sequential(*(Layer(config.width, apart, ahead) for apart, ahead in _LAYERS))
        self.out = nn.Conv1d(config.width, config.dimensions, 1)

    def translate(self, sources: Float[Tensor, "B T C"]) -> Float[Tensor, "B T F"]:
        x = self.layers(self.input(sources.transpose(1, 2)))
        return self.out(x).float().transpose(1, 2)


class Layer(nn.Module):
    """x + C2(act(C1(act(x)))), with C1 over five steps of which the last lies ``ahead`` of the one that is made."""

    def __init__(self, width: int, apart: int, ahead: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(width, width, _KERNEL, dilation=apart)
        self.mix = nn.Conv1d(width, width, 1)
        self.padding = ((_KERNEL - 1) * apart - ahead, ahead)

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        seen = F.pad(F.leaky_relu(x, 0.2), self.padding)
        return x + self.mix(F.leaky_relu(self.wide(seen), 0.2))


FAMILIES.add("causal", Family(Generator, Discriminator, medium=SEQUENCES, translates=True, sizes=SIZES))

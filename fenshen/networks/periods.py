"""A discriminator of sounds: what returns after some samples, and what a spectrogram looks like.

The first is HiFi-GAN's multi-period discriminator (Kong et al. 2020, section 2.3): samples are laid out in rows of p,
and columns are looked along. The second is UnivNet's multi-resolution one (Jang et al. 2021, section 2.2): magnitudes
at several resolutions. Both are as narrow as a CPU needs them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from fenshen import networks
from fenshen.networks import Features, NetworkConfig

_PERIODS = (2, 5, 11)
_WINDOWS = (512, 1024)  # samples; hops are a quarter
_CHANNELS = 12
_FLOOR = 1e-4


class Discriminator(networks.Discriminator):
    """Sounds to the logits of overlapping stretches, of every period and resolution, in one row: [B, K]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = max(round(_CHANNELS * config.width_d), 4)
        self.periods = nn.ModuleList(_columns(config.packing, width) for _ in _PERIODS)
        self.spectra = nn.ModuleList(_pictures(config.packing, width) for _ in _WINDOWS)

    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B K"]:
        sounds = features[0].float()
        rows = []
        for period, judge in zip(_PERIODS, self.periods, strict=True):
            whole = F.pad(sounds, (0, -sounds.shape[-1] % period))
            rows.append(judge(whole.reshape(*whole.shape[:2], -1, period)).flatten(1))
        for window, judge in zip(_WINDOWS, self.spectra, strict=True):
            rows.append(judge(_levels(sounds, window)).flatten(1))
        # All count alike: the few logits of one are repeated.
        most = max(row.shape[1] for row in rows)
        return torch.cat([F.interpolate(row[:, None], size=most)[:, 0] for row in rows], dim=1)


def _levels(sounds: Float[Tensor, "B C S"], window: int) -> Float[Tensor, "B C F T"]:
    spectra = torch.stft(
        sounds.flatten(0, 1),
        window,
        window // 4,
        window=torch.hann_window(window, device=sounds.device),
        return_complex=True,
    )
    power = spectra.real.square() + spectra.imag.square()
    return (power + _FLOOR).log().div(2).reshape(*sounds.shape[:2], *power.shape[1:])


def _columns(channels: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for made in (width, 2 * width, 4 * width, 4 * width):
        layers += [weight_norm(nn.Conv2d(channels, made, (5, 1), (3, 1), (2, 0))), nn.LeakyReLU(0.1)]
        channels = made
    return nn.Sequential(*layers, weight_norm(nn.Conv2d(channels, 1, (3, 1), padding=(1, 0))))


def _pictures(channels: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for made, stride in ((width, (4, 1)), (width, (2, 2)), (2 * width, (2, 2)), (2 * width, (2, 1))):
        layers += [weight_norm(nn.Conv2d(channels, made, (5, 3), stride, (2, 1))), nn.LeakyReLU(0.1)]
        channels = made
    return nn.Sequential(*layers, weight_norm(nn.Conv2d(channels, 1, 3, padding=1)))

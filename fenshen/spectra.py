"""Short-time spectra: one frame every 256 samples of 24 kHz, the same for networks, losses and pictures.

Frames stand in the middle of their samples (HiFi-GAN's way), so a sound of 256 T samples has exactly T of them.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

HOP = 256  # samples
WINDOW = 1024
BINS = WINDOW // 2 + 1
MELS = 80
_RATE = 24000
_FLOOR = 1e-5  # of a magnitude in a logarithm
_EDGE = (WINDOW - HOP) // 2


def stft(sounds: Float[Tensor, "B S"]) -> Tensor:
    """Complex spectra [B, 513, T] of sounds of 256 T samples, through a Hann window."""
    padded = F.pad(
        sounds[:, None], (_EDGE, _EDGE), mode="reflect" if sounds.shape[-1] > _EDGE else "constant"
    )[:, 0]
    window = torch.hann_window(WINDOW, device=sounds.device)
    return torch.stft(padded, WINDOW, HOP, window=window, center=False, return_complex=True)


def istft(spectra: Tensor) -> Float[Tensor, "B S"]:
    """The inverse of :func:`stft`: frames are windowed once more and added, over the sum of squared windows."""
    frames = spectra.shape[-1]
    window = torch.hann_window(WINDOW, device=spectra.device)
    parts = torch.fft.irfft(spectra, WINDOW, dim=1) * window[:, None]
    added, weight = (
        _overlapped(x, frames) for x in (parts, window.square()[None, :, None].expand(1, -1, frames))
    )
    return added / weight.clamp(min=1e-8)


def _overlapped(parts: Float[Tensor, "B W T"], frames: int) -> Float[Tensor, "B S"]:
    length = (frames - 1) * HOP + WINDOW
    added = F.fold(parts, (1, length), (1, WINDOW), stride=(1, HOP))
    return added[:, 0, 0, _EDGE : length - _EDGE]


def log_mel(sounds: Float[Tensor, "B S"]) -> Float[Tensor, "B 80 T"]:
    """Natural logarithms of the magnitudes in 80 bands of equal width on Slaney's mel scale, up to 12 kHz."""
    magnitudes = stft(sounds).abs()
    return torch.matmul(bands(magnitudes.device), magnitudes).clamp(min=_FLOOR).log()


def decibels(sounds: Float[Tensor, "B S"]) -> Float[Tensor, "B 513 T"]:
    """Levels of the spectra, for the eye."""
    whole = F.pad(sounds, (0, -sounds.shape[-1] % HOP))
    return 20 * stft(whole).abs().clamp(min=_FLOOR).log10()


@cache
def bands(device: torch.device) -> Float[Tensor, "80 513"]:
    """Triangles over the bins, each of area 1 (Slaney 1998): linear below 1 kHz, logarithmic above it."""
    edges = [_hertz(i * _mel(_RATE / 2) / (MELS + 1)) for i in range(MELS + 2)]
    at = torch.linspace(0, _RATE / 2, BINS)
    rows = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        rise, fall = (at - low) / (middle - low), (high - at) / (high - middle)
        rows.append(torch.minimum(rise, fall).clamp(min=0) * 2 / (high - low))
    return torch.stack(rows).to(device)


def _mel(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _hertz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)

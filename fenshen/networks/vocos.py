"""Sounds from spectra: frames in, frames out, and an inverse Fourier transform that makes samples of them.

After Siuzdak 2023 (Vocos, section 3): ConvNeXt blocks (Liu et al. 2022) at the rate of the frames, nowhere faster, and
a head of magnitudes and phases, as iSTFTNet has at its end (Kaneko et al. 2022). So a second of sound costs 94 steps of
the network instead of 24,000, which is what makes it quick on a CPU.

``vocos`` is given mel spectra and makes the sound from nothing. ``spectral`` is given a damaged sound, and corrects its
spectra: it begins with what it is given.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.data.sound_damage import TASKS
from fenshen.data.sounds import SOUNDS
from fenshen.networks import FAMILIES, Family, NetworkConfig, Translator
from fenshen.networks.periods import Discriminator
from fenshen.spectra import BINS, HOP, istft, stft

_BLOCKS = 6
_WIDER = 3  # times, within a block
_LOUDEST = 6.0  # e to this, of a magnitude
_PLACES = 16  # of a frame, at which it is told how much is missing
_FADE = 24  # samples around a gap over which what was made fades in


class Block(nn.Module):
    """x + f(x): a convolution over time, channel by channel; then two layers of each frame by itself (ConvNeXt)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.around = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, _WIDER * width)
        self.narrow = nn.Linear(_WIDER * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1 / _BLOCKS))

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        y = self.norm(self.around(x).transpose(1, 2))
        return x + (self.scale * self.narrow(F.gelu(self.wide(y)))).transpose(1, 2)


class Frames(nn.Module):
    """Frames to frames of another number of channels."""

    def __init__(self, given: int, width: int, made: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(given, width, kernel, padding=kernel // 2)
        self.before = nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(_BLOCKS)))
        self.after = nn.LayerNorm(width)
        self.last = nn.Linear(width, made)

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D T"]:
        x = self.before(self.first(x).transpose(1, 2)).transpose(1, 2)
        return self.last(self.after(self.blocks(x).transpose(1, 2))).transpose(1, 2)


class Vocoder(Translator):
    """Mel spectra, natural logarithms of magnitudes, to sound: 256 samples a frame."""

    multiple = 1

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frames = Frames(config.sources, config.width, 2 * BINS, 7)

    def translate(self, sources: Float[Tensor, "B C T"]) -> Float[Tensor, "B 1 S"]:
        level, phase = self.frames(sources).float().chunk(2, dim=1)
        magnitude = level.clamp(max=_LOUDEST).exp()
        return istft(torch.polar(magnitude, phase))[:, None]


class Mender(Translator):
    """Damaged sounds to sounds: the six channels of :mod:`fenshen.data.sound_damage`, of 256 T samples.

    Spectra are compressed to the square root of their magnitude, Z = X / |X|^(1/2), in which soft partials count beside
    loud ones. The network makes a complex mask M and a complex addition C for every bin: Z' = Z (1 + M) + C. Where the
    task says that all else is good, only what is missing is replaced.
    """

    multiple = HOP

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frames = Frames(3 * BINS + _PLACES + len(TASKS), config.width, 4 * BINS, 1)
        for parameter in self.frames.last.parameters():
            nn.init.zeros_(parameter)  # so that it begins with the sound that it is given

    def translate(self, sources: Float[Tensor, "B C S"]) -> Float[Tensor, "B 1 S"]:
        given, missing = sources[:, 0], sources[:, 1]
        spectra = stft(given)
        root = (spectra.real.square() + spectra.imag.square() + 1e-12).pow(0.25)  # of the magnitude
        z = torch.stack([spectra.real, spectra.imag], 1) / root[:, None]  # (B, 2, F, T)
        told = F.avg_pool1d(missing[:, None], HOP // _PLACES)
        told = told.reshape(len(given), -1, _PLACES).transpose(1, 2)
        tasks = F.avg_pool1d(sources[:, 2:], HOP)
        seen = torch.cat([z.flatten(1, 2), 2 * root.log(), told, tasks], dim=1)
        mask, more = self.frames(seen).float().unflatten(1, (2, 2, BINS)).unbind(1)
        real = z[:, 0] * (1 + mask[:, 0]) - z[:, 1] * mask[:, 1] + more[:, 0]
        imaginary = z[:, 1] * (1 + mask[:, 0]) + z[:, 0] * mask[:, 1] + more[:, 1]
        size = (real.square() + imaginary.square() + 1e-12).sqrt()
        made = istft(torch.complex(real * size, imaginary * size))
        return (given + _shares(sources) * (made - given))[:, None]


def _shares(sources: Float[Tensor, "B C S"]) -> Float[Tensor, "B S"]:
    """How much of what was made is taken: all of it, or where only some is missing that, with soft edges at gaps."""
    missing, tasks = sources[:, 1], sources[:, 2:]
    gaps, clipped = (tasks[:, TASKS.index(name)] for name in ("gaps", "declip"))
    wide = F.max_pool1d(missing[:, None], _FADE + 1, 1, _FADE // 2)
    soft = F.avg_pool1d(wide, _FADE + 1, 1, _FADE // 2)[:, 0]
    return 1 - gaps - clipped + gaps * soft + clipped * missing


FAMILIES.add(
    "vocos",
    Family(Vocoder, Discriminator, medium=SOUNDS, translates=True, coarse=HOP, sizes=(16, 1024)),
)
FAMILIES.add("spectral", Family(Mender, Discriminator, medium=SOUNDS, translates=True, sizes=(16, 1024)))

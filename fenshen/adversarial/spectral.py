"""How far the spectra of two sounds are apart, at several resolutions: a loss, and what results are measured by."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_WINDOWS = (512, 1024, 2048)  # samples; hops are a quarter
_FLOOR = 1e-3  # of a magnitude in a logarithm: some 90 dB below the loudest of speech


def stft_distance(fake: Float[Tensor, "B S"], real: Float[Tensor, "B S"]) -> Float[Tensor, ""]:
    """Multi-resolution STFT distance (Yamamoto et al. 2020, Parallel WaveGAN, equations 3 to 6).

    Mean over resolutions of || |X| - |Y| || / || |X| ||, which peaks rule, plus mean | ln |X| - ln |Y| |, in which soft
    partials count like loud ones; X of the real sound, Y of the fake, norms over each whole sound.
    """
    terms = []
    for window in _WINDOWS:
        y, x = (_magnitudes(sounds.float(), window) for sounds in (fake, real))
        peaks = (x - y).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1).clamp(min=1.0)
        terms.append(peaks.mean() + (x.log() - y.log()).abs().mean())
    return torch.stack(terms).mean()


def _magnitudes(sounds: Float[Tensor, "B S"], window: int) -> Float[Tensor, "B F T"]:
    shape = torch.hann_window(window, device=sounds.device)
    spectra = torch.stft(sounds, window, window // 4, window=shape, return_complex=True)
    return (spectra.real.square() + spectra.imag.square() + _FLOOR**2).sqrt()

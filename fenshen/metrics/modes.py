"""How much of a known mixture a generator found: modes, good samples, reverse KL.

As Lin et al. 2018 (PacGAN, section 4) and their code count them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from fenshen.data.points import GOOD, Mixture


class ModeCounts(NamedTuple):
    """What was found.

    Attributes:
        modes: with at least one good sample.
        good: share of samples within three standard deviations of a mode.
        reverse_kl: KL divergence of the good samples' modes from the uniform distribution, in nats; the most that is
            possible, that of a single mode, if there are none.
    """

    modes: int
    good: float
    reverse_kl: float


def count_modes(points: Float[ndarray, "N 2"], mixture: Mixture) -> ModeCounts:
    """Count the modes among points; 2,500 points are usual."""
    nearest, apart = mixture.nearest(points)
    counts = np.bincount(nearest[apart < GOOD], minlength=len(mixture.means))
    return ModeCounts(int((counts > 0).sum()), float((apart < GOOD).mean()), reverse_kl(counts))


def reverse_kl(counts: Int[ndarray, "M"]) -> float:
    """KL(q || uniform) = sum_i q_i log(M q_i), with q_i the share of mode i, in nats; log M of no samples."""
    if not counts.sum():
        return float(np.log(len(counts)))
    share = counts[counts > 0] / counts.sum()
    return float((share * np.log(share * len(counts))).sum())

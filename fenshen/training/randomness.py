"""The random numbers of training: each a function of the seed, a stream and the number of a move.

Every process draws the numbers of the whole batch and works with its own part. A resumed run and a run on two
processes therefore see the same numbers.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """Independent streams of random numbers."""

    LATENTS = 10
    AUGMENT_REAL = 11
    AUGMENT_FAKE = 12
    MIX = 13
    NOISE_REAL = 14
    NOISE_FAKE = 15


def generator(seed: int, stream: Stream, move: int) -> torch.Generator:
    """The generator of one stream's numbers for one move."""
    (mixed,) = np.random.SeedSequence((seed, stream, move)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed) >> 1)

"""The audible label of sound that has no picture: the rhythm of "AI" in Morse code, short long, short short.

China's rule asks for it, or for spoken words, at the start, the end or within (GB 45438-2025, 5.3).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

_UNIT = 0.07  # seconds of a short tone and of the pause after it; Morse's long is three, between letters too
_SIGNS = ((1, 1), (3, 3), (1, 1), (1, 5))  # units of tone and of the silence after it
_PITCH = 880.0  # hertz
_LEVEL = 0.12  # of full scale: heard, and softer than speech
_EDGE = 0.008  # seconds in which a tone swells and fades, without a click


def sounded(rate: int) -> Float32[ndarray, "samples"]:
    """The rhythm, one second long.

    Args:
        rate: samples a second.
    """
    pieces = []
    for tone, silence in _SIGNS:
        time = np.arange(round(tone * _UNIT * rate)) / rate
        edge = np.minimum(time, time[::-1]) / _EDGE
        pieces.append(_LEVEL * np.sin(2 * np.pi * _PITCH * time) * np.clip(edge, 0, 1))
        pieces.append(np.zeros(round(silence * _UNIT * rate)))
    return np.concatenate(pieces).astype(np.float32)

"""Mouth movement from a voice recording without a transcript, by a network that learnt it from spoken sentences.

The network (recipe ``lips``, data ``talking:N``) hears a tenth of a second ahead and no further, knows no language and
no voice, and moves the controls that visemes move; the rest of the face idles.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import audio, controls
from fenshen.controls import INDEX
from fenshen.motion import hearing
from fenshen.motion.idle import idle
from fenshen.motion.track import Track, at, check_rate
from fenshen.motion.visemes import of_mouth, shape

if TYPE_CHECKING:
    from fenshen.model import Model

NAME = "lips"  # of the model among those that come with Fenshen
_SEALED = 0.15, 0.25  # how likely a closure is where lips begin to close, and where they are closed
_BLOCK = 3000  # frames that are followed at once: an hour does not fit into memory


def from_audio(
    samples: Float[ndarray, "samples"],
    sample_rate: int,
    *,
    rate: float = 25.0,
    seed: int = 0,
    start: float = 0.0,
) -> Track:
    """The movement of a face that makes this sound; in silence, idle movement only.

    Args:
        samples: mono, in [-1, 1].
        sample_rate: samples a second.
        rate: frames a second, from 1 to 240.
        seed: random seed of the idle movement.
        start: seconds of idle movement that precede it.

    Raises:
        UsageError: the frame rate is out of range.
    """
    check_rate(rate)
    count = max(1, round(len(samples) / sample_rate * rate))
    resting = idle(count / rate, rate, seed, start=start)
    if audio.is_silent(samples, sample_rate):
        return resting
    at_rate = samples if sample_rate == audio.RATE else audio.resampled(samples, audio.RATE / sample_rate)
    level = audio.normalised(at_rate, audio.RATE)
    made = np.zeros((count, controls.COUNT), np.float32)
    mouth = follow(hearing.heard(hearing.power(np.pad(level, (0, audio.RATE // hearing.FRAMES)))))
    made[:, of_mouth()] = at(mouth, (np.arange(count) + 0.5) * (hearing.FRAMES / rate) - 0.5)
    return (Track(made, rate) + resting).clipped()


def follow(heard: Float[ndarray, "T 80"], model: Model | None = None) -> Float[ndarray, "T F"]:
    """The mouth's controls, fifty times a second, for what is heard (:mod:`fenshen.motion.hearing`).

    A frame depends on what was heard up to 120 ms after its middle, and on the three seconds before.

    Args:
        model: another one of recipe ``lips``.
    """
    from fenshen.networks.causal import AHEAD, REACH

    network = model or _network()
    parts = []
    for first in range(0, len(heard), _BLOCK):
        begin = max(first - REACH, 0)
        made = network.translate(heard[None, begin : first + _BLOCK + AHEAD])[0]
        parts.append(made[first - begin :][:_BLOCK])
    return _sealed(np.concatenate(parts))


def _sealed(mouth: Float[ndarray, "T F"]) -> Float[ndarray, "T F"]:
    """Lips that are likely to be closed are closed: half closed is what they never are.

    The network was taught with squares, so how far it presses the lips together is how likely it finds that they are.
    """
    closed = shape("PP")[of_mouth()]
    pressed = int(of_mouth()[: INDEX["mouthPressLeft"]].sum())
    likely = mouth[:, pressed] / closed[pressed]
    low, high = _SEALED
    seal = np.clip((likely - low) / (high - low), 0, 1)[:, None]
    return (mouth * (1 - seal) + closed * seal).astype(np.float32)


@cache
def _network() -> Model:
    from fenshen.model import Model

    return Model.load(NAME)

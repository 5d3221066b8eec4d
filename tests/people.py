"""Faces for tests: digital humans, drawn with exact labels, and one photograph that is in the public domain."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from fenshen import controls, video
from fenshen.humans import sample
from fenshen.motion.speech import Speech
from fenshen.motion.talk import talk
from fenshen.motion.track import Track

_MISSING = [name for name in ("anny", "moderngl", "scipy") if importlib.util.find_spec(name) is None]
NO_HUMANS = f"the extra humans is not installed: {', '.join(_MISSING)}" if _MISSING else None
needs_humans = pytest.mark.skipif(NO_HUMANS is not None, reason=NO_HUMANS or "")
NO_ESPEAK = None if importlib.util.find_spec("espeakng_loader") else "the extra espeak is not installed"
needs_espeak = pytest.mark.skipif(NO_ESPEAK is not None, reason=NO_ESPEAK or "")
UNALIKE = (15, 7, 10)  # seeds of people whom the identity network tells apart


@cache
def portrait(seed: int, size: int = 384, **values: float) -> np.ndarray:
    """A digital human's picture, under these controls."""
    from fenshen.humans.render import render

    picture = render(sample(seed), controls.vector(values), size=size).picture
    picture.flags.writeable = False
    return picture


def photograph() -> np.ndarray:
    """A photograph of one person who looks about into the camera: scikit-image's astronaut, by NASA."""
    from skimage.data import astronaut

    return astronaut()


class Talking(NamedTuple):
    """A film of somebody who speaks, and what is said and shown in it."""

    film: Path
    speech: Speech
    track: Track


def talking(path: Path, seed: int = 12) -> Talking:
    """Film a digital human who says a sentence with eSpeak's voice, turns and blinks."""
    from fenshen.humans.render import render

    speech, track = talk("My mother bought a big blue boat.", engine="espeak", seed=6)
    turns = np.sin(np.arange(len(track)) / 8)[:, None] * controls.vector(yaw=0.1)
    track = Track(track.controls + turns, track.rate)
    pictures = (render(sample(seed), values, size=256).picture for values in track.controls)
    video.write(path, pictures, track.rate, audio=(speech.samples, speech.sample_rate))
    return Talking(path, speech, track)

"""Movement by a model that learnt it: from any frame on, for any time."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.data.tracks import RATE, TRACKS, decode, squeezed
from fenshen.errors import FenshenError
from fenshen.model import Model
from fenshen.motion.track import Track, frames_of
from fenshen.networks.latents import draw_latents
from fenshen.networks.nextframe import PAST, Generator

_FADE = 0.4  # seconds in which what is no possible control is gone


@torch.inference_mode()
def learnt(model: Model, seconds: float, seed: int, *, start: Float[ndarray, "58"] | None = None) -> Track:
    """Movement as offsets from the face at rest, at 25 frames a second.

    A longer track of the same seed begins with the shorter one.

    Args:
        model: of the family ``next-frame``.
        seconds: duration; at least one frame is returned.
        start: the first frame, exactly; at rest if None. May be an offset that is no possible control: what is beyond
            them fades.

    Raises:
        FenshenError: the model knows of no movement.
    """
    generator = model.generator
    if model.card.network.medium is not TRACKS or not isinstance(generator, Generator):
        raise FenshenError("motion.no_movement", path=model.path)
    numbers = torch.Generator().manual_seed(seed)
    given = control_space.NEUTRAL if start is None else start.astype(np.float32)
    possible = control_space.clip(given)
    seen = squeezed(torch.from_numpy(control_space.normalise(possible))[None]).to(model.device)
    count, state, parts = frames_of(seconds, RATE), None, list[ndarray]()
    # Always whole windows: sums of other lengths round otherwise, and a longer track must begin with the shorter one.
    while sum(map(len, parts)) < count:
        noise = generator.noise_of(draw_latents(model.card.network, 1, numbers).to(model.device))
        if state is None:
            _, state = generator.begin(noise[:, :PAST], seen)
            parts.append(possible[None])
        noise = noise[:, PAST:]
        frames, state = generator.go_on(state, noise)
        parts.append(decode(frames)[0])
    since = np.arange(count)[:, None] / (_FADE / 4 * RATE)
    beyond = (given - possible) * (1 + since) * np.exp(-since)
    return Track((np.concatenate(parts)[:count] + beyond).astype(np.float32), RATE)

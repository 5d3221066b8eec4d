"""Adversarial losses: pure functions of logits, one pair a loss.

``real`` and ``fake`` are a discriminator's raw outputs [B, K], before any sigmoid; D(x) in an equation means
sigmoid(logit). Every function returns the mean over all logits. Both players minimise their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fenshen.registry import Registry

Logits = Float[Tensor, "B K"]
Scalar = Float[Tensor, ""]


def bce_discriminator(real: Logits, fake: Logits) -> Scalar:
    """L_D = -[log D(x) + log(1 - D(G(z)))], Goodfellow et al. 2014, equation 1.

    softplus(-l) = -log sigmoid(l), and softplus(l) = -log(1 - sigmoid(l)), without overflow.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating_generator(real: Logits, fake: Logits) -> Scalar:
    """L_G = -log D(G(z)), Goodfellow et al. 2014, section 3: strong gradients where D wins."""
    return F.softplus(-fake).mean()


def minimax_generator(real: Logits, fake: Logits) -> Scalar:
    """L_G = log(1 - D(G(z))), the literal minimax game of equation 1; its gradient fades where D wins."""
    return -F.softplus(fake).mean()


def least_squares_discriminator(real: Logits, fake: Logits) -> Scalar:
    """L_D = 1/2 [(l(x) - 1)^2 + l(G(z))^2], Mao et al. 2017, equation 9."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def least_squares_generator(real: Logits, fake: Logits) -> Scalar:
    """L_G = 1/2 (l(G(z)) - 1)^2, Mao et al. 2017, equation 9."""
    return 0.5 * (fake - 1).square().mean()


def hinge_discriminator(real: Logits, fake: Logits) -> Scalar:
    """L_D = max(0, 1 - l(x)) + max(0, 1 + l(G(z))), Lim, Ye 2017; Miyato et al. 2018, equation 16."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def linear_generator(real: Logits, fake: Logits) -> Scalar:
    """L_G = -l(G(z)), of the hinge and the Wasserstein game (Miyato et al. 2018, equation 17)."""
    return -fake.mean()


def wasserstein_discriminator(real: Logits, fake: Logits) -> Scalar:
    """L_D = l(G(z)) - l(x), Arjovsky et al. 2017; needs a gradient penalty or clipping."""
    return fake.mean() - real.mean()


def relativistic_discriminator(real: Logits, fake: Logits) -> Scalar:
    """L_D = softplus(l(G(z)) - l(x)) over pairs, Jolicoeur-Martineau 2019; Huang et al. 2024, equation 2."""
    return F.softplus(fake - real).mean()


def relativistic_generator(real: Logits, fake: Logits) -> Scalar:
    """L_G = softplus(l(x) - l(G(z))) over the same pairs."""
    return F.softplus(real - fake).mean()


class Loss(NamedTuple):
    """The losses of both players, functions of real and fake logits. Most generators' losses use the fake ones only."""

    discriminator: Callable[[Logits, Logits], Scalar]
    generator: Callable[[Logits, Logits], Scalar]


LOSSES: Registry[Loss] = Registry("loss")
LOSSES.add("non_saturating", Loss(bce_discriminator, non_saturating_generator))
LOSSES.add("minimax", Loss(bce_discriminator, minimax_generator))
LOSSES.add("least_squares", Loss(least_squares_discriminator, least_squares_generator))
LOSSES.add("hinge", Loss(hinge_discriminator, linear_generator))
LOSSES.add("wasserstein", Loss(wasserstein_discriminator, linear_generator))
LOSSES.add("relativistic", Loss(relativistic_discriminator, relativistic_generator))


def total(loss_g: Scalar, loss_d: Scalar, weight: float) -> Scalar:
    """L_total = L_G + lambda L_D: a number to watch. Nobody minimises it, because the players are opponents."""
    return torch.as_tensor(loss_g + weight * loss_d)

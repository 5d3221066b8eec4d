"""Losses of a drawn picture against the very picture it should be: for pictures whose labels are known.

A generator that is given who and how can be shown what is wrong at every pixel, which teaches it far faster than a
discriminator does. What pixels alone leave blurred, frozen features see.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_SCALES = (1, 2, 4, 8)
_WINDOW = 7  # side of the squares of structural similarity


def multiscale_l1(
    fake: Float[Tensor, "B C *S"],
    real: Float[Tensor, "B C *S"],
    weight: Float[Tensor, "B 1 *S"] | None = None,
) -> Float[Tensor, ""]:
    """L = mean over scales k of mean |D_k fake - D_k real| w, with D_k the mean of k x k pixels or of k samples.

    The coarse scales forgive a displaced strand but still ask for the right amount of hair.

    Args:
        weight: of every pixel; 1 where left out.
    """
    difference = fake.float() - real.float()
    weights = torch.ones_like(difference[:, :1]) if weight is None else weight
    pool = F.avg_pool1d if difference.ndim == 3 else F.avg_pool2d
    terms = [
        (pool(difference, k).abs() * pool(weights, k)).mean()
        if k > 1
        else (difference.abs() * weights).mean()
        for k in _SCALES
    ]
    return torch.stack(terms).mean()


def following(fake: Float[Tensor, "B T F"], real: Float[Tensor, "B T F"]) -> Float[Tensor, ""]:
    """L = mean d^2 + mean (d_t - d_(t-1))^2, with d = fake - real: where a sequence is, and where it goes.

    Squares, because a mouth that is unsure whether lips close should show how likely it is: with L1 it leaves them open
    wherever that is likelier, which is everywhere.
    """
    difference = fake.float() - real.float()
    return difference.square().mean() + difference.diff(dim=1).square().mean()


def dissimilarity(
    fake: Float[Tensor, "B C S S"],
    real: Float[Tensor, "B C S S"],
    weight: Float[Tensor, "B 1 S S"] | None = None,
) -> Float[Tensor, ""]:
    """L = mean (1 - SSIM) w over squares of 7 x 7 pixels (Wang et al. 2004, equation 13; as a loss, Zhao et al. 2017).

    L1 is content with the mean of all that might be there, and so leaves weak edges out. Here every square is in units
    of its own contrast: a lid in the shade counts as much as a collar in the light.

    Args:
        fake: -1 ... 1, as ``real``.
        weight: of every pixel; 1 where left out.
    """
    weights = torch.ones_like(fake[:, :1]) if weight is None else weight
    a, b = fake.float() / 2 + 0.5, real.float() / 2 + 0.5
    a, b = a.contiguous(), b.contiguous()  # sums over squares are quicker so than in channels_last
    mean_a, mean_b, aa, bb, ab = (F.avg_pool2d(x, _WINDOW, 2) for x in (a, b, a * a, b * b, a * b))
    unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
    spread = (aa - mean_a**2 + bb - mean_b**2) * unbiased
    shared = (ab - mean_a * mean_b) * unbiased
    light = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    similarity = light * (2 * shared + 9e-4) / (spread + 9e-4)
    return ((1 - similarity) * F.avg_pool2d(weights, _WINDOW, 2)).mean()


def feature_l1(fake: tuple[Tensor, ...], real: tuple[Tensor, ...]) -> Float[Tensor, ""]:
    """Perceptual loss: the L1 distance of frozen features, each map in units of the real one's mean size.

    After Johnson, Alahi, Fei-Fei 2016 ("Perceptual Losses for Real-Time Style Transfer", equation 2), with L1 for
    their L2, which a few strong features would rule.
    """
    terms = [
        (f.float() - r.float()).abs().mean() / r.detach().float().abs().mean().clamp(min=1e-3)
        for f, r in zip(fake, real, strict=True)
    ]
    return torch.stack(terms).mean()


def mean_distance(points: Float[Tensor, "B P 2"], true: Float[Tensor, "B P 2"]) -> Float[Tensor, ""]:
    """Mean distance of points from where they should be, in sides of the picture."""
    return torch.sqrt((points - true).square().sum(-1) + 1e-12).mean()  # bounded slope at 0


def focus(spots: Float[Tensor, "B K 3"], size: int) -> Float[Tensor, "B 1 size size"]:
    """1 in the middle of the nearest spot, falling to 0 around it as a Gaussian.

    Args:
        spots: x right, y down, and radius, in sides of the picture.
    """
    steps = (torch.arange(size, device=spots.device, dtype=torch.float32) + 0.5) / size
    x, y, radius = (spots[..., i, None] for i in range(3))
    across = torch.exp(-0.5 * ((steps - x) / radius) ** 2)
    down = torch.exp(-0.5 * ((steps - y) / radius) ** 2)
    return (down[..., :, None] * across[..., None, :]).amax(dim=1, keepdim=True)

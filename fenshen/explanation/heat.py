"""Heat over pictures: where the discriminator looks, and what differs between two."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.media import from_pixels
from fenshen.networks import Discriminator

Pictures = UInt8[ndarray, "N H W 3"]

_NOISY = 8  # copies with noise whose gradients are averaged (SmoothGrad, Smilkov et al. 2017)
_NOISE = 0.1  # of the range, their standard deviation
_SMOOTH = 0.03  # of the side, over which heat is spread
_HOTTEST = 0.99  # quantile that is shown at full heat
_FLOOR = 8.0  # of 255: smaller differences are not shown as heat
_GROUND = 0.35  # how much of the picture's light shows under the heat


def attention(discriminator: Discriminator, pictures: Pictures) -> Float[ndarray, "N H W"]:
    """How strongly the logits depend on each place: the mean size of their gradient, in [0, 1]."""
    x = from_pixels(pictures)
    numbers = torch.Generator().manual_seed(0)
    total = torch.zeros(len(x), *x.shape[2:])
    for _ in range(_NOISY):
        noisy = (x + 2 * _NOISE * torch.randn(x.shape, generator=numbers)).requires_grad_()
        logits = discriminator(discriminator.features(noisy))
        (slope,) = torch.autograd.grad(logits.sum(), noisy)
        total += slope.abs().sum(1)
    return _scaled(total.numpy())


def difference(one: Pictures, other: Pictures) -> Float[ndarray, "N H W"]:
    """How much each place differs to the eye (CIELAB), in [0, 1]."""

    def lab(pictures: Pictures) -> Float[ndarray, "N H W 3"]:
        return np.stack([cv2.cvtColor(p, cv2.COLOR_RGB2LAB) for p in pictures]).astype(np.float32)

    return _scaled(np.linalg.norm(lab(one) - lab(other), axis=3), _FLOOR)


def over(pictures: Pictures, heat: Float[ndarray, "N H W"]) -> Pictures:
    """Heat as colour, over pictures in grey."""
    laid = []
    for picture, warm in zip(pictures, heat, strict=True):
        colours = cv2.applyColorMap(np.round(255 * warm).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
        laid.append(cv2.addWeighted(np.ascontiguousarray(colours), 1 - _GROUND, grey, _GROUND, 0))
    return np.stack(laid)


def _scaled(values: Float[ndarray, "N H W"], floor: float = 0.0) -> Float[ndarray, "N H W"]:
    sigma = max(_SMOOTH * values.shape[1], 0.5)
    smooth = np.stack([cv2.GaussianBlur(one.astype(np.float32), (0, 0), sigma) for one in values])
    hottest = np.quantile(smooth, _HOTTEST, axis=(1, 2), keepdims=True)
    return np.clip(smooth / np.maximum(hottest, max(floor, 1e-9)), 0, 1)

"""Distances between two sets of feature vectors: kernel distance (KID) and Fréchet distance (FID).

Both compare distributions, not pictures: 0 means that these features show no difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor


class KernelDistance(NamedTuple):
    """A kernel distance with its standard deviation."""

    value: float  # about 0 for equal distributions, where it falls on either side of 0
    deviation: float  # standard deviation over the subsets
    subset_size: int  # pictures of each set in a subset


def kernel_distance(
    x: Float[ndarray, "N D"],
    y: Float[ndarray, "M D"],
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
    """The squared maximum mean discrepancy under a cubic kernel, as a mean over random subsets.

    Binkowski et al. 2018, "Demystifying MMD GANs", section 4: k(a, b) = (a.b / D + 1)^3 and the unbiased
    estimate

        MMD^2 = sum_{i != j} k(x_i, x_j) / (m (m - 1)) + the same of y - 2 sum_{i, j} k(x_i, y_j) / m^2.

    Where a set has fewer than twice ``subset_size`` pictures, subsets take half of the smaller one: subsets
    that all hold the same pictures would show no deviation at all.

    Raises:
        ValueError: a set has fewer than 4 pictures, or the widths differ.
    """
    _check(x, y)
    size = min(subset_size, min(len(x), len(y)) // 2)
    rng = np.random.default_rng(seed)
    tx, ty = torch.from_numpy(x).float(), torch.from_numpy(y).float()
    values = np.empty(subsets)
    for i in range(subsets):
        rows_x, rows_y = (torch.from_numpy(rng.choice(len(s), size, replace=False)) for s in (x, y))
        values[i] = _mmd2(tx[rows_x], ty[rows_y])
    return KernelDistance(float(values.mean()), float(values.std()), size)


def kernel_distance_once(x: Float[ndarray, "N D"], y: Float[ndarray, "M D"]) -> float:
    """:func:`kernel_distance` from all pictures at once: the quickest estimate, without a deviation."""
    _check(x, y)
    return _mmd2(torch.from_numpy(x).float(), torch.from_numpy(y).float())


def frechet_distance(x: Float[ndarray, "N D"], y: Float[ndarray, "M D"]) -> float:
    """|mu_x - mu_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2)), Heusel et al. 2017, equation 6.

    The trace of the root is taken without forming a covariance, let alone the square root of a product of
    two, which goes wrong with fewer pictures than features: with S = A^T A, the eigenvalues of (S_x
    S_y)^(1/2) are the singular values of A_x A_y^T.

    Raises:
        ValueError: a set has fewer than 4 pictures, or the widths differ.
    """
    _check(x, y)
    factors, means, traces = [], [], []
    for features in (x, y):
        full = torch.from_numpy(features).double()
        mean = full.mean(0)
        a = (full - mean) / (len(full) - 1) ** 0.5
        traces.append(a.square().sum())
        factors.append(torch.linalg.qr(a, mode="r").R if len(a) > a.shape[1] else a)
        means.append(mean)
    root = torch.linalg.svdvals(factors[0] @ factors[1].T).sum()
    distance = (means[0] - means[1]).square().sum() + traces[0] + traces[1] - 2 * root
    return max(float(distance), 0.0)


def _mmd2(x: Float[Tensor, "N D"], y: Float[Tensor, "M D"]) -> float:
    within = [
        _kernel(s, s).fill_diagonal_(0).sum(dtype=torch.float64) / (len(s) * (len(s) - 1)) for s in (x, y)
    ]
    between = _kernel(x, y).mean(dtype=torch.float64)
    return float(within[0] + within[1] - 2 * between)


def _kernel(x: Float[Tensor, "N D"], y: Float[Tensor, "M D"]) -> Float[Tensor, "N M"]:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _check(x: np.ndarray, y: np.ndarray) -> None:
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"features of width {x.shape[1]} and {y.shape[1]} cannot be compared")
    if min(len(x), len(y)) < 4:
        raise ValueError("a distance needs at least 4 pictures on either side")

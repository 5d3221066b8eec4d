"""Contrast between places: how a generator that nobody shows the right answer keeps what is where."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_TEMPERATURE = 0.07


def patch_nce(queries: list[Float[Tensor, "B P K"]], keys: list[Float[Tensor, "B P K"]]) -> Float[Tensor, ""]:
    """How badly each place of a picture is told from all other places of its source.

    L = mean of -log( exp(q k+ / t) / sum over places of exp(q k / t) ) (Park et al. 2020, "Contrastive Learning for
    Unpaired Image-to-Image Translation", equations 3 and 4), the other places being of the same picture.

    Args:
        queries: unit vectors of the places of the pictures, one tensor a layer.
        keys: of the same places of the sources; no gradient flows to them.
    """
    terms = []
    for query, key in zip(queries, keys, strict=True):
        likeness = query.float() @ key.detach().float().transpose(1, 2) / _TEMPERATURE  # (B, P, P)
        right = torch.arange(likeness.shape[1], device=likeness.device).expand(len(likeness), -1)
        terms.append(F.cross_entropy(likeness.flatten(0, 1), right.flatten()))
    return torch.stack(terms).mean()

"""The terms of the generator's loss: one table, from which recipes, logs, the watch and the reference derive.

To add a term, write its function (usually in :mod:`fenshen.adversarial`) and its row here. A recipe then has a key for
its weight, and whatever shows or watches losses knows of it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.adversarial import reconstruction
from fenshen.messages import Language
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.training.batch import Fakes

Scalar = Float[Tensor, ""]

_FACES = 2  # faces of a batch whose identity is compared: one costs more than everything else for a picture


class Need(Enum):
    """What a term cannot do without."""

    CRITIC = "critic"  # a discriminator: the term waits until it has joined
    FROZEN = "frozen"  # a discriminator with frozen features
    PAIRS = "pairs"  # a generator that is asked for the very picture beside its fake


@dataclass(frozen=True)
class Term:
    """One term of the generator's loss.

    Attributes:
        key: of its weight in a recipe.
        value: what it is for some fakes.
        help: one line for the reference, by language.
        needs: what it cannot do without.
        weight: default.
        always: compute it for the log even where its weight is 0.
        name: in the log; the key if empty.
        short: on the progress bar; not shown there if empty.
    """

    key: str
    value: Callable[[Fakes], Scalar]
    help: dict[Language, str]
    needs: frozenset[Need] = frozenset()
    weight: float = 0.0
    always: bool = False
    name: str = ""
    short: str = ""

    @property
    def logged(self) -> str:
        """Its name in the log."""
        return self.name or self.key


def _adversarial(fakes: Fakes) -> Scalar:
    judged = fakes.judgement
    return judged.loss.generator(judged.real_logits, judged.logits)


def _matching(fakes: Fakes) -> Scalar:
    return fakes.judgement.matching.loss(fakes.judgement.features)


def _perceptual(fakes: Fakes) -> Scalar:
    return reconstruction.feature_l1(fakes.judgement.features, fakes.judgement.real_features)


def _reconstruction(fakes: Fakes) -> Scalar:
    return reconstruction.multiscale_l1(fakes.pictures, fakes.pair.pictures, fakes.pair.weight)


def _structure(fakes: Fakes) -> Scalar:
    return reconstruction.dissimilarity(fakes.pictures, fakes.pair.pictures, fakes.pair.weight)


def _identity(fakes: Fakes) -> Scalar:
    """Mean squared distance between the identity embeddings of a few fakes and of their pictures."""
    from fenshen.faces import identity

    corners = [CONTOUR_POINTS.index(point) for point in identity.CHIP_POINTS]
    places = fakes.pair.points[:_FACES, corners]
    network = _identity_network(fakes.pictures.device)
    wanted, found = (
        network(identity.chips_at(pictures[:_FACES].float(), places)).float()
        for pictures in (fakes.pair.pictures, fakes.pictures)
    )
    return (found - wanted).square().sum(1).mean()


@cache
def _identity_network(device: torch.device) -> nn.Module:
    from fenshen.faces import identity

    return copy.deepcopy(identity.network()).to(device)


def _landmarks(fakes: Fakes) -> Scalar:
    if fakes.points is None:
        raise TypeError("this term needs a family that works out contour points")
    return reconstruction.mean_distance(fakes.points, fakes.pair.points)


_CRITIC, _PAIRS = frozenset({Need.CRITIC}), frozenset({Need.PAIRS})

TERMS = (
    Term(
        "adversarial",
        _adversarial,
        {"en": "weight of the adversarial loss of G", "zh": "G 的对抗损失的权重"},
        needs=_CRITIC,
        weight=1.0,
        always=True,
        name="loss_g",
    ),
    Term(
        "matching",
        _matching,
        {"en": "weight of feature matching in G's loss", "zh": "G 的损失中特征匹配的权重"},
        needs=_CRITIC | {Need.FROZEN},
    ),
    Term(
        "perceptual",
        _perceptual,
        {
            "en": "weight of the L1 distance of frozen features in G's loss",
            "zh": "G 的损失中冻结特征的 L1 距离的权重",
        },
        needs=_CRITIC | _PAIRS | {Need.FROZEN},
    ),
    Term(
        "reconstruction",
        _reconstruction,
        {
            "en": "weight of the L1 distance at several scales in G's loss",
            "zh": "G 的损失中多尺度 L1 距离的权重",
        },
        needs=_PAIRS,
        short="L1",
    ),
    Term(
        "structure",
        _structure,
        {"en": "weight of structural dissimilarity in G's loss", "zh": "G 的损失中结构差异的权重"},
        needs=_PAIRS,
    ),
    Term(
        "identity",
        _identity,
        {
            "en": "weight of the distance of identity embeddings in G's loss",
            "zh": "G 的损失中身份特征距离的权重",
        },
        needs=_PAIRS,
    ),
    Term(
        "landmarks",
        _landmarks,
        {"en": "weight of the distance of contour points in G's loss", "zh": "G 的损失中轮廓点距离的权重"},
        needs=_PAIRS,
    ),
)

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
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fenshen.adversarial import contrast, reconstruction, remedies, spectral
from fenshen.messages import Language
from fenshen.networks.contours import CONTOUR_POINTS
from fenshen.training.batch import Fakes

Scalar = Float[Tensor, ""]

_STRUCTURE = 0.2  # weight of structural dissimilarity beside L1, of the parts of a picture
_CHOSEN_BY = 8  # pixels of a square of which layers are chosen as a whole
_COMPARED = 2  # moved keyframes that are compared with each picture
_FACES = 2  # faces of a batch whose identity is compared: one costs more than everything else for a picture


class Need(Enum):
    """What a term cannot do without."""

    CRITIC = "critic"  # a discriminator: the term waits until it has joined
    FROZEN = "frozen"  # a discriminator with frozen features
    MOVES = "moves"  # a generator that moves keyframes
    SEVERAL = "several"  # several generators
    PLACES = "places"  # a generator that compares places of its pictures with places of their sources
    FACES = "faces"  # a generator that is asked for pictures of known people
    TEXTS = "texts"  # a generator that writes, and says how likely it finds texts
    PICTURES = "pictures"  # these, and the next two: a generator of that medium
    SEQUENCES = "sequences"
    SOUNDS = "sounds"
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
    real, fake = judged.real_logits, judged.logits
    if judged.share < 1:
        best = fake.detach().mean(1).topk(max(round(judged.share * len(fake)), 1)).indices
        real, fake = real[best], fake[best]
    return judged.loss.generator(real, fake)


def _mode_seeking(fakes: Fakes) -> Scalar:
    return remedies.mode_seeking(fakes.pictures, fakes.batch.latents)


def _separation(fakes: Fakes) -> Scalar:
    """How hard it is to tell which generator drew a fake (Hoang et al. 2018, equation 3)."""
    judged = fakes.judgement
    if judged.origins is None:
        raise TypeError("this term needs several generators")
    return F.cross_entropy(judged.origins, fakes.batch.latents[:, -judged.origins.shape[1] :])


def _matching(fakes: Fakes) -> Scalar:
    return fakes.judgement.matching.loss(fakes.judgement.features)


def _perceptual(fakes: Fakes) -> Scalar:
    return reconstruction.feature_l1(fakes.judgement.features, fakes.judgement.real_features)


def _reconstruction(fakes: Fakes) -> Scalar:
    return reconstruction.multiscale_l1(fakes.pictures, fakes.pair.pictures, fakes.pair.weight)


def _spectrum(fakes: Fakes) -> Scalar:
    return spectral.stft_distance(fakes.pictures.flatten(0, 1), fakes.pair.pictures.flatten(0, 1))


def _following(fakes: Fakes) -> Scalar:
    return reconstruction.following(fakes.pictures, fakes.pair.pictures)


def _structure(fakes: Fakes) -> Scalar:
    return reconstruction.dissimilarity(fakes.pictures, fakes.pair.pictures, fakes.pair.weight)


def _identity(fakes: Fakes) -> Scalar:
    """Mean squared distance between the identity embeddings of a few fakes and of their pictures."""
    from fenshen.faces import identity

    corners = [CONTOUR_POINTS.index(point) for point in identity.CHIP_POINTS]
    places = fakes.faces[:_FACES, corners]
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


def _keyframes(fakes: Fakes) -> Scalar:
    """The nearest keyframes of every picture, moved, each compared by itself where it is near.

    In the mixture alone, motion learns nothing wherever the drawing is preferred, which then always is.
    """
    parts, pair = fakes.parts, fakes.pair
    focus = torch.ones_like(pair.pictures[:, :1]) if pair.weight is None else pair.weight
    weight = parts.near * focus  # (B, K, S, S)
    nearest = weight.detach().mean((2, 3)).topk(min(_COMPARED, weight.shape[1])).indices  # (B, n)
    rows = torch.arange(len(nearest), device=nearest.device)[:, None]
    moved, weight = (x[rows, nearest].flatten(0, 1) for x in (parts.keyframes, weight[:, :, None]))
    wanted = pair.pictures.repeat_interleave(nearest.shape[1], dim=0)
    return nearest.shape[1] * _apart(moved, wanted, weight)


def _drawn(fakes: Fakes) -> Scalar:
    """What the network draws by itself, at its own size."""
    drawn, real, weight = fakes.parts.drawn, fakes.pair.pictures, fakes.pair.weight
    factor = real.shape[-1] // drawn.shape[-1]
    if factor > 1:
        real = F.avg_pool2d(real, factor)
        weight = None if weight is None else F.avg_pool2d(weight, factor)
    return _apart(drawn, real, weight)


def _apart(
    fake: Float[Tensor, "B 3 S S"], real: Float[Tensor, "B 3 S S"], weight: Float[Tensor, "B 1 S S"] | None
) -> Scalar:
    """L1, and the structure of the lightness alone, which costs a third."""
    l1 = reconstruction.multiscale_l1(fake, real, weight)
    return l1 + _STRUCTURE * reconstruction.dissimilarity(fake.mean(1, True), real.mean(1, True), weight)


def _choice(fakes: Fakes) -> Scalar:
    """The error to expect where one layer is taken, not their mixture: the mean of the layers' errors, by weight.

    The mixture's own error is least for a mean of misplaced layers, in which everything fine is gone.
    """
    parts, pair = fakes.parts, fakes.pair
    side = pair.pictures.shape[-1]
    with torch.no_grad():
        drawn = F.interpolate(parts.drawn, size=(side, side), mode="bilinear", align_corners=False)
        plate = parts.plate.expand_as(drawn)
        wrong = torch.cat(
            [(parts.keyframes - pair.pictures[:, None]).abs().mean(2)]
            + [(layer - pair.pictures).abs().mean(1, keepdim=True) for layer in (plate, drawn)],
            dim=1,
        )  # (B, L, S, S)
        wrong = F.avg_pool2d(wrong, _CHOSEN_BY)
        focus = 1.0 if pair.weight is None else F.avg_pool2d(pair.weight, _CHOSEN_BY)
    return (F.avg_pool2d(parts.weights, _CHOSEN_BY) * wrong * focus).sum(1).mean()


def _drawn_share(fakes: Fakes) -> Scalar:
    return fakes.parts.weights[:, -1].mean()


def _landmarks(fakes: Fakes) -> Scalar:
    if fakes.points is None:
        raise TypeError("this term needs a family that works out contour points")
    return reconstruction.mean_distance(fakes.points, fakes.faces)


def _contrast(fakes: Fakes) -> Scalar:
    if fakes.places is None:
        raise TypeError("this term needs a family that translates pictures")
    return contrast.patch_nce(*fakes.places)


def _likelihood(fakes: Fakes) -> Scalar:
    """Minus the log-likelihood of the real texts, in nats a token (teacher forcing: Williams, Zipser 1989)."""
    if fakes.likelihood is None:
        raise TypeError("this term needs a family that writes")
    return -fakes.likelihood(fakes.batch.pictures).mean()


_CRITIC, _PAIRS = frozenset({Need.CRITIC}), frozenset({Need.PAIRS})
_FACE = _PAIRS | {Need.FACES}
_MOVES = _PAIRS | {Need.MOVES}

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
        "mode_seeking",
        _mode_seeking,
        {
            "en": "weight of the inverse ratio of fakes' to latents' distances in G's loss (mode seeking)",
            "zh": "G 的损失中假图距离与潜向量距离之比的倒数的权重（mode seeking）",
        },
    ),
    Term(
        "separation",
        _separation,
        {
            "en": "weight of the classifier's doubt which generator drew a fake in G's loss (MGAN)",
            "zh": "G 的损失中分类器分辨不出由哪个生成器所画的惩罚的权重（MGAN）",
        },
        needs=_CRITIC | {Need.SEVERAL},
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
        "following",
        _following,
        {
            "en": "weight of how far sequences, and their changes, are from what they should be in G's loss",
            "zh": "G 的损失中序列及其变化与目标之差的权重",
        },
        needs=_PAIRS | {Need.SEQUENCES},
        short="L1",
    ),
    Term(
        "structure",
        _structure,
        {"en": "weight of structural dissimilarity in G's loss", "zh": "G 的损失中结构差异的权重"},
        needs=_PAIRS | {Need.PICTURES},
    ),
    Term(
        "spectrum",
        _spectrum,
        {
            "en": "weight of the distance of spectra at several resolutions in G's loss",
            "zh": "G 的损失中多分辨率频谱距离的权重",
        },
        needs=_PAIRS | {Need.SOUNDS},
        short="STFT",
    ),
    Term(
        "identity",
        _identity,
        {
            "en": "weight of the distance of identity embeddings in G's loss",
            "zh": "G 的损失中身份特征距离的权重",
        },
        needs=_FACE,
    ),
    Term(
        "landmarks",
        _landmarks,
        {"en": "weight of the distance of contour points in G's loss", "zh": "G 的损失中轮廓点距离的权重"},
        needs=_FACE,
    ),
    Term(
        "contrast",
        _contrast,
        {
            "en": "weight of how badly places of a picture are told by their source's places in G's loss (CUT)",
            "zh": "G 的损失中图片各处与原图对应位置的对比损失的权重（CUT）",
        },
        needs=frozenset({Need.PLACES}),
        short="NCE",
    ),
    Term(
        "likelihood",
        _likelihood,
        {
            "en": "weight of how unlikely G finds real texts in G's loss (maximum likelihood)",
            "zh": "G 的损失中真实文本的负对数似然的权重（最大似然）",
        },
        needs=frozenset({Need.TEXTS}),
        name="nll",
        short="NLL",
    ),
    Term(
        "moved",
        _keyframes,
        {
            "en": "weight of the L1 distance of each moved keyframe in G's loss",
            "zh": "G 的损失中每张移动后的关键帧的 L1 距离的权重",
        },
        needs=_MOVES,
    ),
    Term(
        "drawn",
        _drawn,
        {
            "en": "weight of the L1 distance of what G draws beside keyframes",
            "zh": "G 的损失中关键帧以外自绘部分的 L1 距离的权重",
        },
        needs=_MOVES,
    ),
    Term(
        "choice",
        _choice,
        {
            "en": "weight of the L1 distance of single layers, by their weights, instead of their mixture",
            "zh": "按权重计的各层（而非其混合）的 L1 距离的权重",
        },
        needs=_MOVES,
    ),
    Term(
        "drawn_share",
        _drawn_share,
        {"en": "cost of what is drawn instead of moved", "zh": "自绘而非移动所得部分的代价"},
        needs=_MOVES,
    ),
)

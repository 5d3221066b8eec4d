"""What passes between the players: real pictures with their labels, fakes, and the critic's judgement of them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fenshen.adversarial.losses import Loss
from fenshen.adversarial.matching import FeatureMatching
from fenshen.networks import Features, Moved, Places, Samples


@dataclass(frozen=True, eq=False)
class Batch:
    """This process's part of a global batch, or of one of the parts it is worked in.

    Attributes:
        move: number of the discriminator's move that it belongs to.
        part: which rows of the global batch these are.
        pictures: the real ones, or samples of another medium.
        latents: of the fakes.
        controls: normalised; None where the networks are not conditional.
        sources: what a generator that translates is given; None for all others.
    """

    move: int
    part: slice
    pictures: Samples
    latents: Float[Tensor, "B Z"]
    controls: Float[Tensor, "B 58"] | None
    sources: Float[Tensor, "B C *N"] | None


@dataclass(frozen=True, eq=False)
class PairedBatch(Batch):
    """A batch whose latents or sources ask for the very pictures beside them.

    Attributes:
        weight: of every pixel when a fake is compared with its picture; None: all alike.
        points: contour points of the faces, in sides; None where the latents do not say whose they are.
    """

    weight: Float[Tensor, "B 1 S S"] | None
    points: Float[Tensor, "B P 2"] | None


@dataclass(frozen=True, eq=False)
class Judgement:
    """The critic's view of some fakes, and of the real pictures beside them.

    Attributes:
        logits: of the fakes, with the graph back to the generator.
        features: of the fakes, from the half that does not learn, with the graph.
        real_logits: from the critic's last learning step.
        real_features: of the real pictures.
        share: of the fakes, the best judged, that the generator learns from.
        origins: logits of which generator drew each fake; None where there is one.
    """

    loss: Loss
    matching: FeatureMatching
    logits: Float[Tensor, "packs K"]
    features: Features
    real_logits: Float[Tensor, "packs K"]
    real_features: Features
    share: float = 1.0
    origins: Float[Tensor, "B generators"] | None = None


@dataclass(frozen=True, eq=False)
class Fakes:
    """What the generator drew for a batch.

    Attributes:
        pictures: with the graph back to the generator.
        points: contour points of the faces, of a family that works them out.
        moved: what the pictures are put together from, of a family that moves keyframes.
        places: what a family that translates sees in the pictures and in their sources.
        judged: by the critic; None while the generator learns alone.
    """

    batch: Batch
    pictures: Samples
    points: Float[Tensor, "B P 2"] | None
    moved: Moved | None = None
    places: tuple[Places, Places] | None = None
    judged: Judgement | None = None

    @property
    def judgement(self) -> Judgement:
        """The critic's judgement, for terms that need one."""
        if self.judged is None:
            raise TypeError("this term needs a critic's judgement")
        return self.judged

    @property
    def parts(self) -> Moved:
        """What the pictures are put together from, for terms that are about moved keyframes."""
        if self.moved is None:
            raise TypeError("this term needs a family that moves keyframes")
        return self.moved

    @property
    def pair(self) -> PairedBatch:
        """The batch, for terms that need pairs."""
        if not isinstance(self.batch, PairedBatch):
            raise TypeError("this term needs a paired recipe")
        return self.batch

    @property
    def faces(self) -> Float[Tensor, "B P 2"]:
        """The contour points of the faces, for terms that need them."""
        if self.pair.points is None:
            raise TypeError("this term needs pictures whose people are known")
        return self.pair.points

"""The networks, one family a file. A family registers itself in :data:`FAMILIES` with what it can do.

A generator maps latents, and controls if it is conditional, to samples of the family's medium: pictures, mostly. A
discriminator judges in two halves: ``features(pictures)``, the part that does not learn (for most families the
pictures themselves), and ``forward(features, controls)``, the part that does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Int
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from fenshen.greys import GREYS
from fenshen.media import PICTURES, Medium
from fenshen.messages import message
from fenshen.registry import Registry

Features = tuple[Tensor, ...]
Noise = Literal["normal", "uniform", "mixed"]
Sizes = Int[Tensor, "B 2"]  # height and width of each picture
Samples = Float[Tensor, "B *S"]  # of any medium: pictures [B, 3, S, S], points [B, 2]
Sources = Float[Tensor, "B *R"]  # what is translated, with as many channels as it has
AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


class Moved(NamedTuple):
    """What a picture that was put together from moved keyframes is made of, for what is learnt about its parts.

    Attributes:
        drawn: what the network drew by itself.
        keyframes: each keyframe, moved to where it should be in this picture.
        plate: the empty background.
        near: how near each keyframe is to what is asked for, at every pixel; 1 in all.
        weights: the share of each keyframe, of the plate and of what was drawn, at every pixel.
    """

    drawn: Float[Tensor, "B 3 s s"]
    keyframes: Float[Tensor, "B K 3 S S"]
    plate: Float[Tensor, "1 3 S S"]
    near: Float[Tensor, "B K S S"]
    weights: Float[Tensor, "B L S S"]


Places = list[Float[Tensor, "B P K"]]  # one layer each


class Drawn(NamedTuple):
    """Pictures, or samples of another medium, in about [-1, 1], with what families work out beside them.

    Attributes:
        points: the places of the faces' contour points.
        moved: of a family that moves keyframes.
        places: of a family that translates pictures, what it sees at some places of its pictures, and at the same
            places of their sources; unit vectors.
        likelihood: of a family that writes, how likely it finds texts: see :meth:`Writer.likelihood`.
    """

    pictures: Samples
    points: Float[Tensor, "B P 2"] | None = None
    moved: Moved | None = None
    places: tuple[Places, Places] | None = None
    likelihood: Callable[[Float[Tensor, "B T V"]], Float[Tensor, "B"]] | None = None


class Generator(nn.Module, ABC):
    """Latents to pictures."""

    @abstractmethod
    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Samples:
        """Draw pictures in about [-1, 1].

        Args:
            controls: normalised, for a conditional generator.
            truncation: below 1 moves latents towards their centre: less variety, fewer failures.
        """

    def fit(self, samples: Samples) -> None:
        """Take over what is known of the training samples before anything is learnt, such as their means."""

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: Sizes | None = None,
        sources: Sources | None = None,
    ) -> Drawn:
        """As :meth:`forward`, with everything else that training compares.

        Args:
            sizes: heights and widths, for a generator that can choose; beyond them a picture is reflected, up to
                sides that the whole batch has.
            sources: what a :class:`Translator` translates.
        """
        return Drawn(self(latents, controls, truncation))


class Writer(Generator):
    """Latents to texts, token by token; it also says how likely it finds others.

    Attributes:
        temperature: of the Gumbel-softmax that training looks at instead of tokens.
    """

    temperature: float = 1.0

    @abstractmethod
    def likelihood(self, texts: Float[Tensor, "B T V"]) -> Float[Tensor, "B"]:
        """Log-likelihood of texts, in nats a token, each token after the true ones before it."""


class Translator(Generator):
    """Sources to pictures of the same size, sequences or sounds: what is given instead of latents is the source."""

    @abstractmethod
    def translate(self, sources: Sources) -> Samples:
        """Samples in [-1, 1] for sources in [-1, 1], of any size that ``multiple`` divides."""

    @property
    @abstractmethod
    def multiple(self) -> int:
        """What the sides of a source, or its steps, are divisible by."""

    def forward(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
    ) -> Samples:
        raise TypeError("this generator translates")

    def draw(
        self,
        latents: Float[Tensor, "B Z"],
        controls: Float[Tensor, "B 58"] | None = None,
        truncation: float = 1.0,
        sizes: Sizes | None = None,
        sources: Sources | None = None,
    ) -> Drawn:
        if sources is None:
            raise TypeError("this generator translates")
        pictures = self.translate(sources)
        return Drawn(pictures, places=self.compare(latents, pictures, sources))

    def compare(
        self,
        latents: Float[Tensor, "B Z"],
        pictures: Samples,
        sources: Sources,
    ) -> tuple[Places, Places] | None:
        """What it sees at some places of its pictures, and at the same places of their sources; None: it compares none.

        Args:
            latents: decide which places.
        """
        return None


class Discriminator(nn.Module, ABC):
    """Pictures to logits, in two halves."""

    def fit(self, samples: Samples) -> None:
        """As :meth:`Generator.fit`."""

    def features(self, pictures: Samples) -> Features:
        """The half that does not learn; by default the pictures themselves."""
        return (pictures,)

    @abstractmethod
    def forward(
        self, features: Features, controls: Float[Tensor, "B 58"] | None = None
    ) -> Float[Tensor, "B K"]:
        """The half that learns: K logits a picture, before any sigmoid."""


@dataclass(frozen=True)
class Family:
    """A generator and a discriminator that belong together, and what they can do.

    Attributes:
        generator: builds a generator from a config; None: its discriminator is for generators of other families.
        discriminator: builds a discriminator from a config, for ``config.packing`` samples at a time.
        medium: what they draw and judge.
        conditional: both can be given the 58 controls.
        frozen: the discriminator looks through a network that does not learn. Its features can be matched and
            compared; gradient penalties are not possible.
        paired: the generator can be asked for the very picture of a person, and works out the face's points.
        moves: the generator moves keyframes, and has to be given some.
        translates: the generator is a :class:`Translator`.
        writes: the generator is a :class:`Writer`.
        coarse: of a generator that translates: how many samples, along an axis, it makes for one of its source.
        fits: the networks take over means and spreads of the training samples before they learn.
        spectral_norm: the discriminator can be normalised spectrally (Miyato et al. 2018).
        grey: both can have one colour instead of three.
        any_size: both are fully convolutional: pictures may have any sides, also unequal ones.
        sizes: smallest and largest side of the pictures in pixels.
    """

    generator: Callable[[NetworkConfig], Generator] | None
    discriminator: Callable[[NetworkConfig], Discriminator]
    medium: Medium = PICTURES
    conditional: bool = False
    frozen: bool = False
    paired: bool = False
    moves: bool = False
    translates: bool = False
    writes: bool = False
    coarse: int = 1
    fits: bool = False
    spectral_norm: bool = False
    grey: bool = False
    any_size: bool = False
    sizes: tuple[int, int] = (32, 1024)


FAMILIES: Registry[Family] = Registry("family", "fenshen.networks")


class NetworkConfig(BaseModel):
    """What a pair of networks is built from; a trained generator carries it on disk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Annotated[str, AfterValidator(FAMILIES.check), Field(description="network family")]
    discriminator: Annotated[str | None, Field(description="family of D where it is another")] = None
    size: Annotated[int, Field(ge=2, le=1024, description="side of the pictures in pixels, a power of two")]
    dimensions: Annotated[
        int,
        Field(ge=1, le=8192, description="colours of a pixel, numbers of a step, words that a step can be"),
    ] = 3
    latent: Annotated[int, Field(ge=1, le=1024, description="length of the latent vector")] = 128
    noise: Annotated[Noise, Field(description="what the latents' numbers are drawn from")] = "normal"
    categories: Annotated[
        int, Field(ge=0, le=512, description="of the latent, numbers that are one choice")
    ] = 0
    generators: Annotated[
        int, Field(ge=1, le=64, description="generators that share all but their start")
    ] = 1
    width: Annotated[int, Field(ge=4, le=512, description="channels at the full size; doubled downward")] = 32
    max_width: Annotated[int, Field(ge=4, le=2048, description="channels are never more than this")] = 512
    width_d: Annotated[float, Field(ge=0.25, le=8, description="D's channels, relative to G's")] = 1.0
    packing: Annotated[int, Field(ge=1, le=8, description="samples that D judges together")] = 1
    minibatch: Annotated[int, Field(ge=0, le=512, description="features of minibatch discrimination")] = 0
    conditional: Annotated[bool, Field(description="both networks are given the 58 controls")] = False
    spectral_norm: Annotated[bool, Field(description="spectral normalisation of D (Miyato et al. 2018)")] = (
        False
    )
    batch_norm: Annotated[
        bool, Field(description="whether the discriminator of family dcgan has batch norm")
    ] = True
    reduction: Annotated[
        int, Field(ge=1, le=8, description="D's frozen trunk sees pictures this much smaller")
    ] = 2

    keyframes: Annotated[int, Field(ge=0, le=12, description="pictures that G moves")] = 0
    sources: Annotated[int, Field(ge=0, le=512, description="channels of what G translates; 0: none")] = 0
    places: Annotated[
        int, Field(ge=0, le=1024, description="of a picture, that are compared with its source's (CUT)")
    ] = 0

    @model_validator(mode="after")
    def _possible(self) -> NetworkConfig:
        if self.medium.raster and self.size & (self.size - 1):
            raise ValueError(message("recipe.power_of_two", size=self.size))
        if self.medium is PICTURES and self.dimensions != 3:
            raise ValueError(message("recipe.three_colours", dimensions=self.dimensions))
        low, high = FAMILIES[self.family].sizes
        if not low <= self.size <= high:
            raise ValueError(message("recipe.family_size", family=self.family, low=low, high=high))
        if FAMILIES[self.family].generator is None:
            raise ValueError(message("recipe.no_generator", family=self.family, able=_drawing()))
        if self.medium is GREYS and not (FAMILIES[self.family].grey and self.judge.grey):
            able = ", ".join(name for name, family in FAMILIES.items() if family.grey)
            raise ValueError(message("recipe.not_grey", family=self.family, able=able))
        if self.discriminator and self.judge.medium is not FAMILIES[self.family].medium:
            raise ValueError(
                message("recipe.other_discriminator", name=self.discriminator, family=self.family)
            )
        if self.any_size and not (self.judge.any_size and self.generators == 1 and self.minibatch == 0):
            able = ", ".join(name for name, family in FAMILIES.items() if family.any_size)
            raise ValueError(message("recipe.any_size", family=self.family, able=able))
        if bool(self.sources) != FAMILIES[self.family].translates:
            able = ", ".join(name for name, family in FAMILIES.items() if family.translates)
            raise ValueError(message("recipe.sources", family=self.family, able=able))
        if self.places and self.sources != self.dimensions:
            raise ValueError(message("recipe.places", sources=self.sources))
        if self.latent <= self.choices:
            raise ValueError(message("recipe.choices", latent=self.latent, choices=self.choices))
        if self.packing * self.generators > 1 and self.conditional:
            raise ValueError(message("recipe.conditional_alone"))
        return self

    @property
    def medium(self) -> Medium:
        """What is drawn: pictures of one colour are grey."""
        medium = FAMILIES[self.family].medium
        return GREYS if medium is PICTURES and self.dimensions == 1 else medium

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample as a tensor."""
        return self.medium.shape(self.size, self.dimensions)

    @property
    def any_size(self) -> bool:
        """Whether pictures of any sides are drawn."""
        return FAMILIES[self.family].any_size

    @property
    def judge(self) -> Family:
        """The family of the discriminator."""
        return FAMILIES[self.discriminator or self.family]

    @property
    def choices(self) -> int:
        """How many numbers of a latent, the last ones, are choices: all 0 but one that is 1."""
        return self.categories + (self.generators if self.generators > 1 else 0)

    def channels(self, resolution: int) -> int:
        """Channels of the feature map whose side is ``resolution`` pixels."""
        return min(self.width * self.size // resolution, self.max_width)

    def of_generator(self) -> NetworkConfig:
        """What the generator alone is built from: the same for all discriminators."""
        defaults = {name: type(self).model_fields[name].default for name in _OF_DISCRIMINATOR}
        return self.model_copy(update=defaults)

    def of_discriminator(self) -> NetworkConfig:
        """The same for a discriminator of its own width."""
        widths = {name: max(round(getattr(self, name) * self.width_d), 4) for name in ("width", "max_width")}
        return self if self.width_d == 1 else self.model_copy(update=widths)


_OF_DISCRIMINATOR = (
    "discriminator",
    "width_d",
    "packing",
    "minibatch",
    "spectral_norm",
    "batch_norm",
    "reduction",
)


def build_generator(config: NetworkConfig) -> Generator:
    """A generator, initialised from torch's global random state."""
    build = FAMILIES[config.family].generator
    if build is None:
        raise ValueError(f"the family {config.family} draws nothing")
    if config.generators == 1:
        return build(config)
    from fenshen.networks.several import SeveralGenerators

    return SeveralGenerators(build, config)


def build_discriminator(config: NetworkConfig) -> Discriminator:
    """A discriminator, initialised from torch's global random state."""
    network = config.judge.discriminator(config.of_discriminator())
    if config.packing == 1 and config.minibatch == 0 and config.generators == 1:
        return network
    from fenshen.networks.several import SeveralJudged

    return SeveralJudged(network, config)


def _drawing() -> str:
    """The families that have a generator."""
    return ", ".join(name for name, family in FAMILIES.items() if family.generator)


def place(network: AnyNetwork, device: torch.device | str) -> AnyNetwork:
    """Move a network to a device, its convolutions in channels_last order, which CPUs and GPUs prefer."""
    # The stubs of torch do not know this argument.
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

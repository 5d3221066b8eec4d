"""The networks, one family a file, each with ``build(role, config) -> nn.Module``.

All generators share ``forward(latents [B, Z], controls [B, 58] | None, truncation) -> pictures [B, 3, S, S]`` in
about [-1, 1]; a truncation below 1 draws latents towards their centre: less variety, fewer failures. All
discriminators are judged in two halves: ``features(pictures)``, the part that does not learn (for most families the
pictures themselves), and ``forward(features, controls) -> logits [B, K]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from fenshen.messages import message

Role = Literal["generator", "discriminator"]
Features = tuple[Tensor, ...]

FAMILIES: dict[str, str] = {
    "dcgan": "fenshen.networks.dcgan",
    "style": "fenshen.networks.style",
    "fast": "fenshen.networks.fast",
    "portrait": "fenshen.networks.portrait",
}
CONDITIONAL = frozenset({"style", "portrait"})
FROZEN = frozenset({"fast", "portrait"})  # whose discriminators look through a network that does not learn


class NetworkConfig(BaseModel):
    """What a pair of networks is built from; a trained generator carries it on disk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["dcgan", "style", "fast", "portrait"]
    size: Annotated[int, Field(ge=32, le=1024, description="side of the pictures in pixels, a power of two")]
    latent: Annotated[int, Field(ge=1, le=1024, description="length of the latent vector")] = 128
    width: Annotated[int, Field(ge=4, le=512, description="channels at the full size; doubled downward")] = 32
    max_width: Annotated[int, Field(ge=4, le=2048, description="channels are never more than this")] = 512
    conditional: Annotated[bool, Field(description="both networks are told the 58 controls")] = False
    spectral_norm: Annotated[bool, Field(description="spectral normalisation of D (Miyato et al. 2018)")] = (
        False
    )
    batch_norm: Annotated[
        bool, Field(description="whether the discriminator of family dcgan has batch norm")
    ] = True

    reduction: Annotated[
        int,
        Field(ge=1, le=8, description="D's frozen trunk sees pictures this much smaller (fast, portrait)"),
    ] = 2

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(message("recipe.power_of_two"))
        return size

    def channels(self, resolution: int) -> int:
        """Channels of the feature map whose side is ``resolution`` pixels."""
        return min(self.width * self.size // resolution, self.max_width)


def build(role: Role, config: NetworkConfig) -> nn.Module:
    """One network of a family, freshly initialised from torch's global random state."""
    return import_module(FAMILIES[config.family]).build(role, config)

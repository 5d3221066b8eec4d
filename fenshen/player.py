"""Draws frames of one person as fast as this machine can: for video, speech and live use."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import nn

from fenshen import controls as control_space
from fenshen.machine import has_bf16
from fenshen.media import to_pixels
from fenshen.model import Model

# Frames drawn at once: they cost two thirds of what they do one by one, and still fit the processor's cache.
TOGETHER = 4


class Player:
    """A model with a fixed latent that draws frames.

    It computes in bfloat16 where the machine has units for it; a frame may so differ by a few levels of 255 from the
    picture that :meth:`fenshen.model.Model.draw` gives, which is the same on all machines.

    Args:
        model: conditional.
        latent: of all frames, such as a person's code.
    """

    def __init__(self, model: Model, latent: Float[ndarray, "Z"]) -> None:
        self.device = model.device
        self.half = has_bf16(model.device.type)
        self.generator = _halved(model.generator) if self.half else model.generator
        self.latent = torch.from_numpy(latent)[None].to(self.device)

    def draw(self, controls: Float[ndarray, "58"]) -> UInt8[ndarray, "S S 3"]:
        """The frame with these controls."""
        return self._draw(controls[None])[0]

    def film(self, controls: Float[ndarray, "T 58"]) -> Iterator[UInt8[ndarray, "S S 3"]]:
        """The frames with these controls, drawn a few at a time: for controls that are all known in advance."""
        for some in together(controls):
            yield from self._draw(some)

    @torch.inference_mode()
    def _draw(self, controls: Float[ndarray, "n 58"]) -> UInt8[ndarray, "n S S 3"]:
        told = torch.from_numpy(control_space.normalise(controls)).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return to_pixels(self.generator(self.latent.expand(len(told), -1), told))


def together(controls: Float[ndarray, "T 58"]) -> Iterator[Float[ndarray, "n 58"]]:
    """Controls of a film, a few frames at a time; of the first one alone, for who waits for it."""
    done = 0
    while done < len(controls):
        count = min(done + 1, TOGETHER)
        yield controls[done : done + count]
        done += count


def _halved(generator: nn.Module) -> nn.Module:
    """A copy with bfloat16 convolutions: autocast would convert their weights at every frame."""
    halved = copy.deepcopy(generator)
    for module in halved.modules():
        if isinstance(module, nn.Conv2d):
            module.to(torch.bfloat16)
    return halved

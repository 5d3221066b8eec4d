"""Reads batches for the two players: pictures, labels and latents, on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from lightning.fabric import Fabric
from numpy import ndarray
from torch import Tensor

from fenshen import controls as control_space
from fenshen.adversarial import reconstruction
from fenshen.dataset import Batches, Labels, PairedLabels, SizedLabels, SourceLabels
from fenshen.networks import Samples, Sizes
from fenshen.networks.latents import draw_latents
from fenshen.training import randomness
from fenshen.training.batch import Batch, PairedBatch
from fenshen.training.phases import phase
from fenshen.training.randomness import Stream
from fenshen.training.recipe import Recipe


class Feed:
    """Reads batches for the two players.

    Args:
        recipe: batch size, seed, and what the networks are told.
        batches: the training pictures with their labels; where there are several sets, their batches are joined.
        fabric: the device and the other processes.
    """

    def __init__(self, recipe: Recipe, batches: Sequence[Batches], fabric: Fabric) -> None:
        self.recipe, self.batches, self.device = recipe, batches, fabric.device
        share = recipe.batch_size // fabric.world_size
        size, start = share // recipe.accumulate, share * fabric.global_rank
        self.parts = [
            slice(start + i * size, start + (i + 1) * size) for i in range(recipe.accumulate)
        ]  # of the global batch, this process's own

    def move(self, move: int, side: int) -> Iterator[Batch]:
        """The parts of one move's batch, one after another; pictures have ``side`` pixels."""
        for part in self.parts:
            yield self.read(move, part, side)

    def read(self, move: int, part: slice, side: int) -> Batch:
        """Some rows of a move's global batch."""
        with phase("data"):
            return self._read(move, part, side)

    def _read(self, move: int, part: slice, side: int) -> Batch:
        samples, labels = self._joined(move, part, side)
        pictures, controls = self._encoded(samples), None
        sizes = self._sizes(pictures, labels)
        if isinstance(labels, SourceLabels):
            return self._translated(move, part, pictures, labels, sizes)
        if labels.controls is not None:
            controls = torch.from_numpy(control_space.normalise(labels.controls)).to(self.device)
        if not isinstance(labels, PairedLabels) or controls is None:
            return Batch(move, part, pictures, self._noise(move, part), controls, None, sizes)
        codes, points = (torch.from_numpy(values).to(self.device) for values in (labels.codes, labels.points))
        weight = self._weight(labels, side)
        return PairedBatch(move, part, pictures, codes, controls, None, sizes, weight, points)

    def _encoded(self, samples: Shaped[ndarray, "B *A"]) -> Float[Tensor, "B *S"]:
        network = self.recipe.network
        encoded = network.medium.encode(samples, self.device)
        return F.one_hot(encoded, network.dimensions).float() if network.medium.discrete else encoded

    def _translated(
        self, move: int, part: slice, pictures: Samples, labels: SourceLabels, sizes: Sizes | None
    ) -> Batch:
        latents, encode = self._noise(move, part), self.recipe.network.medium.encode
        sources = encode(labels.sources, self.device)
        if not self.recipe.paired:
            return Batch(move, part, pictures, latents, None, sources, sizes)
        return PairedBatch(move, part, pictures, latents, None, sources, sizes, None, None)

    def _joined(self, move: int, part: slice, side: int) -> tuple[Shaped[ndarray, "B *S"], Labels]:
        """Some rows of a batch that has some of every set, the first set's first."""
        pictures, labels, start = [], [], 0
        for batches in self.batches:
            count = batches.batch_size
            some = slice(*(min(max(at - start, 0), count) for at in (part.start, part.stop)))
            start += count
            if some.start < some.stop:
                pixels, known = batches.at(move, some)
                whole = not self.recipe.network.medium.raster or isinstance(known, SizedLabels)
                pictures.append(pixels if whole else shrunk(pixels, side))
                labels.append(known)
        return np.concatenate(pictures), labels[0].joined(labels[1:])

    def _sizes(self, pictures: Samples, labels: Labels) -> Sizes | None:
        """Of each picture, where the generator asks; on the CPU, for they decide shapes."""
        if not self.recipe.network.medium.raster:
            return None
        if isinstance(labels, SizedLabels):
            return torch.from_numpy(labels.sizes)
        return torch.tensor(pictures.shape[2:]).expand(len(pictures), 2)

    def _weight(self, labels: PairedLabels, side: int) -> Float[Tensor, "B 1 S S"] | None:
        if not self.recipe.focus:
            return None
        spots = torch.from_numpy(labels.spots).to(self.device)
        return 1 + self.recipe.focus * reconstruction.focus(spots, side)

    def _noise(self, move: int, part: slice) -> Float[Tensor, "B Z"]:
        numbers = randomness.generator(self.recipe.seed, Stream.LATENTS, move)
        return draw_latents(self.recipe.network, self.recipe.batch_size, numbers)[part].to(self.device)


def shrunk(pixels: Shaped[ndarray, "B H W *C"], side: int) -> Shaped[ndarray, "B side side *C"]:
    """Pictures that may be larger than a network's, at its size."""
    import cv2

    if pixels.shape[1] == side:
        return pixels
    return np.stack([cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pixels])

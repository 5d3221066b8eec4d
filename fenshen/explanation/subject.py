"""What is explained: a generator with the space that it draws from, and its judge where that is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.errors import UsageError
from fenshen.explanation import attributes
from fenshen.model import Model
from fenshen.names import readable
from fenshen.networks import Discriminator, build_discriminator, place
from fenshen.provenance.mark import Mark

if TYPE_CHECKING:
    from fenshen.doubles.store import Double
    from fenshen.training.run import Run

Codes = Float[ndarray, "N Z"]
Pictures = UInt8[ndarray, "N H W 3"]


class Subject(ABC):
    """A generator, and what it is told.

    Attributes:
        name: as a user knows it.
        model: its generator.
        mark: for its pictures.
        space: what its codes are: noise, humans or controls.
    """

    name: str
    model: Model
    mark: Mark
    space: str

    @classmethod
    def of(cls, source: Path | str | Run | Model | Double, device: torch.device) -> Subject:
        """The subject that a model, a run, a checkpoint or a double is.

        Raises:
            UsageError: it draws no pictures from latents.
            FenshenError: it cannot be read.
        """
        from fenshen.doubles.store import Double

        if isinstance(source, Double):
            return _OfDouble(source)
        if not isinstance(source, Model) and _is_double(Path(source)):
            return _OfDouble(Double.open(Path(source), str(device)))
        model = source if isinstance(source, Model) else Model.load(Path(source), device)
        if model.card.told == "picture" or model.card.network.medium.show is not None:
            raise UsageError("explain.only_pictures", path=model.path)
        return _OfModel(model, model.path if isinstance(source, Model) else Path(source))

    @abstractmethod
    def samples(self, count: int, seed: int) -> Codes:
        """Codes as they come."""

    @abstractmethod
    def draw(self, codes: Codes) -> Pictures:
        """Their pictures."""

    def known(self, codes: Codes) -> dict[str, Float[ndarray, "N"]]:
        """What the codes themselves say, by name."""
        return {}

    @property
    def discriminator(self) -> Discriminator | None:
        """Its judge, where the run that trained it is there."""
        return None

    def apart(self) -> tuple[Codes, Codes]:
        """Codes of pictures to compare: each of the first with one of the second."""
        both = self.samples(8, 0)
        return both[:4], both[4:]


class _OfModel(Subject):
    def __init__(self, model: Model, path: Path) -> None:
        self.model, self.mark = model, Mark.of_model(model.digest)
        self.name = readable(path.resolve().name)
        self.space = "humans" if model.card.told == "human" else "noise"

    def samples(self, count: int, seed: int) -> Codes:
        from fenshen.drawing import request_of_seed

        return np.stack([request_of_seed(self.model, seed + i).latent for i in range(count)])

    def draw(self, codes: Codes) -> Pictures:
        return self.model.draw(torch.from_numpy(codes))

    def known(self, codes: Codes) -> dict[str, Float[ndarray, "N"]]:
        return attributes.of_codes(codes) if self.space == "humans" else {}

    @property
    def discriminator(self) -> Discriminator | None:
        from fenshen.training import checkpoint

        weights = checkpoint.discriminator(self.model.path)
        if weights is None or self.model.card.network.conditional:
            return None
        network = build_discriminator(self.model.card.network)
        network.load_state_dict(weights)
        return place(network, "cpu").eval()


class _OfDouble(Subject):
    space = "controls"

    def __init__(self, double: Double) -> None:
        from fenshen.provenance.options import MarkOptions

        self.double, self.model, self.name = double, double.model, double.card.name
        self.mark = double.mark(MarkOptions())

    def samples(self, count: int, seed: int) -> Codes:
        """Controls that the person was seen with; the face turns and moves within them."""
        rest, low, high = (self.double.neutral.copy() for _ in range(3))
        for name, (least, most) in self.double.card.seen.items():
            low[control_space.INDEX[name]], high[control_space.INDEX[name]] = least, most
        numbers = np.random.default_rng(seed)
        move = numbers.random((count, len(rest))) < 0.3  # a few at a time, as faces do
        asked = np.where(move, numbers.uniform(low, high, (count, len(rest))), rest)
        return control_space.clip(asked.astype(np.float32))

    def draw(self, codes: Codes) -> Pictures:
        from fenshen.drawing import DrawRequest

        inside = control_space.clip(codes.astype(np.float32))
        return self.double.draw([DrawRequest(self.double.latent, one) for one in inside])

    def known(self, codes: Codes) -> dict[str, Float[ndarray, "N"]]:
        return {f"face.{name}": codes[:, index] for name, index in control_space.INDEX.items()}

    def apart(self) -> tuple[Codes, Codes]:
        """The face at rest, and with one expression each."""
        from fenshen import sliders

        rest = self.double.neutral
        moved = [sliders.move(rest, name, value) for name, value in _EXPRESSIONS]
        return np.stack([rest] * len(moved)), np.stack(moved)


_EXPRESSIONS = (("smile", 0.8), ("jawOpen", 0.6), ("blink", 1.0), ("yaw", 12.0))


def _is_double(path: Path) -> bool:
    return path.suffix == ".double" or (path / "double.json").is_file()

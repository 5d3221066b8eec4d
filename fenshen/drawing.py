"""What to draw: requests to a model, from seeds and named sliders to latents and controls."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import sliders
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.humans.camera import Camera
    from fenshen.humans.human import Human
    from fenshen.model import Model

_STEPS = 7  # pictures along an axis, if not said otherwise
_MOST_STEPS = 25


@dataclass(frozen=True, eq=False)
class DrawRequest:
    """A request for one picture.

    Attributes:
        latent: of the generator.
        controls: None where the model knows of none.
        human: who it is, where the model was told; then ``latent`` is that person's code.
        camera: that sees them.
    """

    latent: Float[ndarray, "Z"]
    controls: Float[ndarray, "58"] | None = None
    human: Human | None = None
    camera: Camera | None = None

    def with_words(self, model: Model, words: Mapping[str, str]) -> DrawRequest:
        """The same request with sliders and features set by name.

        Raises:
            UsageError: a word is unknown or its value impossible, or the model knows nothing of the kind.
            FenshenError: no such person is possible.
        """
        if not words:
            return self
        if self.controls is None:
            raise UsageError("sliders.not_told", model=model.path)
        controls, about = self.controls, dict[str, str]()
        for name, word in words.items():
            if name in sliders.names():
                controls = sliders.move(controls, name, _number(name, word))
            else:
                about[name] = word
        moved = replace(self, controls=controls)
        return _described(moved, model, about) if about else moved


@dataclass(frozen=True)
class Axis:
    """A slider and where it goes along a row or column of a sheet."""

    name: str
    values: tuple[float, ...]


def request_of_seed(model: Model, seed: int) -> DrawRequest:
    """The request of a seed: a sampled human, or noise."""
    if model.card.told == "human":
        from fenshen.humans.encoding import encode
        from fenshen.humans.sampler import sample, sample_camera, sample_controls

        human, camera = sample(seed), sample_camera(seed)
        return DrawRequest(encode(human, camera), sample_controls(seed), human, camera)
    (latent,) = model.latents([seed]).numpy()
    return DrawRequest(latent, control_space.NEUTRAL if model.card.network.conditional else None)


def draw(
    model: Model,
    requests: Sequence[DrawRequest],
    truncation: float = 1.0,
    size: tuple[int, int] | None = None,
) -> Shaped[ndarray, "N *S"]:
    """Draw one picture or other sample per request.

    Args:
        truncation: below 1 draws people closer to the average.
        size: height and width, for a model that draws any.
    """
    import torch

    latents = torch.from_numpy(np.stack([request.latent for request in requests]))
    known = [request.controls for request in requests if request.controls is not None]
    return model.draw(latents, truncation=truncation, controls=np.stack(known) if known else None, size=size)


def grid_requests(model: Model, start: DrawRequest, axes: tuple[Axis, Axis]) -> list[DrawRequest]:
    """The requests of a sheet, row by row: the first axis runs left to right, the second top to bottom."""
    across, down = axes
    return [
        start.with_words(model, {across.name: f"{x:g}", down.name: f"{y:g}"})
        for y in down.values
        for x in across.values
    ]


def parse_words(settings: Sequence[str]) -> dict[str, str]:
    """``["age=60", "smile=0.7"]`` as a mapping.

    Raises:
        UsageError: a setting has no ``=``.
    """
    words = {}
    for setting in settings:
        name, equals, word = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError("recipe.no_equals", word=setting)
        words[name.strip()] = word.strip()
    return words


def parse_axis(word: str) -> Axis:
    """``smile:0:1`` or, with the number of pictures, ``yaw:-30:30:5``.

    Raises:
        UsageError: it is not of this form.
    """
    numeral = r"-?\d+(?:\.\d+)?"
    match = re.fullmatch(rf"([\w.-]+):({numeral}):({numeral})(?::(\d{{1,2}}))?", word)
    steps = int(match[4] or _STEPS) if match else 0
    if match is None or not 2 <= steps <= _MOST_STEPS:
        raise UsageError("sliders.axis", word=word)
    return Axis(match[1], tuple(np.linspace(float(match[2]), float(match[3]), steps).tolist()))


def _described(request: DrawRequest, model: Model, about: Mapping[str, str]) -> DrawRequest:
    """The request with other features of the same person."""
    from fenshen.humans import words
    from fenshen.humans.encoding import encode

    for name in about:
        if not words.is_word(name):
            raise _unknown(name, (*sliders.names(), *words.names()))
    if request.human is None:
        raise UsageError("sliders.not_a_person", model=model.path, name=next(iter(about)))
    human = words.describe(request.human, about)
    return replace(request, human=human, latent=encode(human, request.camera))


def _number(name: str, word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise UsageError("sliders.number", name=name, value=word) from error


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return UsageError("sliders.unknown", name=name, nearest=near[0])
    shown = [word for word in known if word not in control_space.BLENDSHAPES]
    return UsageError("sliders.unknown_none_near", name=name, names=", ".join(shown))

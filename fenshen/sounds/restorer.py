"""At work on a recording: piece by piece, by a network at the level it was taught at, or plainly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from fenshen.data.sound_damage import CHANNELS, encoded
from fenshen.errors import FenshenError
from fenshen.model import Model
from fenshen.sounds.recording import Measured, pieces
from fenshen.sounds.tasks import TASKS, Spans

Sound = Float[ndarray, "S"]

_LEVEL = 0.09  # root mean square of loud parts, as in training


class SoundRestorer:
    """Restores recordings.

    Args:
        model: trained on ``damaged-sound:`` recordings; None: what can be done without one.

    Raises:
        FenshenError: the model is something else.
    """

    def __init__(self, model: Model | None) -> None:
        network = None if model is None else model.card.network
        if model and network and (network.medium.name != "sounds" or network.sources != CHANNELS):
            raise FenshenError("sounds.other_model", path=model.path)
        self.model = model
        self.worked = False  # whether anything was found to do

    def restore(
        self, path: Path, name: str, found: Measured, spans: Spans = (), strength: float = 1.0
    ) -> Iterator[Float[ndarray, "samples channels"]]:
        """A recording restored, in parts that follow one another; memory does not grow with its length.

        Args:
            name: of the task.
            found: what is known of the whole recording.
            spans: seconds that are missing, if the user says so.
            strength: 0 leaves the recording as it is.
        """
        for piece in pieces(path):
            made = [self.channel(sound, name, found, spans, piece.start) for sound in piece.planes]
            mixed = piece.planes + np.float32(strength) * (np.stack(made) - piece.planes)
            yield mixed[:, piece.kept].T

    def channel(self, sound: Sound, name: str, found: Measured, spans: Spans = (), start: int = 0) -> Sound:
        """One channel of a piece."""
        task = TASKS[name]
        begun = None if found.silent else task.begin(sound, found, spans, start)
        if begun is None:
            return sound
        self.worked = True
        if self.model is None:
            return begun.plain
        gain = np.float32(_LEVEL / found.level)
        sources = encoded(begun.given * gain, name, begun.missing)
        made = self.model.translate(sources[None])[0, 0] / gain
        finished = task.finish(made, sound, begun, found)
        # Where nothing is missing the recording stays bit for bit: no rounding by a gain and back.
        return finished if begun.missing is None else np.where(_near(begun.missing), finished, sound)


def _near(missing: ndarray, reach: int = 24) -> ndarray:
    """What is missing and what is right beside it, over which the network's sound fades in."""
    return np.convolve(missing, np.ones(2 * reach + 1), "same") > 0.5


def open_restorer(path: Path | str | Model | None, device: str | torch.device) -> SoundRestorer:
    """The restorer of a run; without one recordings are restored plainly.

    Raises:
        FenshenError: there is none, or it is something else.
    """
    return SoundRestorer(path if isinstance(path, Model | None) else Model.load(path, device))

"""Sequences of numbers, [steps, numbers]: the medium, and sines to check it on.

``sines:5`` are those of Yoon, Jarrett, van der Schaar 2019 (TimeGAN, section 5.1): five independent sines of random
frequency and phase over 24 steps, scaled to [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen.data import KINDS, FormulaCard
from fenshen.errors import UsageError
from fenshen.media import Medium

if TYPE_CHECKING:
    from fenshen.provenance.mark import Mark

_COUNT, _HELD_OUT, _STEPS = 10_000, 2_000, 24
_FASTEST, _LATEST = 0.1, 0.1  # cycles over 2 pi a step, and phase, at most: as in the authors' code
_SEED = 0
_ROWS, _CELL, _GAP = 4, 144, 12  # of a plot: 4 x 4 sequences, px
_PAPER, _FRAME = (250, 249, 246), (222, 224, 226)
_INKS = ((196, 64, 36), (36, 106, 160), (66, 132, 76), (190, 138, 20), (116, 78, 150))
_FINER = 3


def encode(sequences: Float[ndarray, "B T F"], device: torch.device | str = "cpu") -> Float[Tensor, "B T F"]:
    """[0, 1] to [-1, 1]."""
    return torch.from_numpy(sequences).to(device).mul(2).sub(1)


def decode(sequences: Float[Tensor, "B T F"]) -> Float[ndarray, "B T F"]:
    """[-1, 1] to [0, 1]; what lies outside is clipped."""
    return sequences.float().add(1).div(2).clamp(0, 1).cpu().numpy()


def plot(sequences: Float[ndarray, "N T F"], origin: Sequence[str] = ()) -> UInt8[ndarray, "H W 3"]:
    """The first 16 sequences, each in a frame of its own, its numbers as lines of different colours."""
    import cv2

    cell, gap = _CELL * _FINER, _GAP * _FINER
    side = _ROWS * (cell + gap) + gap
    picture = np.full((side + gap * 3, side, 3), _PAPER, np.uint8)
    for number, sequence in enumerate(sequences[: _ROWS**2]):
        row, column = divmod(number, _ROWS)
        left, top = gap + column * (cell + gap), gap + row * (cell + gap)
        cv2.rectangle(picture, (left, top), (left + cell, top + cell), _FRAME, _FINER)
        x = left + np.linspace(0, cell, len(sequence))
        for line, ink in zip(sequence.T, [*_INKS] * (1 + sequence.shape[1] // len(_INKS)), strict=False):
            y = top + (1 - line) * cell
            points = np.stack([x, y], axis=1).round().astype(np.int32)
            cv2.polylines(picture, [points], False, ink, round(1.6 * _FINER), cv2.LINE_AA)
    height, width = picture.shape[:2]
    return cv2.resize(picture, (width // _FINER, height // _FINER), interpolation=cv2.INTER_AREA)


def plot_beside(
    made: Float[ndarray, "N T F"], wanted: Float[ndarray, "N T F"], numbers: int = 3
) -> UInt8[ndarray, "H W 3"]:
    """Sequences, each in a row of its own, as lines over pale ones of what they should be.

    Args:
        numbers: how many of a sequence are shown: those that should move most in all of them.
    """
    import cv2

    cell, gap = _CELL * _FINER, _GAP * _FINER
    width = _ROWS * (cell + gap) - gap
    picture = np.full((gap + len(made) * (cell + gap), width + 2 * gap, 3), _PAPER, np.uint8)
    most = np.argsort(-wanted.std(axis=1).mean(axis=0))[:numbers]
    x = gap + np.linspace(0, width, made.shape[1])
    for row, pair in enumerate(zip(wanted, made, strict=True)):
        top = gap + row * (cell + gap)
        cv2.rectangle(picture, (gap, top), (gap + width, top + cell), _FRAME, _FINER)
        for sequence, pale in zip(pair, (0.72, 0.0), strict=True):
            for line, ink in zip(sequence.T[most], _INKS, strict=False):
                mixed = tuple(
                    round(pale * paper + (1 - pale) * i) for paper, i in zip(_PAPER, ink, strict=True)
                )
                points = np.stack([x, top + (1 - line) * cell], axis=1).round().astype(np.int32)
                wide = round((4 if pale else 1.6) * _FINER)
                cv2.polylines(picture, [points], False, mixed, wide, cv2.LINE_AA)
    height, width = picture.shape[:2]
    return cv2.resize(picture, (width // _FINER, height // _FINER), interpolation=cv2.INTER_AREA)


def show(sequences: Float[ndarray, "N T F"], origin: Sequence[str]) -> UInt8[ndarray, "H W 3"]:
    """Sequences as lines; melodies as piano rolls."""
    from fenshen.data import melodies

    return (melodies.plot if _are_melodies(origin) else plot)(sequences, origin)


def _are_melodies(origin: Sequence[str]) -> bool:
    from fenshen.data.melodies import PREFIX

    return any(name.startswith(PREFIX) for name in origin)


def write_midi(sequences: Float[ndarray, "N T F"], origin: Sequence[str], path: Path, mark: Mark) -> None:
    """Melodies as a MIDI file, which says that AI made it and has room for no other mark.

    Raises:
        UsageError: the sequences are no melodies.
        FenshenError: the extra ``music`` is not installed, or the file cannot be written.
    """
    from fenshen import files
    from fenshen.data import melodies

    if not _are_melodies(origin):
        raise UsageError("sequences.no_sound", path=path)
    content = melodies.midi(sequences)
    with files.writing(path) as part:
        part.write_bytes(content)


def write_sound(sequences: Float[ndarray, "N T F"], origin: Sequence[str], path: Path, mark: Mark) -> None:
    """Melodies as sound, marked as all sound is.

    Raises:
        UsageError: the sequences are no melodies.
        FenshenError: the file cannot be written.
    """
    from fenshen.data import melodies

    if not _are_melodies(origin):
        raise UsageError("sequences.no_sound", path=path)
    samples, rate = melodies.sound(sequences)
    mark.sound(path, [samples], rate)


SEQUENCES = Medium(
    "sequences",
    lambda steps, numbers: (steps, numbers),
    encode,
    decode,
    show,
    {".mid": write_midi, ".wav": write_sound},
    axes=(1,),
)


@KINDS.register("sines")
class Sines:
    """Training data of sines: 10,000 sequences of 24 steps, the same in every run; 2,000 of them are held out.

    Args:
        name: how many sines a sequence has, as a word.

    Raises:
        UsageError: it is no number from 1 to 32.
    """

    medium = SEQUENCES
    recipe = "sequences"

    def __init__(self, name: str) -> None:
        if not name.isdecimal() or not 1 <= int(name) <= 32:
            raise UsageError("sequences.unknown", name=name)
        self.path = Path(f"sines:{name}")
        self.card = FormulaCard([str(self.path)], _STEPS)
        self.shape = {"size": _STEPS, "dimensions": int(name)}
        self.fingerprint = f"{self.path}:{_COUNT}:{_SEED}"

    @cached_property
    def samples(self) -> Float[ndarray, "N T F"]:
        """The sequences."""
        numbers = np.random.default_rng(_SEED)
        frequency, phase = numbers.random((2, _COUNT, 1, self.shape["dimensions"]))
        angles = _FASTEST * frequency * np.arange(_STEPS)[:, None] + _LATEST * phase
        return ((np.sin(angles) + 1) / 2).astype(np.float32)

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Positions of one split's sequences."""
        return np.arange(_COUNT - _HELD_OUT) if split == "train" else np.arange(_COUNT - _HELD_OUT, _COUNT)

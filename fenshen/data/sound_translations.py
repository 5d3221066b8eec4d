"""Sounds for generators that translate: ``vocoded:A`` from their mel spectra, ``damaged-sound:A`` from what is left of
them; ``A`` is ``speech:N`` or a folder of recordings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from fenshen.data import KINDS
from fenshen.data.sound_damage import CHANNELS, DAMAGES, encoded
from fenshen.data.sounds import SOUNDS, open_sounds
from fenshen.data.translations import Targeted
from fenshen.spectra import HOP, MELS, log_mel

Sound = Float[ndarray, "1 S"]

_SOFTEST, _LOUDEST = 0.4, 1.4  # times the level of speech
_TRIED = 4  # places, for one that is not silent
_SILENT = 0.01  # root mean square


class SoundTranslations(Targeted):
    """Short pieces of speech, and what they are made of.

    Args:
        kind: the word before the colon.
        name: all that the user wrote after it.
        sounds: what of it names the sounds.
    """

    medium = SOUNDS
    largest = 64  # frames: 0.7 seconds

    def __init__(self, kind: str, name: str, sounds: str) -> None:
        super().__init__(f"{kind}:{name}", open_sounds(sounds))

    def piece(self, row: int, numbers: np.random.Generator, frames: int) -> Float[ndarray, "S"]:
        """A part of a piece, louder or softer than it was, and not silent if that can be helped."""
        whole, length = self.samples[row, 0], frames * HOP
        for _ in range(_TRIED):
            start = int(numbers.integers(len(whole) - length + 1))
            sound = whole[start : start + length].astype(np.float32) / 32767
            if np.sqrt(np.mean(sound**2)) > _SILENT:
                break
        return sound * np.float32(numbers.uniform(_SOFTEST, _LOUDEST))


@KINDS.register("vocoded")
class Vocoded(SoundTranslations):
    """Speech from its mel spectra.

    Args:
        name: ``speech:N``, or a folder.
    """

    channels: ClassVar[int] = MELS
    recipe = "vocoder"

    def __init__(self, name: str) -> None:
        super().__init__("vocoded", name, name)

    def pair(self, row: int, numbers: np.random.Generator, size: int) -> tuple[Float[ndarray, "80 T"], Sound]:
        sound = self.piece(row, numbers, size)
        return log_mel(torch.from_numpy(sound)[None])[0].numpy(), sound[None]


@KINDS.register("damaged-sound")
class DamagedSound(SoundTranslations):
    """Speech, damaged at random.

    Args:
        name: ``speech:N``, or a folder; before it, joined by ``+`` and with a colon after them, the damages if not all.
    """

    channels: ClassVar[int] = CHANNELS
    recipe = "restore-sound"

    def __init__(self, name: str) -> None:
        words, _, rest = name.partition(":")
        chosen = words.split("+")
        if not set(chosen) <= set(DAMAGES):
            chosen, rest = list(DAMAGES), name
        super().__init__("damaged-sound", name, rest)
        self.damages = [DAMAGES[word] for word in chosen]

    @property
    def fingerprint(self) -> str:
        return "+".join(damage.name for damage in self.damages) + self.target.fingerprint

    def pair(self, row: int, numbers: np.random.Generator, size: int) -> tuple[Float[ndarray, "6 S"], Sound]:
        sound = self.piece(row, numbers, size)
        damage = self.damages[numbers.integers(len(self.damages))]
        damaged, missing = damage.apply(sound, numbers)
        return encoded(damaged, damage.name, missing), sound[None]

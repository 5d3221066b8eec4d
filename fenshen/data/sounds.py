"""Sounds, [channels, samples] at 24 kHz: the medium, and speech to learn from.

``speech:320`` is 320 sentences in English and Chinese, spoken by every voice that is installed, each a little higher or
lower than it is by itself; a folder is the recordings in it. Speech is kept in the cache, sentence by sentence.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float, Int16, Shaped, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen import audio, cache, files
from fenshen.data import KINDS, FormulaCard
from fenshen.data.sentences import compose
from fenshen.errors import FenshenError, UsageError
from fenshen.media import Medium
from fenshen.spectra import HOP, decibels

if TYPE_CHECKING:
    from fenshen.motion.speech import Language, Voice

Sound = Float[ndarray, "samples"]

FRAMES = 128  # of a piece of training data; a network's own are shorter
HELD_OUT = "am_michael"  # the voice that no training hears
_FULL = 32767  # of 16 bits
_MOST = 20_000  # sentences
_TURNS = 0.13  # octaves by which a voice is higher or lower than by itself, at most
_SEED = 0
_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac")
_ONE_IN = 8  # recordings that are held out
_LOUD, _RANGE = 20.0, 80.0  # decibels of what is white in a spectrogram, and below it of what is black


def encode(sounds: Shaped[ndarray, "B C T"], device: torch.device | str = "cpu") -> Float[Tensor, "B C T"]:
    """16 bits to [-1, 1]; what is in floating point stays as it is."""
    given = torch.from_numpy(np.ascontiguousarray(sounds)).to(device)
    return given if given.is_floating_point() else given.float().div(_FULL)


def decode(sounds: Float[Tensor, "B C T"]) -> Float[ndarray, "B C T"]:
    """As they are, in floating point: a peak beyond 1 is cut off where it is written, not before."""
    return sounds.float().cpu().numpy()


def show(sounds: Float[ndarray, "N C T"], origin: Sequence[str] = ()) -> UInt8[ndarray, "H W 3"]:
    """The spectrograms of sounds, one below the other: time to the right, frequency upward, over 80 dB."""
    return np.concatenate([strip(sound[0]) for sound in sounds])


def strip(sound: Sound) -> UInt8[ndarray, "128 W 3"]:
    """One sound's spectrogram, four pixels a frame."""
    import cv2

    levels = decibels(torch.from_numpy(np.ascontiguousarray(sound, dtype=np.float32))[None])[0].numpy()
    shades = np.clip((levels + _RANGE - _LOUD) / _RANGE, 0, 1)[::-1]
    small = cv2.resize(shades, (4 * shades.shape[1], 128), interpolation=cv2.INTER_AREA)
    return cv2.applyColorMap((small * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1].copy()


SOUNDS = Medium(
    "sounds",
    lambda frames, channels: (1, frames * HOP),
    encode,
    decode,
    show,
    axes=(2,),
)


class Sounds(ABC):
    """Speech as pieces of equal length.

    Args:
        name: how a user names it.
        count: recordings.
        licence: of the recordings, where it is known.
    """

    medium = SOUNDS
    recipe = "vocoder"

    def __init__(self, name: str, count: int, licence: str | None) -> None:
        self.path, self.count = Path(name), count
        self.card = FormulaCard([name], FRAMES, licence or "unknown")
        self.shape = {"size": FRAMES}

    @abstractmethod
    def recording(self, number: int) -> Sound:
        """One of the recordings, at the level of speech."""

    @abstractmethod
    def held_out(self, number: int) -> bool:
        """Whether no training hears it."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes with the recordings."""

    @property
    def samples(self) -> Int16[ndarray, "N 1 T"]:
        """All pieces, in 16 bits."""
        return self._pieces[0]

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Positions of one split's pieces."""
        return np.flatnonzero(self._pieces[1] == (split == "held_out"))

    @cached_property
    def _pieces(self) -> tuple[Int16[ndarray, "N 1 T"], ndarray]:
        pieces, away = list[ndarray](), list[bool]()
        for number in self._in_turn():
            some = [np.round(piece * _FULL).astype(np.int16) for piece in _cut(self.recording(number))]
            pieces += some
            away += [self.held_out(number)] * len(some)
        if not pieces:
            raise FenshenError("sounds.nothing", path=self.path)
        return np.stack(pieces)[:, None], np.array(away)

    def _in_turn(self) -> Iterator[int]:
        yield from range(self.count)


def _cut(sound: Sound) -> Iterator[Float[ndarray, "T"]]:
    """Pieces, the last one filled up with silence; what is shorter than a quarter of a piece is left out."""
    length = FRAMES * HOP
    for start in range(0, len(sound), length):
        piece = np.clip(sound[start : start + length], -1, 1)
        if len(piece) >= length // 4:
            yield np.pad(piece, (0, length - len(piece)))


@KINDS.register("speech")
class Speech(Sounds):
    """Synthesised sentences, by turns from every voice of the engines that are installed.

    One voice, :data:`HELD_OUT`, is kept from training, or without Kokoro one in eight sentences. It speaks both
    languages by turns, as the others do.

    Args:
        name: how many sentences, as a word.

    Raises:
        UsageError: it is no number from 8 to 20,000.
        FenshenError: no speech engine is installed.
    """

    def __init__(self, name: str) -> None:
        if not name.isdecimal() or not 8 <= int(name) <= _MOST:
            raise UsageError("sounds.count", name=name, most=f"{_MOST:,}")
        super().__init__(f"speech:{name}", int(name), "Apache-2.0")
        self.voices = _voices()
        self.apart = any(voice.name == HELD_OUT for voice in self.voices)

    @property
    def fingerprint(self) -> str:
        return f"{self.path}:{'+'.join(voice.name for voice in self.voices)}:{_SEED}"

    def voice(self, number: int) -> Voice:
        """Who speaks a sentence."""
        return self.voices[number % len(self.voices)]

    def held_out(self, number: int) -> bool:
        return self.voice(number).name == HELD_OUT if self.apart else number % _ONE_IN == _ONE_IN - 1

    def sentence(self, number: int) -> tuple[str, Language]:
        """What is said, and in which language: a voice's own, but every third time the other."""
        voice, turn = self.voice(number), number // len(self.voices)
        foreign = turn % 2 if voice.name == HELD_OUT else turn % 3 == 2
        language: Language = ("zh" if voice.language == "en" else "en") if foreign else voice.language
        return compose(language, np.random.default_rng((_SEED, number))), language

    def recording(self, number: int) -> Sound:
        said, language = self.sentence(number)
        voice = self.voice(number)
        key = hashlib.sha256(f"{voice.engine}:{voice.name}:{said}".encode()).hexdigest()[:24]
        kept = cache.arrays("speech", key, partial(_kept, said, language, voice))["sound"]
        sound = kept.astype(np.float32) / np.float32(_FULL)
        turn = np.random.default_rng((_SEED, number, 1)).uniform(-_TURNS, _TURNS)
        return sound if self.held_out(number) else audio.resampled(sound, 2.0**-turn)

    def _in_turn(self) -> Iterator[int]:
        from rich.console import Console
        from rich.progress import track

        from fenshen.messages import message

        console = Console(stderr=True)
        yield from track(range(self.count), message("sounds.speaking"), console=console, transient=True)


def _voices() -> list[Voice]:
    """The voices of the engines on this machine, sorted, so that each is met as often as any other."""
    from fenshen.motion.speech import engine
    from fenshen.motion.speech.engines import espeak, kokoro

    found: list[Voice] = []
    failed: FenshenError | None = None
    for name in (kokoro.NAME, espeak.NAME):
        try:
            found += engine(name).voices()
        except FenshenError as error:
            failed = error
    if not found and failed is not None:
        raise failed
    return found


def _kept(said: str, language: Language, voice: Voice) -> dict[str, Int16[ndarray, "samples"]]:
    """A sentence spoken, as it is cached: in 16 bits."""
    from fenshen.motion.speech import engine

    speech = engine(voice.engine).synthesize(said, language, voice.name)
    level = audio.normalised(speech.samples, speech.sample_rate)
    sound = audio.resampled(level, audio.RATE / speech.sample_rate)
    return {"sound": np.round(np.clip(sound, -1, 1) * _FULL).astype(np.int16)}


class Recordings(Sounds):
    """The recordings in a folder; one in eight is held out.

    Args:
        name: of the folder.

    Raises:
        FenshenError: there is none, or nothing in it is a recording.
    """

    def __init__(self, name: str) -> None:
        folder = Path(name)
        files.must_be_folder(folder, "sounds.folder")
        self._files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
        if not self._files:
            raise FenshenError("sounds.nothing", path=folder)
        super().__init__(name, len(self._files), None)

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256("".join(map(files.sha256, self._files)).encode()).hexdigest()

    def held_out(self, number: int) -> bool:
        return number % _ONE_IN == _ONE_IN - 1

    def recording(self, number: int) -> Sound:
        return audio.normalised(audio.read(self._files[number]), audio.RATE)


def open_sounds(name: str) -> Sounds:
    """``speech:N``, or a folder of recordings.

    Raises:
        UsageError: there is no such speech.
        FenshenError: there is no such folder, or it has no recordings.
    """
    kind, _, rest = name.partition(":")
    return Speech(rest) if kind == "speech" else Recordings(name)

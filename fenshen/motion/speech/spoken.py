"""What every engine gives: sound, and when each phoneme of it is heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
_SILENT = 0.004  # of full scale


@dataclass(frozen=True)
class Phoneme:
    """One phoneme: its symbol (IPA, or Kokoro's letters for diphthongs), and from when to when, in seconds.

    Attributes:
        stressed: whether it belongs to a stressed syllable.
        language: whose phoneme it is.
    """

    symbol: str
    start: float
    end: float
    stressed: bool = False
    language: Language = "en"

    def later(self, seconds: float) -> Phoneme:
        """The same phoneme in a longer sound that begins so much earlier."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)


@dataclass(frozen=True, eq=False)
class Speech:
    """Spoken words.

    Attributes:
        samples: mono, in [-1, 1].
        sample_rate: samples a second.
        phonemes: in their order; empty where an engine cannot tell them.
    """

    samples: Float[ndarray, "samples"]
    sample_rate: int
    phonemes: tuple[Phoneme, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the sound is."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Voice:
    """A voice that an engine has: the name to ask for, the language it was made for, ``f`` or ``m``."""

    engine: str
    name: str
    language: Language
    gender: Literal["f", "m"]


@runtime_checkable
class Engine(Protocol):
    """Turns a sentence into speech."""

    def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
        """Speak one sentence.

        Args:
            text: normalised (:mod:`fenshen.motion.speech.text`), not empty, at most a few hundred characters.
            lang: of the sentence; words in the other language are spoken as such.
            voice: one of the engine's; its first for the language if left out.

        Raises:
            FenshenError: the engine is not installed or fails.
            UsageError: it has no such voice.
        """
        ...


def spliced(pieces: Sequence[Speech]) -> Speech:
    """One speech after another.

    Raises:
        ValueError: there is none, or they differ in sample rate.
    """
    rates = {piece.sample_rate for piece in pieces}
    if len(rates) != 1:
        raise ValueError(f"speech to join has one sample rate, not {sorted(rates)}")
    return Speech(np.concatenate([piece.samples for piece in pieces]), rates.pop(), tuple(_shifted(pieces)))


def _shifted(pieces: Sequence[Speech]) -> Iterator[Phoneme]:
    before = 0.0
    for piece in pieces:
        for phoneme in piece.phonemes:
            yield phoneme.later(before)
        before += piece.seconds


def trimmed(speech: Speech, edge: float = 0.05) -> Speech:
    """The speech with so many seconds of silence around its phonemes, at most."""
    if not speech.phonemes:
        return speech
    rate = speech.sample_rate
    loud = np.flatnonzero(np.abs(speech.samples) > _SILENT)
    begin, end = speech.phonemes[0].start, speech.phonemes[-1].end
    if len(loud):
        begin, end = min(begin, loud[0] / rate), min(end, (loud[-1] + 1) / rate)
    first, last = max(0, round((begin - edge) * rate)), min(len(speech.samples), round((end + edge) * rate))
    return Speech(
        speech.samples[first:last], rate, tuple(_within(speech.phonemes, first / rate, last / rate))
    )


def _within(phonemes: Sequence[Phoneme], start: float, stop: float) -> Iterator[Phoneme]:
    """What of the phonemes lies between two times, counted from the first."""
    for phoneme in phonemes:
        begin, end = max(phoneme.start, start), min(phoneme.end, stop)
        if begin < end:
            yield replace(phoneme, start=begin - start, end=end - start)

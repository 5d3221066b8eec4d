"""What every engine returns: sound, and the times of its phonemes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen.errors import UsageError

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
    """Speech: sound with its phonemes.

    Attributes:
        samples: mono, in [-1, 1].
        sample_rate: samples a second.
        phonemes: in order; empty if the engine does not report them.
    """

    samples: Float[ndarray, "samples"]
    sample_rate: int
    phonemes: tuple[Phoneme, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration of the sound."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Voice:
    """A voice of an engine.

    Attributes:
        engine: the name that the engine is registered under.
        name: the voice's name.
        language: what the voice was made for; it may speak others.
        gender: female or male.
    """

    engine: str
    name: str
    language: Language
    gender: Literal["f", "m"]


class Engine(ABC):
    """Turns sentences into speech. A subclass registers itself with :data:`fenshen.motion.speech.ENGINES`."""

    @classmethod
    def open(cls, name: str) -> Engine:
        """The engine that is asked for by ``name``: its own, or an address that begins with it."""
        return cls()

    @classmethod
    def voices(cls) -> Sequence[Voice]:
        """The voices to choose from, whether or not the engine is installed; none where they are not known."""
        return ()

    @classmethod
    def voice_named(cls, name: str | None, lang: Language) -> Voice:
        """One of the voices; the first one of the language where no name is given.

        Raises:
            UsageError: the engine has no such voice.
        """
        voices = cls.voices()
        for voice in voices:
            if name == voice.name or (name is None and lang == voice.language):
                return voice
        names = ", ".join(voice.name for voice in voices)
        raise UsageError("motion.no_voice", engine=voices[0].engine, voice=name, names=names)

    @abstractmethod
    def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
        """Speak one sentence.

        Args:
            text: normalised (:mod:`fenshen.motion.speech.text`), not empty, at most a few hundred characters.
            lang: the sentence's language; words in the other language are spoken as such.
            voice: the name of one of the voices; by default the first one of the language.

        Raises:
            FenshenError: the engine is not installed or fails.
            UsageError: it has no such voice.
        """


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
    """The speech with at most this many seconds of silence around its phonemes."""
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

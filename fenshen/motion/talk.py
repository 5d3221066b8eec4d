"""From text or sound to a voice and a moving face, in sync."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import numpy as np

from fenshen import audio
from fenshen.errors import warn
from fenshen.motion import lips, speech
from fenshen.motion.speech.spoken import Engine, Language, Speech, spliced
from fenshen.motion.speech.text import PAUSE, language_of, sentences
from fenshen.motion.track import Track, check_rate, joined
from fenshen.motion.visemes import speak_track

_SENTENCE, _BREATH = 0.30, 0.12  # seconds of silence after a sentence, and where a long one takes breath


def talk(
    text: str,
    *,
    lang: str | None = None,
    voice: str | None = None,
    engine: str | None = None,
    rate: float = 25.0,
    seed: int = 0,
) -> tuple[Speech, Track]:
    """Speak a text.

    Args:
        text: Chinese, English or both, up to 50,000 characters.
        lang: ``en`` or ``zh``; the one that most of the text is in if left out.
        voice: one of the engine's (:func:`fenshen.motion.speech.voices`).
        engine: name of a registered engine, or the address of a server; by default
            :data:`fenshen.motion.speech.DEFAULT_ENGINE`.
        rate: frames a second of the track.
        seed: random seed of idle movement and accents.

    Returns:
        Sound and track of equal length, to the sample.

    Raises:
        UsageError: the text is empty, or there is no such language, voice or engine.
        FenshenError: the engine is not installed or fails.
    """
    pieces = list(talk_stream(text, lang=lang, voice=voice, engine=engine, rate=rate, seed=seed))
    return spliced([said for said, _ in pieces]), joined([track for _, track in pieces])


def talk_stream(
    text: str,
    *,
    lang: str | None = None,
    voice: str | None = None,
    engine: str | None = None,
    rate: float = 25.0,
    seed: int = 0,
) -> Iterator[tuple[Speech, Track]]:
    """Like :func:`talk`, but yields each sentence as it is spoken; joined, the pieces equal its result."""
    check_rate(rate)
    language = language_of(text, lang)
    parts = sentences(text, language)
    return _pieces(parts, language, voice, speech.engine(engine or speech.DEFAULT_ENGINE), rate, seed)


def talk_audio(path: Path | str, *, rate: float = 25.0, seed: int = 0) -> tuple[Speech, Track]:
    """Animate a recording without a transcript.

    Returns:
        The recording, mono at 24 kHz, silence added up to a whole frame; and the track, equally long.

    Raises:
        FenshenError: the sound cannot be read.
    """
    check_rate(rate)
    samples = audio.read(path)
    if audio.is_silent(samples, audio.RATE):
        warn("audio.silent", path=path)
    padded = _padded_to_frames(Speech(samples, audio.RATE), rate, 0)
    return padded, lips.from_audio(padded.samples, audio.RATE, rate=rate, seed=seed)


def _pieces(
    parts: list[str], language: Language, voice: str | None, engine: Engine, rate: float, seed: int
) -> Iterator[tuple[Speech, Track]]:
    """Speak each sentence while the one before is drawn."""
    frames = 0
    with ThreadPoolExecutor(1) as speaker:
        waiting = speaker.submit(engine.synthesize, parts[0], language, voice)
        for part, after in zip_longest(parts, parts[1:]):
            said = waiting.result()
            if after is not None:
                waiting = speaker.submit(engine.synthesize, after, language, voice)
            pause = _BREATH if part[-1] in PAUSE else _SENTENCE
            samples = np.pad(said.samples, (0, round(pause * said.sample_rate)))
            samples = audio.normalised(samples, said.sample_rate)
            said = _padded_to_frames(Speech(samples, said.sample_rate, said.phonemes), rate, frames)
            yield said, _track_of(said, rate, seed, frames)
            frames += _frame_count(said, rate)


def _track_of(said: Speech, rate: float, seed: int, frames: int) -> Track:
    """The track of a piece of speech that begins ``frames`` frames after the first one."""
    if not said.phonemes:
        return lips.from_audio(said.samples, said.sample_rate, rate=rate, seed=seed, start=frames / rate)
    count = _frame_count(said, rate)
    loudness = audio.loudness(said.samples, said.sample_rate, rate, count)
    return speak_track(said.phonemes, count / rate, rate, seed, loudness=loudness, start=frames / rate)


def _padded_to_frames(said: Speech, rate: float, frames: int) -> Speech:
    """The speech with silence up to the end of a frame; it begins ``frames`` frames after the first piece."""
    first = round(frames / rate * said.sample_rate)
    count = max(1, math.ceil(len(said.samples) / said.sample_rate * rate - 1e-6))
    last = round((frames + count) / rate * said.sample_rate)
    while last - first < len(said.samples):  # by rounding, at most once
        count += 1
        last = round((frames + count) / rate * said.sample_rate)
    samples = np.pad(said.samples, (0, last - first - len(said.samples)))
    return Speech(samples, said.sample_rate, said.phonemes)


def _frame_count(said: Speech, rate: float) -> int:
    return max(1, round(said.seconds * rate))

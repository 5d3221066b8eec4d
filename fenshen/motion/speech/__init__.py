"""Speech from text, by one of several engines: Kokoro, eSpeak NG, or a server that speaks OpenAI's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fenshen.errors import UsageError
from fenshen.messages import message
from fenshen.motion.speech import espeak, kokoro
from fenshen.motion.speech.spoken import Engine, Language, Phoneme, Speech, Voice

__all__ = ["ENGINES", "Engine", "Language", "Phoneme", "Speech", "Voice", "describe", "engine", "voices"]

ENGINES = ("kokoro", "espeak")


def voices() -> list[Voice]:
    """The voices of the engines that run here, whether or not their packages are installed; the default's first."""
    return [*kokoro.voices(), *espeak.voices()]


def describe(voices: Sequence[Voice]) -> str:
    """One line a voice, in the language in use."""
    lines = []
    for voice in voices:
        language, gender = message(f"motion.speaks_{voice.language}"), message(f"motion.{voice.gender}")
        lines.append(f"{voice.engine:8} {voice.name:14} {language}, {gender}")
    return "\n".join(lines)


@cache
def engine(name: str = "kokoro") -> Engine:
    """An engine by its name, or by the address of a server such as ``http://localhost:8880/v1``.

    Raises:
        UsageError: there is no such engine.
        FenshenError: its packages are not installed.
    """
    if name == "kokoro":
        return kokoro.Kokoro()
    if name == "espeak":
        return espeak.Espeak()
    if name.startswith(("http://", "https://")):
        from fenshen.motion.speech.endpoint import Endpoint

        return Endpoint(name)
    raise UsageError("motion.no_engine", engine=name, engines=", ".join(ENGINES))

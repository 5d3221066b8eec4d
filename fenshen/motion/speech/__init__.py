"""Speech from text, by one of several engines: Kokoro, eSpeak NG, or a server with OpenAI's speech protocol."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

from fenshen.messages import message
from fenshen.motion.speech.spoken import LANGUAGES, Engine, Language, Phoneme, Speech, Voice
from fenshen.registry import Registry

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "LANGUAGES",
    "Engine",
    "Language",
    "Phoneme",
    "Speech",
    "Voice",
    "Voices",
    "engine",
    "voices",
]

#: By name; an engine that is reached by an address stands under its scheme, such as ``http://``.
ENGINES: Registry[type[Engine]] = Registry("engine", "fenshen.motion.speech.engines")
DEFAULT_ENGINE = "kokoro"


class Voices(list[Voice]):
    """A list of voices."""

    @property
    def text(self) -> str:
        """One line per voice."""
        lines = []
        for voice in self:
            language, gender = message(f"motion.speaks_{voice.language}"), message(f"motion.{voice.gender}")
            lines.append(f"{voice.engine:8} {voice.name:14} {language}, {gender}")
        return "\n".join(lines)

    def summary(self) -> list[dict[str, Any]]:
        """The voices as JSON."""
        return [asdict(voice) for voice in self]


def voices() -> Voices:
    """All voices of all engines, installed or not; those of the default engine come first."""
    names = sorted(ENGINES, key=lambda name: name != DEFAULT_ENGINE)
    return Voices(voice for name in names for voice in ENGINES[name].voices())


@cache
def engine(name: str = DEFAULT_ENGINE) -> Engine:
    """Open an engine; each is opened once per process.

    Args:
        name: a registered name, or the address of a server such as ``http://localhost:8880/v1``.

    Raises:
        UsageError: there is no such engine.
        FenshenError: its packages are not installed.
    """
    scheme, separator, _ = name.partition("://")
    return ENGINES[scheme + separator].open(name)

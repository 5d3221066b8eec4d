"""eSpeak NG: small, quick, plain. Phoneme times are its own; it also tells Kokoro how English is pronounced."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fenshen.companion import Companion, CompanionError
from fenshen.errors import FenshenError
from fenshen.motion.speech import ENGINES
from fenshen.motion.speech.spoken import Engine, Language, Phoneme, Speech, Voice, spliced, trimmed
from fenshen.motion.speech.text import runs

NAME = "espeak"
_SCRIPT = Path(__file__).parents[1] / "espeak_process.py"
_LANGUAGES: dict[Language, str] = {"en": "en-us", "zh": "cmn"}
_VARIANTS = {"f": "+f2", "m": "+m3"}
_GAP = 0.02  # seconds of silence that stay at either end of a run of words
_STRESS = "ˈˌ"


@ENGINES.register(NAME)
class Espeak(Engine):
    """The engine; its process starts with the first sentence and ends with this one.

    Raises:
        FenshenError: espeakng-loader is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("espeakng_loader") is None:
            raise FenshenError("motion.no_espeak")
        self._companion = Companion(_command)

    @classmethod
    def voices(cls) -> Sequence[Voice]:
        """A woman's and a man's voice for each language; either one also speaks the other language."""
        return [Voice(NAME, f"{lang}_{gender}", lang, gender) for lang in _LANGUAGES for gender in ("f", "m")]

    def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
        """See :meth:`Engine.synthesize`. Each run of words in one language is spoken by itself."""
        variant = _VARIANTS[self.voice_named(voice, lang).gender]
        return spliced([self._spoken(words, language, variant) for words, language in runs(text, lang)])

    def phonemes(self, text: str, lang: Language = "en") -> str:
        """How a clause is pronounced: IPA with stress marks, tied sounds joined by ``^``, spaces between words."""
        head, _ = self._ask(voice=_LANGUAGES[lang], text=text, sound=False)
        # Words of other languages come with flags: (fr)...(en).
        return re.sub(r"\([a-z-]+\)", "", " ".join(head["phonemes"])).strip()

    def close(self) -> None:
        """End the process; a second call does nothing, a later sentence starts another."""
        self._companion.close()

    def _spoken(self, text: str, language: Language, variant: str) -> Speech:
        head, sound = self._ask(voice=_LANGUAGES[language] + variant, text=text, sound=True)
        samples = np.frombuffer(sound, dtype="<i2").astype(np.float32) / 32768
        phonemes = _timed(head["events"], len(samples), head["rate"], language)
        return trimmed(Speech(samples, head["rate"], phonemes), _GAP)

    def _ask(self, **request: Any) -> tuple[dict[str, Any], bytes]:
        try:
            return self._companion.ask(request)
        except CompanionError as error:
            raise FenshenError("motion.espeak_failed", why=error) from error


def _command() -> list[str]:
    import espeakng_loader  # only knows where the library lies

    paths = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    return ["-S", str(_SCRIPT), *map(str, paths)]


def _timed(events: list[list[Any]], count: int, rate: int, language: Language) -> tuple[Phoneme, ...]:
    """Phonemes from events, each of which lasts until the next; an empty one is a pause."""
    times = [milliseconds / 1000 for milliseconds, _ in events] + [count / rate]
    phonemes = []
    for (_, symbol), start, end in zip(events, times[:-1], times[1:], strict=True):
        end = min(end, count / rate)
        bare = symbol.strip(_STRESS + "_: ")
        if bare and end > start:
            phonemes.append(Phoneme(bare, start, end, "ˈ" in symbol, language))
    return tuple(phonemes)

"""eSpeak NG: small, quick, plain. Phoneme times are its own; it also tells Kokoro how English is pronounced."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fenshen.errors import FenshenError, UsageError
from fenshen.motion.speech.spoken import Language, Phoneme, Speech, Voice, spliced, trimmed
from fenshen.motion.speech.text import runs

_PROCESS = Path(__file__).with_name("espeak_process.py")
_LANGUAGES: dict[Language, str] = {"en": "en-us", "zh": "cmn"}
_VARIANTS = {"f": "+f2", "m": "+m3"}
_PATIENCE = (
    30.0  # seconds after which a process that does not answer is ended; it answers within milliseconds
)
_GAP = 0.02  # seconds of silence that stay at either end of a run of words
_STRESS = "ˈˌ"


def voices() -> list[Voice]:
    """A woman's and a man's voice for each language; either one also speaks the other language."""
    return [Voice("espeak", f"{lang}_{gender}", lang, gender) for lang in _LANGUAGES for gender in ("f", "m")]


class Espeak:
    """The engine; its process starts with the first sentence and ends with this one.

    Raises:
        FenshenError: espeakng-loader is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("espeakng_loader") is None:
            raise FenshenError("motion.no_espeak")
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
        """See :class:`fenshen.motion.speech.spoken.Engine`. Each run of words in one language is spoken by itself."""
        names = [each.name for each in voices()]
        voice = voice or f"{lang}_f"
        if voice not in names:
            raise UsageError("motion.no_voice", engine="espeak", voice=voice, names=", ".join(names))
        gender = voice.rpartition("_")[2]
        return spliced([self._run(words, language, gender) for words, language in runs(text, lang)])

    def phonemes(self, text: str, lang: Language = "en") -> str:
        """How a clause is pronounced: IPA with stress marks, tied sounds joined by ``^``, spaces between words."""
        head, _ = self._ask(voice=_LANGUAGES[lang], text=text, sound=False)
        # Words of other languages come with flags: (fr)...(en).
        return re.sub(r"\([a-z-]+\)", "", " ".join(head["phonemes"])).strip()

    def close(self) -> None:
        """End the process; a second call does nothing, a later sentence starts another."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
            process.communicate()

    def _run(self, text: str, language: Language, gender: str) -> Speech:
        head, sound = self._ask(voice=_LANGUAGES[language] + _VARIANTS[gender], text=text, sound=True)
        samples = np.frombuffer(sound, dtype="<i2").astype(np.float32) / 32768
        phonemes = _timed(head["events"], len(samples), head["rate"], language)
        return trimmed(Speech(samples, head["rate"], phonemes), _GAP)

    def _ask(self, **request: Any) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            process = self._started()
            watch = threading.Timer(_PATIENCE, _end, [process])
            watch.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                head = json.loads(process.stdout.readline())
                if "error" in head:
                    raise ValueError(head["error"])
                sound = process.stdout.read(head.get("bytes", 0))
            except (OSError, ValueError) as error:
                self.close()
                raise FenshenError("motion.espeak_failed", why=error) from error
            finally:
                watch.cancel()
        return head, sound

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            import espeakng_loader  # only knows where the library lies

            paths = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PROCESS), *map(str, paths)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # ended with its copies, and by nobody else's interrupt
            )
        return self._process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the copies it made of itself."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()


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

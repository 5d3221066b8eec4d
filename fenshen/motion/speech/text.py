"""Text normalisation for speech: cleaned, split into sentences, numbers in words, each run in its language."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

from fenshen.errors import UsageError
from fenshen.motion.speech.spoken import LANGUAGES, Language

MAX_CHARACTERS = 50_000  # about two hours
_MOST = 110  # maximum length of a sentence, roughly in syllables; longer ones degrade the voice
HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"
PAUSE = ",;:，、；：—"
# A full stop ends a sentence before a space only, and neither after an initial nor after these.
_SHORT = "".join(
    rf"(?<!\b{word}\.)" for word in ("[A-Z]", "Mr", "Ms", "Mrs", "Dr", "St", "vs", "Prof", r"e\.g", r"i\.e")
)
_END = re.compile(rf"(?<=[。！？!?…；])[”’\"')）」』]*\s*|{_SHORT}(?<=\.)[”\"')]*(?:\s+|$)|\n+")
_MEANT = {
    "℃": "°C",
    "％": "%",
    "—": "，",
    "–": "-",
    "−": "-",
    "‘": "'",
    "’": "'",
    "\u00a0": " ",
    "\u3000": " ",
}
_MONEY = {
    "$": ("dollar", "美元"),
    "€": ("euro", "欧元"),
    "£": ("pound", "英镑"),
    "¥": ("yuan", "元"),
    "￥": ("yuan", "元"),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def language_of(text: str, lang: str | None = None) -> Language:
    """The requested language; by default, that of most words of the text.

    Raises:
        UsageError: it is neither ``en`` nor ``zh``.
    """
    if lang is not None:
        for known in LANGUAGES:
            if lang == known:
                return known
        raise UsageError("motion.language", language=lang)
    letters = sum(char.isalpha() and char.isascii() for char in text)
    return "zh" if 4 * len(re.findall(f"[{HAN}]", text)) >= max(letters, 1) else "en"


def sentences(text: str, lang: Language) -> list[str]:
    """Sentences ready to be spoken: without emoji and markup, numbers written out, none too long.

    Raises:
        UsageError: nothing in the text can be spoken, or there is too much of it.
    """
    if len(text) > MAX_CHARACTERS:
        raise UsageError("motion.text_too_long", characters=len(text), most=MAX_CHARACTERS)
    found = [
        part
        for sentence in _END.split(_clean(text))
        for part in _breaths(_numbers(sentence.strip().rstrip("…"), _language_in(sentence, lang)))
        if re.search(r"\w", part)
    ]
    if not found:
        raise UsageError("motion.no_text")
    return found


def runs(text: str, lang: Language) -> list[tuple[str, Language]]:
    """The text split where its script changes; marks and digits stay with the words before them."""
    tagged: list[tuple[str, Language]] = []
    current: Language | None = None
    for char in text:
        if re.match(f"[{HAN}]", char):
            current = "zh"
        elif char.isalpha():
            current = "en"
        tagged.append((char, current or _first(text, lang)))
    pieces = [
        ("".join(char for char, _ in group), language)
        for language, group in groupby(tagged, key=lambda pair: pair[1])
    ]
    return [(words, language) for words, language in pieces if re.search(r"\w", words)]


def _first(text: str, lang: Language) -> Language:
    """What the first letter of the text is in."""
    letter = re.search(r"[^\W\d_]", text)
    if letter is None:
        return lang
    return "zh" if re.match(f"[{HAN}]", letter[0]) else "en"


def _language_in(sentence: str, lang: Language) -> Language:
    """The language that a sentence's numbers are read in."""
    return language_of(sentence) if re.search(r"[^\W\d_]", sentence) else lang


def _clean(text: str) -> str:
    """Characters that can be spoken or that shape a sentence; emoji, markup and controls become spaces."""
    text = "".join(_MEANT.get(char, char) for char in unicodedata.normalize("NFC", text))
    # Full-width letters and digits only: Chinese punctuation is kept.
    text = re.sub("[０-９Ａ-Ｚａ-ｚ]+", lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = re.sub(r"https?://\S+", " ", text)
    kept = [char if char == "\n" or _speakable(char) else " " for char in text]
    return re.sub(r"[ \t]+", " ", "".join(kept)).strip()


def _speakable(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] in "LNZ" or (kind[0] == "P" and char not in "*_#\\") or char in "$€£¥￥°+=~%"


def _numbers(sentence: str, lang: Language) -> str:
    """Dates, money, per cents and numbers as they are read aloud; what is left, eSpeak reads by itself."""
    sentence = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", sentence)
    if lang == "zh":
        sentence = re.sub(r"([$€£¥￥])\s?(\d+(?:\.\d+)?)", lambda m: m[2] + _MONEY[m[1]][1], sentence)
        return _chinese().normalize_sentence(sentence) if _chinese() else sentence
    sentence = re.sub(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", _date, sentence)
    sentence = re.sub(r"([$€£¥￥])\s?(\d+(?:\.\d+)?)", _amount, sentence)
    sentence = re.sub(r"(?<=\d)\s?%", " percent", sentence)
    sentence = re.sub(r"(?<=\d)\s?°C\b", " degrees Celsius", sentence)
    sentence = re.sub(r"(?<=\d)\s?°F\b", " degrees Fahrenheit", sentence)
    return re.sub(r"\b(\d\d?):(\d\d)\b", _clock, sentence)


@cache
def _chinese() -> Any:
    """misaki's normaliser of Chinese text; None where misaki is not installed."""
    if importlib.util.find_spec("misaki") is None or importlib.util.find_spec("pypinyin") is None:
        return None
    from misaki.zh_normalization.text_normalization import TextNormalizer

    return TextNormalizer()


def _date(found: re.Match[str]) -> str:
    year, month, day = found[1], int(found[2]), int(found[3])
    return f"{_MONTHS[month - 1]} {day}, {year}" if 1 <= month <= 12 and 1 <= day <= 31 else found[0]


def _amount(found: re.Match[str]) -> str:
    whole, _, cents = found[2].partition(".")
    unit = _MONEY[found[1]][0]
    if cents and len(cents) != 2:
        return f"{found[2]} {unit}s"
    return f"{whole} {unit}{'s' if whole != '1' and unit != 'yuan' else ''} {cents}".rstrip()


def _clock(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    if hour > 24 or minute > 59:
        return found[0]
    return f"{hour} {'oh ' if 0 < minute < 10 else ''}{minute}" if minute else f"{hour} o'clock"


def _breaths(sentence: str) -> Iterator[str]:
    """Split a long sentence: at commas, else between words, else anywhere."""
    if _length(sentence) <= _MOST:
        yield sentence
        return
    part = ""
    for piece in re.findall(rf"[^{PAUSE} ]+[{PAUSE} ]*|[{PAUSE} ]+", sentence):
        for word in _chopped(piece):
            if part and (
                _length(part + word) > _MOST or (part.rstrip()[-1:] in PAUSE and _length(part) > _MOST / 2)
            ):
                yield part.strip()
                part = ""
            part += word
    if part.strip():
        yield part.strip()


def _chopped(word: str) -> list[str]:
    """Split a word that is longer than a part may be, such as a long run of Chinese."""
    step = max(1, int(len(word) * _MOST / max(_length(word), 1)))
    return [word[i : i + step] for i in range(0, len(word), step)] if _length(word) > _MOST else [word]


def _length(text: str) -> float:
    """Approximate length in syllables."""
    return sum(1.0 if re.match(f"[{HAN}]", char) else 0.4 for char in text)

"""Scripts that no voice speaks: a text in them is refused, a lone word in a text is read by its letters' names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from fenshen.errors import UsageError, warn
from fenshen.messages import catalogue, message
from fenshen.motion.speech.text.words import GREEK

_SHARE = 0.2  # of the letters: as many in other scripts, and a listener would lose the thread
_SPOKEN = frozenset({"LATIN", "CJK", "IDEOGRAPHIC", "MODIFIER", "FEMININE", "MASCULINE", "MICRO", "VULGAR"})
_TABLES = frozenset({"CYRILLIC", "HIRAGANA", "KATAKANA", "HANGUL", "GREEK"})  # whose letters are read here
_SIGN = r"(?<![\u0370-\u03ff])([α-ωΑ-Ω])(?![\u0370-\u03ff])"
_LONE_GREEK = re.compile(rf"(?<!\d)(?<!\d[ k]){_SIGN}")
_CYRILLIC = {
    "BE": "b", "VE": "v", "GHE": "g", "DE": "d", "ZHE": "zh", "ZE": "z", "SHORT I": "y", "KA": "k", "EL": "l",
    "EM": "m", "EN": "n", "PE": "p", "ER": "r", "ES": "s", "TE": "t", "EF": "f", "HA": "h", "TSE": "ts", "CHE": "ch",
    "SHA": "sh", "SHCHA": "shch", "HARD SIGN": "", "YERU": "y", "SOFT SIGN": "", "IO": "yo", "UKRAINIAN IE": "ye",
    "BYELORUSSIAN-UKRAINIAN I": "i", "IE": "e",
}  # fmt: skip
_KANA = {
    "TI": "chi",
    "TU": "tsu",
    "SI": "shi",
    "HU": "fu",
    "ZI": "ji",
    "DI": "ji",
    "DU": "zu",
}
_HANGUL = {"KIYEOK": "k", "NIEUN": "n", "TIKEUT": "d", "RIEUL": "l", "MIEUM": "m", "PIEUP": "b", "SIOS": "s",
           "IEUNG": "ng", "CIEUC": "j", "CHIEUCH": "ch", "KHIEUKH": "k", "THIEUTH": "t", "PHIEUPH": "p",
           "HIEUH": "h"}  # fmt: skip


def readable(text: str) -> str:
    """The text with lone Greek letters by name, and words in other scripts in Latin letters where those are known.

    Raises:
        UsageError: much of the text is in scripts that no voice speaks.
    """
    text = _LONE_GREEK.sub(lambda found: f" {GREEK.get(found[1].lower(), '')} ", text)
    letters = Counter(map(_script, filter(str.isalpha, re.sub(_SIGN, "", text))))
    foreign = Counter({script: count for script, count in letters.items() if script not in _SPOKEN})
    if not foreign:
        return text
    if sum(foreign.values()) >= _SHARE * sum(letters.values()):
        raise UsageError("motion.unspoken_script", scripts=message("motion.and").join(_names(foreign)))
    text = re.sub(r"(?<=[\u4e00-\u9fff])の(?=[\u4e00-\u9fff])", "的", text)  # as Chinese brands write it
    if unknown := [script for script in foreign if script not in _TABLES]:
        warn("motion.words_left_out", scripts=message("motion.and").join(_names(unknown)))
    return re.sub(r"[^\W\d_]+[\u0300-\u0e7f]*", lambda word: _romanised(word[0]), text)


def _script(char: str) -> str:
    """The first word of a letter's name: LATIN, CJK, HIRAGANA."""
    return re.split("[ -]", unicodedata.name(char, "LATIN"))[0]


def _names(scripts: Iterable[str]) -> list[str]:
    known = catalogue("motion")
    names = [
        message(f"motion.script_{script.lower()}")
        if f"script_{script.lower()}" in known
        else script.capitalize()
        for script in scripts
    ]
    return list(dict.fromkeys(names))


def _romanised(word: str) -> str:
    """A word in Latin letters; it is left out where its script has no table here."""
    said = "".join(map(_letter, word))
    return said if said == word else f" {said} "


def _letter(char: str) -> str:
    script = _script(char)
    if script in _SPOKEN:
        return char
    name = unicodedata.name(char, "").partition(" LETTER ")[2].removeprefix("SMALL ")
    if script == "CYRILLIC":
        return _CYRILLIC.get(name, name.lower())
    if script in ("HIRAGANA", "KATAKANA"):
        return _KANA.get(name, name.lower())
    if script == "HANGUL":
        return "".join(map(_jamo, unicodedata.normalize("NFD", char)))
    if script == "GREEK":
        return GREEK.get(unicodedata.normalize("NFD", char)[0].lower(), "")[:1]
    return ""


def _jamo(char: str) -> str:
    """One of the two or three letters of a Korean syllable; the first of them may be silent."""
    kind, _, name = unicodedata.name(char, "").removeprefix("HANGUL ").partition(" ")
    if kind == "JUNGSEONG":
        return name.lower()
    double = name.removeprefix("SSANG")
    return "" if (kind, name) == ("CHOSEONG", "IEUNG") else _HANGUL.get(double, "")

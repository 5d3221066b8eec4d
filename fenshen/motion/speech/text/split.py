"""A text cut into sentences, and those by script; each part is normalised in its own language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from fenshen.errors import UsageError
from fenshen.motion.speech.spoken import LANGUAGES, Language
from fenshen.motion.speech.text import chinese, english
from fenshen.motion.speech.text.clean import cleaned, words_only
from fenshen.motion.speech.text.scripts import readable
from fenshen.motion.speech.text.words import SYMBOLS

MAX_CHARACTERS = 50_000  # about two hours
_MOST = 110  # maximum length of a sentence, roughly in syllables; longer ones degrade the voice
_READ_AT_ONCE = 400  # characters: some rules take the square of the length
HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"
PAUSE = ",;:，、；：—"
# A full stop ends a sentence before a space only, and neither after an initial nor after these.
_NEVER_LAST = (
    r"[A-Z] Mr Ms Mrs Dr St vs Prof e\.g i\.e Gen Sen Gov Rep Lt Sgt Capt Col Rev Hon Mt approx Jan Feb Mar Apr Jun Jul"
    r" Aug Sept Oct Nov Dec al Fig Figs [Nn]o pp [Vv]ol Apt Nos p [Cc]h [Ee]xt Mon Tue Tues Wed Thu Thur Thurs Fri"
    r" Jr Sr Ave Blvd Hwy Bros Rs cf misc incl excl a\.k\.a sq cu Esq Eq Eqs Op Ft Tel Maj Adm Cmdr Ref Sec Art"
    r" Ep feat Vs VS (?<!\d\s)ft"
)
_LAST_BEFORE_A_CAPITAL = r"Inc Ltd Corp Co etc dept [ap]\.m [A-Z]\.[A-Z] [Gg]ovt Sat Sun"
_LAST_BEFORE_A_CAPITAL += r" \d\sin lb lbs oz yd mi tsp tbsp min mins hr hrs sec secs"
_LAST_BEFORE_A_WORD = r"agg est reg \d\sft sq\.\sft cu\.\sft max avg (?<!\d\s)min"
_SHORT = "".join(
    rf"(?<!{start}{word}\.{before})"
    for words, start, before in (
        (_NEVER_LAST, r"(?<![A-Za-z\d])", ""),
        (_LAST_BEFORE_A_CAPITAL, "(?<![A-Za-z])", r"(?=\s[a-z])"),
        (_LAST_BEFORE_A_WORD, "(?<![A-Za-z])", r"(?=\s[\da-z$€£¥])"),
        ("b d c ca", "(?<![A-Za-z])", r"(?=\s\d)"),
    )
    for word in words.split()
)
_END = re.compile(
    rf"(?<=[。！？!?…；])[”’\"')）」』]*\s*|{_SHORT}(?<=\.)[”\"')]*(?:\s+|$)|(?<=\b[Nn]o\.)\s+(?!\d)|\n+"
)
_WORD = rf"[^\W\d_{HAN}]+(?:['.-][^\W\d_{HAN}]+)*"
# In a Chinese sentence: three foreign words or more with what stands between them, and an amount before them.
_FOREIGN = re.compile(
    rf"(?<![^\W{HAN}.,-])(?:[$€£]?\d[\d.,]*[ -]?)?{_WORD}"
    rf"(?:(?:[\d_]|[^\w，。！？；：、（）《》“”\n])+{_WORD}){{2,}}[.!?]?"
)
# In an English sentence: Chinese with the numbers that touch it.
_NATIVE = re.compile(rf"(?:(?:[A-Z]{{0,2}}[$€£¥])?[\d.,:-]*\d)?[{HAN}](?:[^A-Za-z\n]*[{HAN}])?(?:\d[\d.%]*)?")


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
    text = words_only(text)
    letters = sum(char.isalpha() and char.isascii() for char in text)
    if not letters and re.search("[，。！？；：、（）％￥℃]", text):  # as Chinese keyboards write them
        return "zh"
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
        for sentence in _END.split(readable(cleaned(text, _language_in(text, lang))))
        for piece in _short(sentence.strip().rstrip("…"))
        for part in _breaths(_normalised(piece, lang))
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


def _short(sentence: str) -> Iterator[str]:
    """A sentence in pieces that the rules read quickly, cut at pauses, else between words, else anywhere."""
    while len(sentence) > _READ_AT_ONCE:
        head = sentence[:_READ_AT_ONCE]
        cut = max(map(head.rfind, PAUSE)) + 1 or head.rfind(" ") + 1 or _READ_AT_ONCE
        yield sentence[:cut].strip()
        sentence = sentence[cut:]
    yield sentence.strip()


def _language_in(text: str, lang: Language) -> Language:
    """The language that most of a text is in; the given one for a text of hardly any words, such as HK$500."""
    words = re.findall(r"[^\W\d_]{2,}", words_only(text))
    if re.search(f"[{HAN}]", text) or sum(word not in SYMBOLS for word in words) > 1:
        return language_of(text)
    return lang


def _normalised(sentence: str, lang: Language) -> str:
    """A sentence in words: what is in the other language, by that one's rules."""
    language = _language_in(sentence, lang)
    if language == "zh":
        own, other, inner = chinese.normalised, english.normalised, _FOREIGN
    else:
        own, other, inner = english.normalised, chinese.normalised, _NATIVE
    said, place = "", 0
    for found in inner.finditer(sentence):
        if language == "zh" and _is_code(found[0]):
            continue
        said += own(sentence[place : found.start()]) + other(found[0])
        place = found.end()
    return re.sub(r" {2,}", " ", said + own(sentence[place:])).strip()


def _is_code(text: str) -> bool:
    """Letters that are no words: units (30cm×20cm×15cm), a plate's or a code's (B8G6H2)."""
    words = re.findall(r"[^\W\d_]+", text)
    plain = re.search(r"\d", text) and not re.search(r"[a-z]{2}|\s", text)
    return bool(plain) or all(word in SYMBOLS for word in words)


def _breaths(sentence: str) -> Iterator[str]:
    """Split a long sentence: at commas, else between words, else anywhere."""
    long = _length(sentence) > _MOST
    part, length = "", 0.0
    for piece in re.findall(rf"[^{PAUSE} ]+[{PAUSE} ]*|[{PAUSE} ]+", sentence):
        for word in _chopped(piece):
            more = _length(word)
            paused = long and length > _MOST / 2 and part.rstrip()[-1:] in PAUSE
            if part and (length + more > _MOST or paused):
                yield part.strip()
                part, length = "", 0.0
            part, length = part + word, length + more
    if part.strip():
        yield part.strip()


def _chopped(word: str) -> list[str]:
    """Split a word that is longer than a part may be, such as a long run of Chinese."""
    step = max(1, int(len(word) * _MOST / max(_length(word), 1)))
    return [word[i : i + step] for i in range(0, len(word), step)] if _length(word) > _MOST else [word]


def _length(text: str) -> float:
    """Approximate length in syllables."""
    return 0.4 * len(text) + 0.6 * len(re.findall(f"[{HAN}]", text))

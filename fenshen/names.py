"""Names of files in other encodings than UTF-8: used as they are, shown readably.

Python hands over such a name with surrogates for the bytes that are no UTF-8. It opens the file, but can be neither
printed nor stored; :func:`readable` guesses the encoding. Zip programs of Windows write the names in the encoding of
their country without saying which: :func:`guess` finds it from all names of the archive together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePath

_UNDECODED = re.compile("[\ud800-\udfff]")
_WORDS = re.compile(r"""([/"'\s]+)""")  # what parts the names in a sentence or a path
_LEAST = 0.3  # likelihood below which no guess is better than one


def readable(text: str | PurePath) -> str:
    """A text in which every name can be shown and stored: bytes that are no UTF-8 are decoded by a guess.

    A name that nothing fits is shown with escapes, such as ``\\xd5``.
    """
    text = str(text)
    if not _UNDECODED.search(text):
        return text
    words = _WORDS.split(text)
    raw = {word: _bytes(word) for word in words if _UNDECODED.search(word)}
    encoding = guess(raw.values(), ("cp1252", "cp437")) or "utf-8"
    return "".join(raw[word].decode(encoding, "backslashreplace") if word in raw else word for word in words)


def guess(names: Iterable[bytes], western: tuple[str, ...]) -> str | None:
    """The encoding in which names, taken together, look most like names; None where none fits.

    Args:
        western: encodings of Latin letters, the likeliest first.
    """
    text = b"\n".join(names)
    likelihoods = {}
    for encoding in ("utf-8", *_COMMON, *western):
        try:
            likelihoods[encoding] = _likelihood(text.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
    best = max(likelihoods, key=lambda encoding: likelihoods[encoding], default="")
    return best if likelihoods.get(best, 0) >= _LEAST else None


# The lead bytes of an encoding's common characters, of its punctuation, and of its other characters that names hold.
_COMMON = {
    "gbk": (range(0xB0, 0xD8), (0xA1, 0xA3), range(0xD8, 0xF8)),
    "cp932": (range(0x82, 0x98), (0x81,), (*range(0x98, 0xA0), *range(0xE0, 0xEB))),
    "big5": (range(0xA4, 0xC7), (0xA1, 0xA2, 0xA3), range(0xC9, 0xFA)),
}


def _likelihood(text: str, encoding: str) -> float:
    """Between 0 and 1, the mean over all characters that are not ASCII."""
    if not all(char.isprintable() or char == "\n" for char in text):
        return 0.0
    found = [
        1.0 if encoding == "utf-8" else _of_character(text, place, encoding)
        for place, char in enumerate(text)
        if not char.isascii()
    ]
    return sum(found) / len(found) if found else 1.0


def _of_character(text: str, place: int, encoding: str) -> float:
    if encoding not in _COMMON:
        return _of_letter(text, place)
    raw = text[place].encode(encoding)
    common, marks, other = _COMMON[encoding]
    if len(raw) == 1:  # half-width kana
        return 0.31
    if encoding == "gbk" and raw[1] < 0xA1:  # what GBK added to GB 2312
        return 0.1
    if raw[1:].isalpha() and text[place + 1 : place + 2].isascii() and text[place + 1 : place + 2].isalpha():
        return 0.1  # rather a letter with an accent, in the middle of a word
    if "\uff01" <= text[place] <= "\uff5e":  # full-width letters and signs
        return 0.6
    if raw[0] in common:
        return 0.95
    return 0.6 if raw[0] in marks else 0.35 if raw[0] in other else 0.1


def _of_letter(text: str, place: int) -> float:
    """How likely a letter of an alphabet is among its neighbours."""
    char, around = text[place], (text[max(place - 1, 0) : place] + text[place + 1 : place + 2])
    if not char.isalpha() or not unicodedata.name(char).startswith("LATIN"):
        return 0.05
    return 0.9 if any(other.isascii() and other.isalpha() for other in around) else 0.3


def _bytes(word: str) -> bytes:
    """The bytes of a name as the system has them; surrogates that stand for no byte become question marks."""
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", "?", word).encode("utf-8", "surrogateescape")

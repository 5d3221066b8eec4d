"""Names of files in other encodings than UTF-8: used as they are, shown readably.

Python hands over such a name with surrogates for the bytes that are no UTF-8. It opens the file, but can be neither
printed nor stored; :func:`readable` guesses the encoding.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from fenshen.encodings import guess

_UNDECODED = re.compile("[\ud800-\udfff]")
_WORDS = re.compile(r"""([/"'\s]+)""")  # what parts the names in a sentence or a path


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


def _bytes(word: str) -> bytes:
    """The bytes of a name as the system has them; surrogates that stand for no byte become question marks."""
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", "?", word).encode("utf-8", "surrogateescape")

"""The catalogue of everything Fenshen says, in English and Chinese.

One JSON file a room, ``{"key": {"en": "...", "zh": "..."}}``; ``message("train.left")`` reads the key
``left`` of ``train.json``. Files are read when first needed, so that a command loads only its own words.
"""

from __future__ import annotations

import json
import locale
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Literal

from fenshen.names import readable

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_chosen: Language | None = None


def use(language: str | None) -> None:
    """Choose the language of all further messages; ``None`` goes back to the locale's."""
    global _chosen
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
    _chosen = language


def language() -> Language:
    """The language in use: ``use()``'s, else ``FENSHEN_LANG``, else the locale's, else English."""
    return _chosen or _from_environment()


def message(key: str, /, **values: object) -> str:
    """The sentence behind ``key`` in the language in use, with ``values`` filled in.

    Raises:
        KeyError: the catalogue has no such key (a mistake of ours; a test looks for them).
    """
    return sentence(language(), key, values)


def sentence(language: Language, key: str, values: Mapping[str, object]) -> str:
    """:func:`message` in a given language."""
    room, _, name = key.partition(".")
    shown = {
        word: readable(value) if isinstance(value, str | PurePath) else value
        for word, value in values.items()
    }
    return readable(str(catalogue(room)[name][language]).format(**shown))


@cache
def catalogue(room: str) -> dict[str, dict[Language, str]]:
    """All messages of one room: ``{name: {"en": ..., "zh": ...}}``."""
    return json.loads(Path(__file__).with_name(f"{room}.json").read_text(encoding="utf-8"))


@cache
def _from_environment() -> Language:
    names = (os.environ.get(name) for name in ("FENSHEN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
    name = next((n for n in names if n), None) or locale.getlocale()[0] or "en"
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"

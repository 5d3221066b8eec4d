"""The catalogue of sentences: complete in both languages, and nothing is said that it does not hold."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import fenshen
from fenshen import messages

SOURCE = Path(fenshen.__file__).parent
ROOMS = sorted(file.stem for file in (SOURCE / "messages").glob("*.json"))
# Every literal "room.name", also where a condition picks it before it is said; file names are no keys.
WORD = re.compile(rf"""["']((?:{"|".join(ROOMS)})\.[a-z0-9_]+)["']""")
SUFFIXES = ("json", "py", "yaml", "jinja", "parquet", "safetensors", "png")


def fields(sentence):
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field is not None}


@pytest.mark.parametrize("room", ROOMS)
def test_every_sentence_stands_in_both_languages_with_the_same_values(room):
    for name, entry in messages.catalogue(room).items():
        assert set(entry) == set(messages.LANGUAGES), name
        assert all(sentence.strip() for sentence in entry.values()), name
        assert fields(entry["en"]) == fields(entry["zh"]), name


def said():
    for file in sorted(SOURCE.rglob("*.py")):
        for key in WORD.findall(file.read_text(encoding="utf-8")):
            if not key.endswith(tuple(f".{suffix}" for suffix in SUFFIXES)):
                yield file.relative_to(SOURCE), key


def test_everything_that_is_said_is_in_the_catalogue():
    missing = [
        (str(file), key)
        for file, key in said()
        if key.partition(".")[2] not in messages.catalogue(key.partition(".")[0])
    ]
    assert not missing
    assert len(set(said())) > 50  # the pattern does find them


def test_the_language_can_be_chosen_and_given_back():
    try:
        messages.use("zh")
        assert re.search("[\u4e00-\u9fff]", messages.message("train.bar") + messages.message("cli.about"))
        messages.use("en")
        assert not re.search("[\u4e00-\u9fff]", messages.message("train.bar"))
        with pytest.raises(ValueError, match="fr"):
            messages.use("fr")
    finally:
        messages.use(None)
    assert messages.language() == "en"

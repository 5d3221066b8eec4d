"""Plain words that describe a person: ``age=60``, ``hair=bob``, ``glasses=yes``, ``clothes=#334488``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from fenshen.errors import UsageError
from fenshen.humans.human import Human, parse

# A word sets one or several fields; every field's dotted name is a word too.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "age": ("body.age",),
    "gender": ("body.gender",),
    "muscle": ("body.muscle",),
    "weight": ("body.weight",),
    "skin": ("skin.tone",),
    "undertone": ("skin.undertone",),
    "blush": ("skin.blush",),
    "freckles": ("skin.freckles",),
    "stubble": ("skin.stubble",),
    "lipstick": ("skin.lipstick",),
    "iris": ("eyes.iris",),
    "lashes": ("eyes.lashes",),
    "brows": ("brows.style",),
    "hair": ("hair.style",),
    "hair_colour": ("hair.root", "hair.tip", "brows.colour"),
    "beard": ("beard.style",),
    "beard_colour": ("beard.colour",),
    "collar": ("clothes.collar",),
    "pattern": ("clothes.pattern",),
    "clothes": ("clothes.colour",),
    "background": ("background.centre", "background.edge"),
}
_ROUNDNESS, _FRAME = 2.5, (0.06, 0.06, 0.06)  # of glasses that are put on


def names() -> tuple[str, ...]:
    """The plain words, without dotted names."""
    return (*_FIELDS, "glasses")


def is_word(name: str) -> bool:
    """Whether the word describes a person."""
    return name in names() or name.split(".")[0] in Human.model_fields


def describe(human: Human, words: Mapping[str, str]) -> Human:
    """The human changed by plain words.

    Args:
        words: name to value, as written after ``--set``.

    Raises:
        FenshenError: a value is impossible; the message names the field.
        UsageError: a value cannot be read.
    """
    values = human.model_dump()
    for name, word in words.items():
        if name == "glasses":
            values["glasses"] = _glasses(values["glasses"], word)
            continue
        for field in _FIELDS.get(name, (name,)):
            _put(values, field, _read(field, word), name)
    return parse(values, "--set")


def number(human: Human, name: str) -> float | None:
    """A word's value if it is a number; None otherwise."""
    value: Any = human.model_dump()
    for part in _FIELDS.get(name, (name,))[0].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _put(values: dict[str, Any], field: str, value: Any, name: str) -> None:
    *parents, last = field.split(".")
    for parent in parents:
        inner = values.get(parent)
        if not isinstance(inner, dict):
            raise UsageError("sliders.no_field", name=name)
        values = inner
    values[last] = value


def _read(field: str, word: str) -> Any:
    """A colour if the field is one, else the word parsed as YAML."""
    if _is_colour(field):
        return _colour(word)
    try:
        return yaml.safe_load(word)
    except yaml.YAMLError as error:
        raise UsageError("sliders.value", name=field, value=word) from error


def _is_colour(field: str) -> bool:
    last = field.split(".")[-1]
    return last in ("iris", "colour", "second", "root", "tip", "centre", "edge", "lips")


def _colour(word: str) -> tuple[float, ...]:
    from PIL import ImageColor

    try:
        return tuple(channel / 255 for channel in ImageColor.getrgb(word)[:3])
    except ValueError as error:
        raise UsageError("sliders.colour", value=word) from error


def _glasses(worn: Any, word: str) -> Any:
    wanted = _read("glasses", word)
    if wanted not in (False, True):  # 0 and 1 as well
        raise UsageError("sliders.value", name="glasses", value=word)
    return (worn or {"roundness": _ROUNDNESS, "colour": _FRAME}) if wanted else None

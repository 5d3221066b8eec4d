"""Signs between numbers in English: sums, powers, fractions. Each function reads one match of a rule."""

from __future__ import annotations

import re

from fenshen.motion.speech.text.english_numbers import cardinal, ordinal
from fenshen.motion.speech.text.english_times import MONTHS
from fenshen.motion.speech.text.words import UNITS

Match = re.Match[str]
_NUM = r"\d+(?:\.\d+)?"

OPERATORS = {
    "+": "plus",
    "-": "minus",
    "×": "times",
    "x": "times",
    "*": "times",
    "÷": "divided by",
    "/": "divided by",
}
RELATIONS = {
    "=": "equals", "≈": "is about", "≠": "is not equal to", "<": "is less than", ">": "is greater than",
    "≤": "is at most", "≥": "is at least",
}  # fmt: skip


def formula(m: Match) -> str:
    """An expression with a relation in it: 5 - 3 = 2."""
    text = re.sub(r"()(\d+)/(\d+)", fraction, m[0]) if m[0].count("/") > 1 else m[0]
    text = re.sub(
        r"(?<=[\w)²³])\s?([-+×*÷/]|(?<![a-z])x(?=\s?\d))\s?(?=[\w(])",
        lambda sign: f" {OPERATORS[sign[1]]} ",
        text,
    )
    text = re.sub(r"\s?([=≈≠<>≤≥])\s?", lambda sign: f" {RELATIONS[sign[1]]} ", text)
    text = re.sub(r"(?<=\d)(?=[a-z])", " ", text.replace("-", "minus "))
    return re.sub(_NUM, lambda number: cardinal(number[0]), text)


def product(m: Match) -> str:
    """3×4 is three times four, 3x4 and 2×3×4 are by."""
    word = " by " if "x" in m[0] or len(re.findall(r"[×x*]", m[0])) > 1 else " times "
    return re.sub(_NUM, lambda number: cardinal(number[0]), re.sub(r"\s?[×x*]\s?", word, m[0]))


def power(m: Match) -> str:
    """5², 10^6, and 10^-3 m with its unit."""
    raised = {"²": "2", "³": "3"}.get(m[2], m[3] or "")
    how = {"2": "squared", "3": "cubed"}.get(raised)
    minus = "minus " if raised.startswith("-") else ""
    said = how or f"to the power of {minus}{cardinal(raised.lstrip('-'))}"
    unit = f" {UNITS[m[4].strip()][1]}" if m[4] else ""
    return f"{cardinal(m[1]) if m[1] else ''} {said}{unit}"


def fraction(m: Match) -> str:
    """1/2, 2 1/4, 3/15 as a day, 8/10 as a rating."""
    top, bottom = int(m[2]), int(m[3])
    if top == bottom in (20, 50):
        return f"{cardinal(top)} {cardinal(top)}"
    if top > bottom:
        return f"{cardinal(top)} over {cardinal(bottom)}"
    if not m[1] and top <= 12 < bottom <= 31 and bottom != 16:
        return f"{MONTHS[top - 1]} {ordinal(bottom)}"
    if top >= bottom or bottom in (10, 100):
        return f"{cardinal(top)} out of {cardinal(bottom)}"
    if bottom > 100:
        return f"{cardinal(top)} over {cardinal(bottom)}"
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom)
    if top > 1:
        name = "halves" if bottom == 2 else name + "s"
    if not m[1]:
        return f"{cardinal(top)} {name}"
    return f"{cardinal(m[1].strip())} and {'a' if top == 1 else cardinal(top)} {name}"


def between(m: Match) -> str:
    """Two numbers with a hyphen or a colon."""
    first, last = m[1], m[2]
    return f"{cardinal(first)} to {cardinal(last)}"

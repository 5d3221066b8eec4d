"""Signs between numbers in Chinese: sums, powers, scores, ranges. Each function reads one match of a rule."""

from __future__ import annotations

import re
from decimal import Decimal

from fenshen.motion.speech.text.chinese_numbers import cardinal

Match = re.Match[str]
_NUM = r"\d+(?:\.\d+)?"

OPERATORS = {"+": "加", "-": "减", "×": "乘", "x": "乘", "X": "乘", "*": "乘", "÷": "除以", "/": "除以"}
POWERS = {"2": "平方", "3": "立方"}
RELATIONS = {
    "=": "等于",
    "≈": "约等于",
    "≠": "不等于",
    "<": "小于",
    ">": "大于",
    "≤": "小于等于",
    "≥": "大于等于",
}


def formula(m: Match) -> str:
    """An expression with a relation in it: 5-3=2."""
    fraction = r"(\d+)/(\d+)" if m[0].count("/") > 1 else r"(?!)"
    text = re.sub(fraction, lambda part: f"{cardinal(part[2])}分之{cardinal(part[1])}", m[0])
    text = re.sub(
        r"(?<=[\da-z²³)一-十百千万])\s?([-+×*÷/]|(?<![a-z])[xX](?=[\s\d(]))\s?(?=[\da-z(一-十百千万])",
        lambda sign: OPERATORS[sign[1]],
        text,
    )
    text = re.sub(r"\s?([=≈≠<>≤≥])\s?", lambda sign: RELATIONS[sign[1]], text)
    return re.sub(_NUM, lambda number: cardinal(number[0]), text.replace("-", "负"))


def about(m: Match) -> str:
    """2、3个 is 两三个; two numbers that do not follow one another are a list."""
    if int(m[2]) != int(m[1]) + 1:
        return m[0]
    return cardinal(m[1], "个") + cardinal(m[2])


def times(m: Match) -> str:
    """3×4×5."""
    return re.sub(_NUM, lambda number: cardinal(number[0]), re.sub(r"\s?[×xX*]\s?", "乘", m[0]))


def power(m: Match) -> str:
    """5², 10^6."""
    raised = {"²": "2", "³": "3"}.get(m[2], m[3] or "")
    return f"{cardinal(m[1])}的{signed(raised)}次方"


def score(m: Match) -> str:
    """3-1, 3:2:1."""
    return re.sub(r"\s?[-:]\s?", "比", re.sub(_NUM, lambda number: cardinal(number[0]), m[0]))


def scores(m: Match) -> str:
    """Several pairs in a row, such as the sets of a match, unless all of them rise or are times of day."""
    pairs = [tuple(map(int, re.split("[-:]", pair))) for pair in re.findall(r"\d+[-:]\d+", m[0])]
    if ":" in m[0] and all(first <= 24 and last <= 59 for first, last in pairs):
        return m[0]
    return m[0] if all(first < last for first, last in pairs) else score(m)


def between(m: Match) -> str:
    """Two numbers with a hyphen: a range if they rise, else a score."""
    first, last = m[1], m[2]
    after = m.string[m.end() : m.end() + 2]
    joined = "至" if m[0].strip(first + last).strip() != "-" or Decimal(first) <= Decimal(last) else "比"
    return cardinal(first, after) + joined + cardinal(last, after)


def signed(number: str) -> str:
    """A number that may be below zero."""
    return ("负" if number[0] == "-" else "") + cardinal(number.lstrip("-"))

"""Numbers in English words, as Americans say them."""

from __future__ import annotations

import re

_ONES = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GROUPS = ("", " thousand", " million", " billion", " trillion", " quadrillion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def roman(letters: str) -> int:
    """XIV is 14."""
    values = [_ROMAN[letter] for letter in letters]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def digits(number: str) -> str:
    """Digit by digit, as telephone numbers are read."""
    return " ".join(_ONES[int(digit)] for digit in number if digit.isdigit())


def cardinal(number: str | int) -> str:
    """A number as a quantity: 1234.5 is one thousand two hundred thirty-four point five."""
    whole, _, fraction = str(number).partition(".")
    whole = whole.lstrip("0") or "0"
    if len(whole) > 3 * len(_GROUPS):
        return digits(whole)
    said = _whole(int(whole))
    return f"{said} point {digits(fraction)}" if fraction else said


def ordinal(number: str | int) -> str:
    """1 is first, 22 twenty-second."""
    said = cardinal(number)
    cut = max(said.rfind(" "), said.rfind("-")) + 1
    last = said[cut:]
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return said[:cut] + _ORDINALS.get(last, regular)


def ruler(m: re.Match[str]) -> str:
    """Louis XVI is Louis the Sixteenth."""
    return f"{m[1]} the {ordinal(roman(m[2])).capitalize()}"


def pairs(number: str) -> str:
    """Three or four digits as the numbers of rooms, flights and models are read: 1204 is twelve oh four."""
    if len(number) not in (3, 4) or number.endswith("000"):
        return cardinal(number) if not number.startswith("0") else digits(number)
    head, tail = number[:-2], number[-2:]
    if head.startswith("0"):
        return digits(number)
    if tail == "00":
        return f"{cardinal(head)} hundred"
    return f"{cardinal(head)} {_tail(tail)}"


def year(number: str) -> str:
    """1905 is nineteen oh five, 2005 two thousand five, 2024 twenty twenty-four."""
    value = int(number)
    if len(number) != 4 or value < 1000 or 2000 <= value < 2010:
        return cardinal(number)
    return pairs(number)


def plural(said: str) -> str:
    """The last word in the plural: nineties, hundreds."""
    return said[:-1] + "ies" if said.endswith("y") else said + ("es" if said.endswith("x") else "s")


def _tail(two: str) -> str:
    return f"oh {_ONES[int(two)]}" if two[0] == "0" else cardinal(two)


def _whole(value: int) -> str:
    if value < 1000:
        return _below_thousand(value)
    parts = []
    for place, name in enumerate(_GROUPS):
        group = value // 1000**place % 1000
        if group:
            parts.append(_below_thousand(group) + name)
    return " ".join(reversed(parts))


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    said = f"{_ONES[hundreds]} hundred" if hundreds else ""
    if rest or not said:
        two = _ONES[rest] if rest < 20 else _TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else "")
        said = f"{said} {two}".strip()
    return said

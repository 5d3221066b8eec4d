"""Dates, years and times of day in English, as Americans say them. Each function reads one match of a rule."""

from __future__ import annotations

import re

from fenshen.motion.speech.text.english_numbers import cardinal, ordinal, plural, year

Match = re.Match[str]
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
MONTH = "|".join([*MONTHS, *(rf"{name[:3]}\b\.?" for name in MONTHS if name != "May"), r"Sept\b\.?"])


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY = r"(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
#: Short names of days beside one another, or before a number or a month: the Sun shines, and she sat.
DAYS = (
    rf"\b{_DAY}\b(?:\.?(?:\s?[-~&/]\s?|,?\s(?:(?:to|and|or|through)\s)?){_DAY}\b)+(?:\.(?=\s[\da-z]))?"
    rf"|\b(?<![Tt]he ){_DAY}\b\.?(?=,?\s(?:\d|{MONTH}|at \d|morning|night))"
)


def days(m: Match) -> str:
    """Mon-Fri is Monday to Friday."""
    said = re.sub(r"\.?\s?[-~]\s?", " to ", m[0])
    said = re.sub(r"\.(?=,|\s|$)", "", said)
    return re.sub(_DAY, lambda day: next(name for name in _DAYS if name.startswith(day[0][:3])), said)


def duration(m: Match) -> str:
    """2:01:09 where a time is taken, not told."""
    parts = list(map(int, m[2].split(":")))
    named = zip(parts, ("hour", "minute", "second")[-len(parts) :], strict=True)
    said = [f"{cardinal(count)} {name}{'' if count == 1 else 's'}" for count, name in named if count]
    return m[1] + (" and ".join([", ".join(said[:-1]), said[-1]]) if said[1:] else "".join(said))


def span(m: Match) -> str:
    """1h 30m, 5m 30s, 2h 5m 10s."""
    names = {"h": "hour", "m": "minute", "s": "second"}
    pairs = ((m[1], m[2]), (m[3], "s" if m[2] == "m" else m[4]), (m[5], "s"))
    return " ".join(f"{cardinal(n)} {names[unit]}{'' if n == '1' else 's'}" for n, unit in pairs if n)


def month_name(name: str) -> str:
    """A month, however short it is written."""
    return next(month for month in MONTHS if month.startswith(name[:3]))


def iso_date(m: Match) -> str:
    """2024-05-01."""
    return _date(m[1], m[3], m[4]) or m[0]


def slash_date(m: Match) -> str:
    """Americans write the month first."""
    first, second = m[1], m[2]
    if int(first) > 12:
        first, second = second, first
    if len(m[3]) == 2 and int(first) < int(second) < int(m[3]) <= 12:
        return m[0]  # three numbers: 8/10/12 bits
    century = "" if len(m[3]) == 4 else "19" if m[3] >= "50" else "20"
    return _date(century + m[3], first, second) or m[0]


def _date(year_: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return ""
    return f"{MONTHS[int(month) - 1]} {ordinal(day)}, {year(year_)}"


def month_day(m: Match) -> str:
    """May 1, May 1-3, May 1st, 2024."""
    said = f"{month_name(m['month'])} {ordinal(m['day'])}"
    if m["last"]:
        said += f" to {ordinal(m['last'])}"
    return f"{said}, {year(m['year'])}" if m["year"] else said


def day_month(m: Match) -> str:
    """1 May, 1st of May 2024."""
    said = f"{ordinal(m['day'])} of {month_name(m['month'])}"
    said = said if re.search(r"\bthe\s$", m.string[: m.start()]) else f"the {said}"
    return f"{said} {year(m['year'])}" if m["year"] else said


def decade(m: Match) -> str:
    """1990s, '90s."""
    number = m[1]
    if len(number) == 2:
        return plural(cardinal(number))
    if number.endswith("00"):
        return plural(year(number))
    return f"{cardinal(number[:2])} {plural(cardinal(number[2:]))}"


def clock(m: Match) -> str:
    """3:05, 15:00, 3:05:09 pm."""
    at, minute, second = int(m[1]), int(m[2]), m[3]
    half = (m[4] or "").strip().replace(".", "").upper()
    said = cardinal(at)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        said += " hundred" if at > 12 else " o'clock" if at else " hundred hours"
    if second and int(second):
        said += f" and {cardinal(int(second))} second{'s' if int(second) != 1 else ''}"
    return f"{said} {half}".rstrip()


def hour(m: Match) -> str:
    """5 p.m."""
    return f"{cardinal(m[1])} {m[2].replace('.', '').upper()}"


def years(m: Match) -> str:
    """2019-2021, 2019-21, 2019/20."""
    last = m[2] if len(m[2]) == 4 else m[1][:2] + m[2]
    if not (1000 <= int(m[1]) <= int(last) <= 2199) or ("/" in m[0] and int(last) != int(m[1]) + 1):
        return m[0]
    return f"{year(m[1])} to {year(m[2]) if len(m[2]) == 4 else cardinal(m[2])}"

"""Dates, years and times of day in Chinese. Each function reads one match of a rule."""

from __future__ import annotations

import re

from fenshen.motion.speech.text.chinese_numbers import cardinal, digits

Match = re.Match[str]


def year(number: str) -> str:
    """Digit by digit: 2008 is 二零零八."""
    return digits(number, "一")


def date_of(of: str, month: str, day: str, whole: str) -> str:
    """A date in words, or the whole text as it stood if it is none."""
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return whole
    return f"{year(of)}年{cardinal(month)}月{cardinal(day)}日"


def date(m: Match) -> str:
    """12/25/2024, or its day first where that alone makes a date."""
    month, day = (m[1], m[2]) if int(m[1]) <= 12 else (m[2], m[1])
    return date_of(m[3], month, day, m[0])


def years(m: Match) -> str:
    """Two years with a hyphen between them."""
    if not m[3] and not (1000 <= int(m[1]) <= 2199 and 1000 <= int(m[2]) <= 2199):
        return m[0]
    return f"{year(m[1])}{'年' if '年' in m[0][:-1] else ''}至{year(m[2])}{m[3] or ''}"


def year_alone(m: Match) -> str:
    """Four digits before 年 and the like: a year, unless they count."""
    quantity = int(m[1]) >= 2200 or (m[1].endswith("000") and m[1] != "2000") or m[2] in tuple("多来余")
    return (cardinal(m[1]) if quantity else year(m[1])) + m[2]


def clock(m: Match) -> str:
    """9:05 is 九点零五分; what no clock shows is a ratio."""
    at, minute, second = int(m[1]), m[2], m[3]
    if at > 24 or int(minute) > 59:
        return f"{cardinal(m[1])}比{cardinal(minute)}" + (f"比{cardinal(second)}" if second else "")
    half = (m[4] or "").lower().replace(".", "").strip()
    noon = {"am": "上午", "pm": "下午"}.get(half, "")
    said = noon + cardinal(at, "点") + "点"
    if int(minute) or second:
        said += ("零" if 0 < int(minute) < 10 else "") + cardinal(int(minute)) + "分"
    return said + (cardinal(int(second)) + "秒" if second else "")


def duration(m: Match) -> str:
    """2:01:09 where a time is taken, not told: 两小时零一分零九秒."""
    parts = m[2].split(":")
    said = ""
    for part, name in zip(parts, ("小时", "分", "秒")[-len(parts) :], strict=True):
        if int(part):
            said += (
                ("零" if said and int(part) < 10 else "") + cardinal(int(part), "" if said else name) + name
            )
    return m[1] + said


def hour(m: Match) -> str:
    """9am is 上午九点."""
    return ("上午" if m[2].lower().startswith("a") else "下午") + cardinal(m[1], "点") + "点"

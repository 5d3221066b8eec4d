"""Numbers that are names in Chinese: telephones, rooms, models, versions. Each function reads one match of a rule."""

from __future__ import annotations

import re

from fenshen.motion.speech.text.chinese_numbers import cardinal, digits
from fenshen.motion.speech.text.english_numbers import cardinal as english_cardinal

Match = re.Match[str]


#: Days, universities, working hours and greetings that are called by a number.
CALLED_BY_NUMBER = (
    r"(?<!\d)\d{3}(?=大促|晚会|购物节|工作制|事件|高校|工程)"
    r"|(?<![\d.])618(?=活动|期间|预售|当天|年中|狂欢|[和及、前后哪快来开])|(?<=今年|去年|明年|京东|天猫|淘宝)618(?![\d.元万个])"
    r"|985(?=[、和/与]\s?211)|(?<=211[、和/与])985|(?<=985[、和/与])211|(?:985|211)(?=院校|大学|毕业|名校|高校)"
    r"|996(?=[、和/与]007|工作|加班)|(?<=996[、和/与])007|(?<!\d)6{3,}(?=[，。！!~、\s]|$)"
    r"|(?<=我)520(?!\d)|520(?=快乐|礼物|告白|表白|情人|1314)|(?<=你|0)1314(?!\d)"
)


def one_by_one(m: Match) -> str:
    """Every digit by itself."""
    return digits(m[0])


def called(m: Match) -> str:
    """A word such as telephone or password, and its number."""
    return m[1] + re.sub(r"\d+", one_by_one, re.sub(r"(?<=\d)[- ](?=\d)", "", m[2]))


def phone(m: Match) -> str:
    """A telephone number; a plus before the country is said."""
    plus = "加" if m[0].startswith("+") else ""
    return plus + digits(m[0])


def foreign(m: Match) -> str:
    """A foreign name with a number behind a hyphen: GPT-4 is English, DF-41 and F-35 are read in Chinese."""
    name, number = m[1], m[2]
    if len(name) < 3:
        return name + (digits(number) if len(number) > 1 and number.isdigit() else cardinal(number))
    short = len(number) < 3 or "." in number
    words = english_cardinal(number) if short else " ".join(map(english_cardinal, number))
    after = " " if re.match("[A-Za-z]", m.string[m.end() :]) else ""
    return f"{name} {words}{after}"


def model_number(number: str) -> str:
    """Three digits and more one by one, except round hundreds: 380 is 三八零, 100 is 一百."""
    whole = number.partition(".")[0]
    if len(whole) >= 3 and not whole.endswith("00"):
        return digits(number)
    return digits(number, "一") if whole.startswith("0") else cardinal(number)


def weapon(m: Match) -> str:
    """歼-20 is read digit by digit, 红旗-9 and 骁龙8 are numbers."""
    if m[3]:  # 波音737-800
        return m[1] + model_number(m[2]) + model_number(m[3])
    if len(m[2]) == 2 and len(m[1]) > 1 and m[1] not in ("东风", "鹰击", "米格"):
        return m[1] + cardinal(m[2])
    return m[1] + (digits(m[2]) if len(m[2]) == 2 else model_number(m[2]))


def version(m: Match) -> str:
    """2.1.3 is 二点一点三."""
    return "点".join(
        digits(part, "一") if len(part) > 2 or part[0] == "0" else cardinal(part) for part in m[0].split(".")
    )


def rooms(m: Match) -> str:
    """The numbers of rooms, flights and roads; 3-2-301 is 三杠二杠三零幺."""
    return "杠".join(digits(part) if len(part) > 2 else cardinal(part) for part in m[1].split("-")) + m[2]

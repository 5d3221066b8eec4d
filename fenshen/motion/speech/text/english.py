"""English text with its numbers, dates, money, units, signs and abbreviations in words, as newsreaders say them.

Each rule is a pattern and what it is read as. They are tried in order, and what one has written holds no digits, so
that no later one touches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache

from fenshen.motion.speech.text.abbreviations import ABBREVIATIONS, PER, RULERS, SCRIPTURE, STATES
from fenshen.motion.speech.text.english_numbers import cardinal, digits, ordinal, pairs, roman, ruler, year
from fenshen.motion.speech.text.english_signs import (
    OPERATORS,
    RELATIONS,
    between,
    formula,
    fraction,
    power,
    product,
)
from fenshen.motion.speech.text.english_times import (
    DAYS,
    MONTH,
    MONTHS,
    clock,
    day_month,
    days,
    decade,
    duration,
    hour,
    iso_date,
    month_day,
    month_name,
    slash_date,
    span,
    years,
)
from fenshen.motion.speech.text.words import ALGEBRA, CURRENCIES, SCALES, UNITS, Money, alternatives

Match = re.Match[str]
_NUM = r"\d+(?:\.\d+)?"
_TO = r"\s?(?:-{1,2}|~)\s?"
_SCALE = rf"(?:{alternatives(SCALES)})(?![A-Za-z])"
_SCALE_NAMES = {10**12: "trillion", 10**9: "billion", 10**6: "million", 10**3: "thousand", 100: "hundred"}
_SIGN = alternatives(CURRENCIES)
_CODE = alternatives(code for code in CURRENCIES if code.isalpha())
_AFTER = alternatives(sign for sign in CURRENCIES if len(sign) == 1)
_MONEY_WORD = r"dollars?|bucks|euros?|pounds?|yuan|yen|won|rupees?|roubles?|rubles?"
_UNIT = alternatives(unit for unit in UNITS if unit not in ("%", "‰", "°"))
_COMPOUND = alternatives(unit for unit in UNITS if set("/²³") & set(unit))
_YEAR_BEFORE = (
    "in|since|circa|year|early|late|mid|spring|summer|autumn|winter|class of|AD|born|died|Copyright"
)
# A number before a noun is an attribute in the singular: a 5 kg bag, a $5 bill.
_ATTRIBUTE = re.compile(r"\b(?:an?|the|this|that|one|per|every|each|his|her|our|their|my)\s$", re.IGNORECASE)
_NOUN = re.compile(
    r"\s(?!(?:of|and|or|to|in|at|on|is|was|for|from|with|more|less|by|than|per|each|a|after|before)\b)(?:[a-z]|[A-Z]{2,}\b)"
)
_COUNTED = (
    r"\s(?!(?:was|is|has|this|its|as|census|series|class|us|campus|olympics|plus)\b)"
    r"(?:[a-z]+s|people|men|women|children|percent|feet|fish|sheep)\b"
)
_ROOMS = (
    "Room|room|Train|train|Bus|bus|Error|error|Form|Port|port|Section|Suite|suite|Apt|Apt\\.|Apartment|apartment|Flat|Flight|flight"
    "|Route|Highway|Gate|Channel|Unit|Boeing|Airbus|RTX|GTX|Porsche|Peugeot|Xbox|Area|Interstate"
)
_STREET = "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Square|Way|Terrace"
_WORDS = "HI|ID|IN|LA|MA|MD|ME|OK|OR|PA"  # states that look like words, unless a zip code follows
_CHAPTERS = (
    "Chapter|Part|Act|Scene|Volume|Vol|Phase|Type|War|Bowl|Book|Section"
    "|Class|Article|Level|Stage|Rocky|Title|Mark|Appendix|Windows|Star Wars|Episode"
)


def normalised(text: str) -> str:
    """The text with everything that is written in digits, signs or abbreviations in words."""
    text = re.sub(r"\d{19,}", _digits, text)
    text = re.sub(r"(?<![\w.])\.(\d+)", lambda m: f"point {digits(m[1])}", text)
    text = re.sub(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)", _grouped, text)
    for pattern, read in _rules():
        text = pattern.sub(read, text)
    return re.sub(r" {2,}", " ", text)


def _grouped(m: Match) -> str:
    """A number without its commas; they say of a long one that it counts, and is no telephone's."""
    number = m[0].replace(",", "")
    alone = len(number) >= 10 and not re.search(rf"(?:{_SIGN})\s?$", m.string[: m.start()])
    return cardinal(number) if alone and not re.match(r"\.\d", m.string[m.end() :]) else number


# Money and measures


def _amount(number: str, scale: str | None) -> str:
    name = _SCALE_NAMES.get(SCALES.get((scale or "").strip(" -"), 0), "")
    return f"{cardinal(number)} {name}".rstrip()


def _is_attribute(m: Match) -> bool:
    return bool(_ATTRIBUTE.search(m.string[: m.start()]) and _NOUN.match(m.string, m.end()))


def _money(m: Match) -> str:
    currency = CURRENCIES[m["sign"]]
    if _is_attribute(m) and not ("." in m["num"] and not m["first"]):
        currency = currency._replace(many=currency.one)
    minus = "minus " if m["minus"] else ""
    if m["last"]:
        name = currency.many
        first = _amount(m["num"], m["first"]) if m["first"] else cardinal(m["num"])
        return f"{minus}{first} to {_amount(m['last'], m['scale'])} {name}"
    return minus + _one_amount(m["num"], m["first"], currency)


def _one_amount(number: str, scale: str | None, currency: Money) -> str:
    if scale:
        return f"{_amount(number, scale)} {currency.many}"
    whole, _, cents = number.partition(".")
    if cents and len(cents) != 2:
        return f"{cardinal(number)} {currency.many}"
    name = currency.one if whole == "1" else currency.many
    if not cents or cents == "00":
        return f"{cardinal(whole)} {name}"
    small = f"{cardinal(int(cents))} {currency.cent if cents == '01' else currency.cents}"
    return small if not int(whole) else f"{cardinal(whole)} {name} and {small}"


def _money_after(m: Match) -> str:
    return _one_amount(m[1], m[2], CURRENCIES[m[3]])


def _cents(m: Match) -> str:
    return f"{cardinal(m[1])} cent{'' if m[1] == '1' else 's'}"


def _unit(m: Match) -> str:
    before = m.string[: m.start()]
    if (
        len(m["unit"]) == 1
        and m["unit"] not in "°%"
        and re.search(r"\b(?:[a-z]+[A-Z]\w*|Galaxy|Model|Nexus|Pixel)\s$", before)
    ):
        return f"{cardinal(m['num'])} {m['unit']}"  # iPhone 5s is a name
    one, many, _ = UNITS[m["unit"]]
    hyphened = m[0][: -len(m["unit"])].endswith("-")
    many = one if _is_attribute(m) or (hyphened and _NOUN.match(m.string, m.end())) else many
    minus = {"-": "minus ", "+": "plus ", "±": "plus or minus "}.get(m["minus"] or "", "")
    number = _amount(m["num"], m["scale"])
    if m["last"]:
        low = "minus " if m["low"] else ""
        return f"{minus}{number} to {low}{cardinal(m['last'])} {many}"
    return f"{minus}{number} {one if m['num'] == '1' and not m['scale'] else many}"


def _height(m: Match) -> str:
    return f"{cardinal(m[1])} foot {cardinal(m[2])}"


# Names and numbers of things


def _digits(m: Match) -> str:
    return digits(m[0])


def _phone(m: Match) -> str:
    said = ", ".join(digits(part) for part in re.findall(r"\d+", m[0]))
    return f"plus {said}" if m[0].startswith("+") else said


def _model(number: str) -> str:
    """The number of a name: A380 is A three eighty, GPT-4 GPT four, Web3.0 Web three point zero."""
    if "." in number or len(number) < 3:
        return (
            cardinal(number)
            if not (number.startswith("0") and len(number) > 1 and "." not in number)
            else digits(number)
        )
    return pairs(number) if len(number) < 5 else digits(number)


def _named(m: Match) -> str:
    after = " " if m.string[m.end() : m.end() + 1].isalpha() else ""
    return f" {_model(m[1])}{after}"


def _version(m: Match) -> str:
    parts = m[0].split(".")
    if len(parts) == 4 and max(map(len, parts)) == 3:  # a machine's address
        return " dot ".join(map(pairs, parts))
    return " point ".join(map(cardinal, parts))


def _processor(m: Match) -> str:
    return f"i {cardinal(m[1][1:])} {cardinal(m[2])} {pairs(m[3])} "


def _state(m: Match) -> str:
    return STATES[m[1]]


def _street(m: Match) -> str:
    said = pairs(m[1]) if len(m[1]) in (3, 4) else cardinal(m[1])
    return said if m.string[m.end()].isspace() else f"{said} "


def _part_of_unit(m: Match) -> str:
    """1/4 tsp is one quarter teaspoon, 3/4 mi three quarters of a mile."""
    one, many, _ = UNITS[m[4]]
    if m[1]:
        return f"{fraction(m)} {many}"
    article = "an" if re.match("[aeio]|hour", one) else "a"
    return f"{fraction(m)} of {article} {one}" if m[2] != "1" else f"{fraction(m)} {one}"


def _plain_number(m: Match) -> str:
    number = m[0]
    after = m.string[m.end() :]
    if "." not in number:
        if len(number) >= 10 or (number[0] == "0" and len(number) > 1):
            return digits(number)
        if re.fullmatch(r"(?:19|20)\d\d", number) and not re.match(_COUNTED, after):
            return year(number)
    return cardinal(number)


@cache
def _rules() -> list[tuple[re.Pattern[str], Callable[[Match], str]]]:
    half = r"(\s?(?:[aApP]\.[mM]\.|[aApP][mM](?![A-Za-z])))?"
    lone = r"(?<![A-Za-z\d.])"
    return [
        (re.compile(pattern), read)
        for pattern, read in (
            (DAYS, days),
            *((pattern, lambda m, word=word: word) for pattern, word in ABBREVIATIONS),
            (rf"(?<=\d)([\s-]?(?:{_UNIT}))\.(?=\s[a-z\d]|[,;)])", lambda m: m[1]),  # 5 ft. tall
            (r"(?<=\d)(\s?(?:ft|feet)\s)(\d+)\s?in\b", lambda m: f"{m[1]}{m[2]} inches"),
            (
                rf"(?<=[a-z],\s)({'|'.join(STATES)})\s(\d{{5}}(?:-\d{{4}})?)\b",
                lambda m: f"{_state(m)} {_phone(m)}",
            ),
            (
                rf"(?<=[a-z],\s)(?!{_WORDS})({'|'.join(STATES)})(?=[,.;)]|$|\s(?:vs|versus|to|and|is|was|has|on|for)\b)",
                _state,
            ),
            (
                rf"\b({SCRIPTURE})\s(\d+):(\d+)(?!\d|:|\s?[ap]\.?m)",
                lambda m: f"{m[1]} {cardinal(m[2])} {cardinal(m[3])}",
            ),
            (r"\b((?:[A-Z]\.){2,})(?=\W|$)", lambda m: m[1].replace(".", "")),  # U.S.
            (r"(?<![\w.-])((?:[a-z]\.){3,})", lambda m: m[1].replace(".", "").upper()),  # a.k.a.
            (r"\b([A-Z])\.(?=\s[A-Z])", lambda m: m[1]),  # J. K. Rowling
            (rf"\b({RULERS}) ([IVX]{{2,}}|V|X)(?!\w|'(?!s))", ruler),
            (r"\b(?!XXX)((?=[IVX]{3}|II\b)X{0,3}(?:IX|IV|V?I{0,3}))(?!\w)", lambda m: cardinal(roman(m[1]))),
            (rf"\b({_CHAPTERS}) ([IVXLC]+)(?![\w'])", lambda m: f"{m[1]} {cardinal(roman(m[2]))}"),
            (rf"(?<![\d.])({_NUM})()\^(-?\d+)(\s?(?:{_UNIT})(?![A-Za-z]))?", power),
            (r"(?<=[A-Za-z)])()()\^(-?\d+)()", power),
            # formulas first: a hyphen in them is a minus
            (rf"{lone}[-(]?{_NUM}(?:\s?[-+×x*÷/]\s?\(?{_NUM}\)?)+\s?[=≈≠<>≤≥]\s?-?{_NUM}(?:/\d+)?", formula),
            (ALGEBRA, formula),
            (rf"{lone}({_NUM})([a-z])(?=[²³]|\s?[-+]\s?\d)", lambda m: f"{cardinal(m[1])} {m[2]}"),
            (r"(?:(?<=\b[abcnxyz])|(?<=[²³]))\s?-\s?(?=\d|[a-z]+ [abcnxyz]\b)", lambda m: " minus "),
            (r"\b([A-Z])(\d+)-\1(\d+)\b", lambda m: f"{m[1]} {cardinal(m[2])} to {m[1]} {cardinal(m[3])}"),
            (r"\b(i[3579])-(\d\d)(\d{3})(?=[A-Z]{0,2}\b)", _processor),
            (r"(?<=\bAD )(\d{3})\b|\b(\d{3})(?=\s(?:AD|BCE?|CE)\b)", lambda m: pairs(m[0])),
            (r"\s?±\s?(?=[\d(√a-z])", lambda m: " plus or minus "),
            (
                r"(?<![\w)])(?<![\w)]\s)([<>≤≥≈])\s?(?=[\d$€£¥])",
                lambda m: f"{RELATIONS[m[1]].removeprefix('is ')} ",
            ),
            # dates
            (r"(?<=\ds)\s?-\s?(?='?\d+s\b)|(?<=noon)-(?=\d)", lambda m: " to "),
            (r"(?<![\d.])(\d+)(h|m)(?:rs?|ins?)?\s?(\d+)(m|s)(?:ins?|ecs?)?(?:\s?(\d+)s(?:ecs?)?)?\b", span),
            (r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", iso_date),
            (r"(?<=[a-z])T(?=\d\d:\d\d)", lambda m: " "),
            (r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)(?![\d/])", slash_date),
            (
                r"(?<=\b(?:[Oo]n|[Bb]y) )(1[0-2]|[1-9])/([12]\d|3[01]|[1-9])(?![\d/])",
                lambda m: f"{MONTHS[int(m[1]) - 1]} {ordinal(m[2])}",
            ),
            (
                rf"\b(?P<month>{MONTH})\s(?P<day>[12]?\d|3[01])(?:st|nd|rd|th)?(?:{_TO}(?P<last>[12]?\d|3[01])(?:st|nd|rd|th)?)?"
                rf"(?:,?\s(?P<year>[12]\d{{3}}))?(?![\d:]|\.\d)",
                month_day,
            ),
            (
                rf"(?<![\d.:])(?P<day>[12]?\d|3[01])(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{MONTH})(?![a-z])(?:,?\s(?P<year>[12]\d{{3}}))?(?!\d)",
                day_month,
            ),
            (rf"\b({MONTH}),?\s([12]\d{{3}})(?!\d)", lambda m: f"{month_name(m[1])} {year(m[2])}"),
            (r"\b((?:Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\.)(?=\s|$)", lambda m: month_name(m[1])),
            (r"(?<![\d-])([12]\d{3})\s?[-/]\s?(\d{4}|\d\d)(?![\d-]|\.\d)", years),
            (r"(?<!\w)'?(\d{4}|[2-9]0)'?s\b(?!\w)", lambda m: decade(m)),
            (
                r"(?:(?<!\w)|(?<=[QH]\d))'(\d)(\d)(?![\w'])",
                lambda m: f" {'oh ' + digits(m[2]) if m[1] == '0' else cardinal(m[1] + m[2])}",
            ),
            # times of day
            (
                r"(?<![\d:])(1?\d):00\s?-\s?(?=1?\d:[0-5]\d\s?[aApP]\.?[mM])",
                lambda m: f"{cardinal(m[1])} to ",
            ),
            (r"(?<=:\d\d)\s?-{1,2}\s?(?=\d?\d:[0-5]\d)", lambda m: " to "),
            (
                r"(\b(?:[Tt]ime|[Rr]ecord|[Dd]uration|[Ll]ength|[Rr]untime|WR|PB|lasted|took|in|of)(?:\s(?:of|is|was|in))?:?\s)"
                r"(\d:[0-5]\d:[0-5]\d|(?<=[nhed][: ] )\d{1,3}:[0-5]\d)(?![\d:])",
                duration,
            ),
            (rf"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:]){half}", clock),
            (r"(?<=day)\s?-\s?(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)", lambda m: " to "),
            (
                rf"(?<![\d:.])(1[0-2]|\d){_TO}(?=(?:1[0-2]|\d)\s?[aApP]\.?[mM])",
                lambda m: f"{cardinal(m[1])} to ",
            ),
            (r"(?<![\d:.])(1[0-2]|\d)\s?([aApP]\.[mM]\.|[aApP][mM])(?![A-Za-z])", hour),
            (r"(?<=[a-zM])\s?-\s?(?=(?:[01]?\d|2[0-4]):[0-5]\d|noon|midnight)", lambda m: " to "),
            (
                r"(?<=[kM])\s?-\s?(?=(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b)",
                lambda m: " to ",
            ),
            # telephone numbers
            (r"\b1-(8\d\d)-(?=[A-Z]{4})", lambda m: f"one {pairs(m[1])} "),
            (r"\+\d{1,3}[- .]?\(?\d{1,4}\)?(?:[- .]\d{2,6}){1,4}(?![\d-])", _phone),
            (r"(?<![\d-])(?:1[- .])?(?:\(\d{3}\)\s?|\d{3}[-.])\d{3}[-.]\d{4}(?![\d-])", _phone),
            (r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", _phone),
            (r"(?<![\d-])\d{3}-\d{4}(?![\d-])", lambda m: _range_or_phone(m)),
            (r"(?<=[Cc]all )\d{3}(?!\d)|(?<=[Dd]ial )\d{3}(?!\d)|(?<![\d])911(?!\d)", _digits),
            (
                r"(?i)(\b(?:pin|zip|code|password|passcode|extension)(?:\s(?:number|code|is|was|of))*[:\s]+)(\d{4,8})\b"
                r"|(\btext (?=\d{5})|\bextension )(\d{3,6})\b|(\bend(?:s|ing) in )(\d{4})\b",
                lambda m: f"{m[1] or m[3] or m[5]}{digits(m[2] or m[4] or m[6])}",
            ),
            # money
            (
                rf"(?P<minus>(?<!\w)-)?(?<![A-Za-z])(?P<sign>{_SIGN})\s?(?P<num>{_NUM})(?P<first>[\s-]?{_SCALE})?"
                rf"(?:{_TO}(?:(?P=sign))?(?P<last>{_NUM})(?P<scale>[\s-]?{_SCALE})?)?(?:[\s-](?:{_MONEY_WORD}|{_CODE})\b)?",
                _money,
            ),
            (rf"({_NUM})([\s-]?{_SCALE})?\s?({_CODE})(?![A-Za-z])", _money_after),
            (rf"({_NUM})(\s?{_SCALE})?\s?({_AFTER})(?!\s?\d)", _money_after),
            (rf"({_NUM})\s?¢", _cents),
            (
                rf"({_NUM})\s?(?:{alternatives(['bn', 'tn', 'mn'])})(?![A-Za-z])",
                lambda m: _amount(m[1], m[0][len(m[1]) :]),
            ),
            (
                rf"{lone}({_NUM})([kKM])(?![A-Za-z\d])(?!\s?(?:video|TV|resolution|monitor|display|screen))",
                lambda m: _thousands(m),
            ),
            # per cents, units
            (r"(?<![\d.'])(\d+)'(?=\s(?:tall|long|wide|deep|high)\b)", lambda m: f"{cardinal(m[1])} feet"),
            (r"(?<![\w.])(\d+)'\s?(\d{1,2})(?:\"|''|”|(?![\d\w]))", _height),
            (
                r"(?<=\d)\s?(?:\"|″)(?=[\s,.)]|$)(?<!\d\s\")",
                lambda m: " inch" if _NOUN.match(m.string, m.end()) else " inches",
            ),
            (rf"(?<![\d/.])(\d+ )?(\d+)/(\d+)[\s-]?({_UNIT})(?![A-Za-z²³\d])", _part_of_unit),
            (
                rf"(?P<minus>(?<![\w.)])[-+±])?{lone}(?P<num>{_NUM})(?P<scale>\s(?:million|billion|thousand|trillion))?"
                rf"(?:\s?(?:%|°C|°|km|kg|m|g)?{_TO}(?P<low>-)?(?P<last>{_NUM}))?[\s-]?(?P<unit>%|‰|{_UNIT})(?![A-Za-z²³\d])",
                lambda m: _unit(m) if not _hyphened_word(m) else m[0],
            ),
            (rf"(?P<minus>(?<![\w.)])-)?(?P<num>{_NUM})(?P<scale>)(?P<last>)\s?(?P<unit>°)", _unit),
            (
                rf"(?<![\w/])(\b(?:an?|per|each|every)\s)?({_COMPOUND})(?![\w/²³])",
                lambda m: (m[1] or "") + UNITS[m[2]][0 if m[1] else 1],
            ),
            (rf"(?<=[a-z])\s?/\s?({alternatives(PER)})\b", lambda m: f" per {PER[m[1]]}"),
            (rf"{lone}{_NUM}(?:\s?[×x*]\s?{_NUM})+", product),
            (rf"{lone}({_NUM})[x×](?![A-Za-z\d])", lambda m: f"{cardinal(m[1])} times"),
            (r"(?<=[a-z])\s?×\s?(?=[a-z\d])", lambda m: " by "),
            # names with numbers
            (r"(?<!\d)24/7(?!\d)", lambda m: "twenty-four seven"),
            (r"(?<![\d/])9/11(?![\d/])", lambda m: "nine eleven"),
            (r"\bH2O\b", lambda m: "H two O"),
            (r"\bv(?=\d)|\b[vV]\.?(?=\d+\.\d)", lambda m: "version "),
            (r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)", _version),
            (r"(?<=[A-Z])\.(\d{3})(?!\d)", lambda m: f" {pairs(m[1])}"),
            (
                rf"\b((?:{_ROOMS})(?: [A-Z]{{2,3}})?) (\d{{3,4}})(?![\d.,]\d|\d)",
                lambda m: f"{m[1]} {pairs(m[2])}",
            ),
            (
                rf"(?<![\w.-])(\d{{2,5}})(?=[A-Z]?\s(?:[NSEW]\.?\s)?(?:[A-Z]\w+\s){{1,2}}(?:{_STREET})\b)",
                _street,
            ),
            (r"(?<![\w.])(\d{3,4})(?=[A-Z]\b|(?<=720|080|440|160)p\b)", lambda m: pairs(m[1]) + " "),
            (r"(?<=[A-Za-z])-?(\d+(?:\.\d+)?)(?![\d.]*\d)", _named),
            # ordinals, fractions, ratios, ranges
            (r"(?<![\d.])(\d+)(?:st|nd|rd|th)\b", lambda m: ordinal(m[1])),
            (rf"(?<![\w.])({_NUM})(?=[A-Za-z])", lambda m: f"{cardinal(m[1])} "),
            (
                r"(?<![\d/.])(\d+(?:\.\d+)?)/(\d+)(?=\s(?:stars?|points?)\b)|(?<![\d/.])(\d+\.\d+)/(\d+)(?![\d/])",
                lambda m: f"{cardinal(m[1] or m[3])} out of {cardinal(m[2] or m[4])}",
            ),
            (r"(?<![\d/.])(\d+ )?(\d+)/(\d+)(?![\d/])", fraction),
            (rf"({_NUM})([²³])()()", power),
            (
                rf"{lone}({_NUM})\s?([÷+])\s?({_NUM})",
                lambda m: f"{cardinal(m[1])} {OPERATORS[m[2]]} {cardinal(m[3])}",
            ),
            (rf"(?<![\d.:])({_NUM})\s?:\s?({_NUM})(?![\d:])", between),
            (rf"(?<![\d.-])({_NUM}){_TO}({_NUM})(?![\d.]*\d|-\d)", between),
            (rf"({_NUM})\s?\+(?![\w+])", lambda m: f"{cardinal(m[1])} plus"),
            (r"√\s?(?=[\w(])", lambda m: "the square root of "),
            (r"~\s?(?=\d)", lambda m: "about "),
            (r"(?<![\w])\+\s?(?=\d)", lambda m: "plus "),
            (r"\s?([=≈≠<>≤≥])\s?(?=[\w-])", lambda m: f" {RELATIONS[m[1]]} "),
            (r"(?:(?<=\s)|(?<=\()|^)-(?=\.?\d)", lambda m: "minus "),
            # what is left
            (
                rf"\b((?i:{_YEAR_BEFORE}) )(1\d{{3}}|2[01]\d\d)(?![\d.,]\d|\d)(?!{_COUNTED})",
                lambda m: m[1] + year(m[2]),
            ),
            (_NUM, _plain_number),
            (r"(?<=\b[a-z])([a-z])(?=[²³])", lambda m: " " + m[1]),  # mc²
            (r"²", lambda m: " squared"),
            (r"³", lambda m: " cubed"),
            (r"(?<=[A-Za-z])\+\+", lambda m: " plus plus"),
            (r"\s?\+\s?", lambda m: " plus "),
            (r"\s?&\s?", lambda m: " and "),
            (r"(?<=\w{2})\s/\s(?=\w)", lambda m: ", "),
            (r"(?<=\b[A-Za-z])\s/\s(?=[A-Za-z]\b)", lambda m: " over "),
            (
                r"(?<=[a-z])/(?=[a-z])",
                lambda m: " " if m.string[: m.start()].endswith(("and", "either")) else " or ",
            ),
            (r"[~^<>≤≥≠≈=×÷±√¢°/$€£¥₩₹₽₿฿₫₺₴₱%‰]", lambda m: " "),
            (r"(?<=[a-z])(?=(?:point) )", lambda m: " "),
        )
    ]


def _thousands(m: Match) -> str:
    """100k people are a hundred thousand; a 4K film is no four thousand."""
    if m[2] == "K" and (len(m[1]) < 2 or re.match(r"\s(?:run|race)\b", m.string[m.end() :])):
        return f"{cardinal(m[1])} K"
    return _amount(m[1], m[2])


def _hyphened_word(m: Match) -> bool:
    """A-4 in 3-D or 5-s, where the letter belongs to a word."""
    return "-" in m[0][: -len(m["unit"])][-1:] and len(m["unit"]) == 1


def _range_or_phone(m: Match) -> str:
    first, last = m[0].split("-")
    if Decimal(first) < Decimal(last) and last.endswith("00"):
        return f"{cardinal(first)} to {cardinal(last)}"
    return _phone(m)

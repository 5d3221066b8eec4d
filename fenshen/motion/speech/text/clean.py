"""What of a text is spoken: markup goes, links and addresses get a short spoken form, look-alike signs become one."""

from __future__ import annotations

import html
import re
import unicodedata

from fenshen.motion.speech.text.words import SIGNS

_NO_HAN = r"[^\s\u2e80-\U0003ffff<>\"“”]"  # where a link may go on: never into Chinese, which often follows directly
_DOMAINS = "com|org|net|edu|gov|int|cn|io|ai|app|dev|co|uk|us|de|fr|jp|kr|hk|tw|eu|ru|in|au|ca|me|tv|info|xyz|top|shop"
_HOST = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
_EMAIL = re.compile(rf"(?<![\w.+-])(?:mailto:)?([A-Za-z0-9][\w.+-]*)@({_HOST})", re.ASCII)
_LINK = re.compile(
    rf"(?:https?|ftp)://((?:[\w-]*[\u4e00-\u9fff][\w\u4e00-\u9fff-]*\.)+[\w\u4e00-\u9fff]{{2,}}?(?=[/:?#\s，。！？；、）]|$))/?"
    rf"|(?:(?:https?|ftp)://|www\.)(?:[^\s/@]*@)?(\w[\w.-]*)(?::\d+)?((?:[/?#]{_NO_HAN}*)?)"
    rf"|(?<![\w.@/-])((?:[A-Za-z0-9-]+\.)+(?:{_DOMAINS}))(?![\w.-]*\w)(?::\d+)?((?:[/?#]{_NO_HAN}*)?)",
    re.ASCII | re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"<([A-Za-z\u4e00-\u9fff][^<>\n]{0,60})>")  # <name>, which is no tag
_AFTER_LINK = ".,;:!?)]}'*_~"  # marks that end a sentence rather than a link

_ATTRIBUTE = r"\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)"
_TAGS = (
    "a|abbr|article|audio|b|big|blockquote|body|br|button|center|cite|code|dd|del|div|dl|dt|em|figure|font|footer|form"
    "|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|label|li|link|main|mark|meta|nav|ol|p|pre|q|s|section"
    "|small|source|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul|video"
    "|speak|break|prosody|emphasis|say-as|voice|phoneme"
)
_BLOCK = r"(?:p|div|br|li|ul|ol|h[1-6]|hr|tr|table|section|article|blockquote|pre|title)"
_NEW_LINE = re.compile(rf"</?{_BLOCK}(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE)
_TAG = re.compile(
    rf"</?(?:{_TAGS})(?:{_ATTRIBUTE})*\s*/?>|</[A-Za-z][\w:-]*\s*>|<\w+(?:{_ATTRIBUTE})+\s*/?>", re.I
)
_FILE = "com|net|org|io|cn|pdf|txt|docx?|xlsx?|pptx?|exe|jpe?g|png|gif|mp\\d|csv|zip|js|py|json|html"
_FILE += "|webm|webp|mov|mkv|avi|svg|wav|md|ya?ml|xml|css|cpp|sh|log|apk|dmg|iso|rar|tar|gz|srt|psd|ttf"
_EXTENSION = rf"[A-Z]{{2,}}\b|(?:{_FILE})\b"
_UNSEEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_MARKDOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^[ \t]*(?:```|~~~).*$", ""),  # fences
        (r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t:-]*$", ""),  # the line under a table's head
        (r"^[ \t]*([-*_=])(?:[ \t]*\1){2,}[ \t]*$", ""),  # rules
        (r"!\[([^\[\]\n]*)\]\([^)\s]*(?:\s\"[^\"]*\")?\)", r" \1 "),  # pictures, by their description
        (r"\[([^\[\]\n]+)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s\"[^\"]*\")?\)", r"\1"),
        (r"\[([^\[\]\n]+)\]\[[^\[\]\n]*\]", r"\1"),
        (r"\[\^?\d+\]", ""),  # footnotes
        (r"^[ \t]*(?:>[ \t]?)+(?![\s\d=])", ""),
        (r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", r"\1"),
        (r"^[ \t]*(?:[-*+•·‣▪][ \t]+)+(?:\[[ xX]\][ \t]+)?", ""),
        (r"^[ \t]*(\d{1,3})[.)][ \t]+(?=\S)", r"\1, "),
        (r"^[ \t]*[(（]?(\d{1,3})[.)）．][ \t]*(?=[\u4e00-\u9fff])", r"\1，"),
        (r"^[ \t]*\|(.*)\|[ \t]*$", r"\1"),
        (r"[ \t]\|[ \t]", ", "),
        (r"(?<=\d)[ \t]?\*[ \t]?(?=\d)", "×"),
        (r"(\d[ \t]?(?:[cdkm]?m|k?g|m?[lL]|in|ft|['\"]))[ \t]?[*xX×][ \t]?(?=\d)", r"\1 × "),
        (r"(\*{1,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1", r"\2"),
        (r"(?<!\w)(_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2"),
    )
)
_TYPED = re.compile(r"(?<![<>=!+-])(?:<=|>=|!=|==|\+/?-)(?=\s?[\w-])(?!=)")
# Look-alikes of one sign. Dashes: a long one is a pause, a short one stands between numbers, a minus before one.
_MEANT = str.maketrans(
    {
        "—": "，",
        "–": "-",
        "−": "-",
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "‘": "'",
        "’": "'",
        "ʼ": "'",
        "\u00a0": " ",
    }
    | {
        "\u3000": " ",
        "\u2009": " ",
        "\u202f": " ",
        "⁄": "/",
        "∕": "/",
        "∶": ":",
        "·": "·",
        "•": "·",
        "∼": "~",
        "〜": "~",
    }
    | {"￡": "£", "￠": "¢", "￦": "₩", "µ": "μ", "Ω": "Ω", "º": "°", "㎞": "km", "円": "日元"}
)
_ROMAN = {0x2160 + place: str(place + 1) for place in range(12)} | {
    0x2170 + place: str(place + 1) for place in range(12)
}
_WIDE = {ord(wide): ord(wide) - 0xFEE0 for wide in "％＄＆＠＃／－．＊＋＂＇＿＝＜＞～＾｜＼｀"} | {
    ord("￥"): "¥"
}
_KEPT_SIGNS = frozenset("$€£¥₩₹₽₿฿₫₺₴₱¢°+=~×÷±<>≤≥≠≈√^²³")
_LOST_MARKS = frozenset("*_#\\{}[]|@")
_STYLED = ("<font>", "<wide>", "<narrow>", "<circle>", "<square>", "<small>", "<fraction>", "<sub>")


def cleaned(text: str, lang: str) -> str:
    """Characters that can be spoken or that shape a sentence; emoji and controls become spaces.

    Args:
        text: as a user gives it: with links, HTML, Markdown, emoji, full-width letters.
        lang: ``zh`` or ``en``, how links and addresses are read.
    """
    text = _NEW_LINE.sub("\n", _UNSEEN.sub(" ", text.translate(_WIDE)))
    text = re.sub(r"<sub\s+alias=[\"']([^\"']*)[\"']\s*>.*?</sub>", r"\1", text)
    closed = "|".join(sorted(set(re.findall(r"</([A-Za-z][\w-]*)\s*>", text))))
    text = re.sub(rf"<(?:{closed})\s*>", "", text) if closed else text
    text = html.unescape(_TAG.sub("", text))
    text = _EMAIL.sub(lambda found: _address(found, lang), _linked(text))
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    text = _IN_BRACKETS.sub(r" \1 ", text)
    text = _LINK.sub(lambda found: _site(found, lang), text)
    text = re.sub(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))", "", text)
    text = re.sub(r"[-=]+>|<[-=]{2,}", ", ", _TYPED.sub(_sign, text))
    text = re.sub(r"(?<=[\d年月日])\s?—+\s?(?=\d)", "-", text)
    text = re.sub(r"\s*—+\s*", ", ", text) if lang == "en" else text
    text = re.sub(r"([①-⑳])(?=\w)", r"\1，", text)
    text = re.sub(r"(?<=[^\W\d_])[⁰¹⁴-⁹]|[⁻⁺]?[⁰¹²³⁴-⁹]+[⁻⁺]?", lambda found: _raised(found, lang), text)
    text = re.sub(r"\s*[→⇒]\s*", ", " if lang == "en" else "，", text)
    text = text.translate({ord(sign): said[lang == "zh"] for sign, said in SIGNS.items()})
    text = text.translate(_ROMAN) if lang == "zh" else text
    text = "".join(map(_plain, unicodedata.normalize("NFC", text))).translate(_MEANT)
    text = re.sub(r"([$€£¥])-(?=\d)", r"-\1", text)
    text = re.sub(r"(?<=\b[CF])#(?!\w)", " sharp", text)
    text = re.sub(r"[#＃]\s?(?=\d)", "No. ", text) if lang == "en" else text
    text = re.sub(r"(?<=#)(?:[A-Z][a-z]+){2,}\b", lambda m: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", m[0]), text)
    text = re.sub(
        rf"(?<![\w.)\"'])\.(?={_EXTENSION})", "dot " if lang == "en" else "点", text, flags=re.ASCII
    )
    text = re.sub(rf"(?<=\w)\.(?=(?:{_FILE})(?![A-Za-z\d]))", " dot " if lang == "en" else "点", text)
    text = re.sub(r"(?<=\s)@(?=\s)", "at", text) if lang == "en" else text
    text = re.sub(r"@(?=\w)", " at " if lang == "en" else "艾特", text)
    text = re.sub(r"(?<=\d)\u20e3|(?<=\d)\ufe0f\u20e3", " ", text)
    kept = [char if char == "\n" or _speakable(char) else " " for char in text]
    return re.sub(r"[ \t]+", " ", "".join(kept)).strip()


def words_only(text: str) -> str:
    """The text without links, addresses and tags, whose letters say nothing of its language."""
    return _LINK.sub(" ", _EMAIL.sub(" ", _TAG.sub("", text)))


def _linked(text: str) -> str:
    """Markdown's ``<https://...>`` without its brackets."""
    return re.sub(r"<((?:https?://|mailto:|www\.)[^<>\s]+)>", r" \1 ", text)


def _site(found: re.Match[str], lang: str) -> str:
    """A link as its domain, and the marks that stood after it."""
    host = found[1] or found[2] or found[4]
    path = found[3] or found[5] or ""
    ending = path or host
    after = ending[len(ending.rstrip(_AFTER_LINK)) :]
    host = host.rstrip(".-").lower().removeprefix("www.")
    return f"{_before(found)}{_dotted(host, lang)}{after or _gap(found)}" if host else after


def _address(found: re.Match[str], lang: str) -> str:
    at = " at " if lang == "en" else "艾特"
    return f"{_before(found)}{_dotted(found[1], lang)}{at}{_dotted(found[2], lang)}{_gap(found)}"


def _before(found: re.Match[str]) -> str:
    return " " if found.string[max(0, found.start() - 1) : found.start()].isalnum() else ""


def _gap(found: re.Match[str]) -> str:
    return " " if found.string[found.end() : found.end() + 1].isalnum() else ""


def _dotted(name: str, lang: str) -> str:
    """A name of the net as it is said: its dots in words, numbers digit by digit, endings like CN as letters."""
    from fenshen.motion.speech.text import chinese_numbers, english_numbers

    dot, dash, under = (" dot ", " dash ", " underscore ") if lang == "en" else ("点", "杠", "下划线")
    digits = english_numbers.digits if lang == "en" else chinese_numbers.digits
    parts = name.split(".")
    if len(parts) > 1 and len(parts[-1]) == 2 and parts[-1].isalpha():
        parts[-1] = parts[-1].upper()
    said = dot.join(parts).replace("-", dash).replace("_", under).replace("+", " plus ")
    space = " " if lang == "en" else ""
    return re.sub(r"\d+", lambda number: f"{space}{digits(number[0])}{space}", said)


def _sign(found: re.Match[str]) -> str:
    return {"<=": "≤", ">=": "≥", "!=": "≠", "==": "=", "+-": "±", "+/-": "±"}[found[0]]


def _raised(found: re.Match[str], lang: str) -> str:
    """Raised digits as a power, an ion's charge, or nothing where they are a footnote's."""
    raised = unicodedata.normalize("NFKC", found[0]).replace("\u2212", "-")
    before = found.string[: found.start()]
    if raised[-1] in "+-":
        minus = {"en": (" plus", " minus"), "zh": ("正", "负")}[lang][raised[-1] == "-"]
        return f" {raised[:-1]}{minus}"
    if raised in ("2", "3"):
        return "" if re.search("[a-z]{4}$", before) else found[0]
    return f"^{raised}" if re.search(r"(?:[\d)]|(?<![^\W\d_])[A-Za-z])$", before) else ""


def _plain(char: str) -> str:
    """A styled, circled or square letter or digit as the plain one; invisible characters as nothing."""
    if char < "\u0080":
        return char
    kind = unicodedata.category(char)
    if kind == "Cf":
        return ""
    decomposed = unicodedata.decomposition(char)
    if kind[0] in "LNS" and decomposed.startswith(_STYLED):
        plain = unicodedata.normalize("NFKC", char)
        return f" {plain}" if decomposed.startswith("<fraction>") else plain
    if decomposed.startswith("<compat>") and (kind[0] in "LN" or char in "℃℉"):
        return unicodedata.normalize("NFKC", char)
    return {"№": "No. "}.get(char, char)


def _speakable(char: str) -> bool:
    kind = unicodedata.category(char)
    return (
        kind[0] in "LNM"
        or (kind[0] in "PZ" and char not in _LOST_MARKS)
        or char in _KEPT_SIGNS
        or char == "%"
    )

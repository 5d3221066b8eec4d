"""Numbers in Chinese words."""

from __future__ import annotations

from decimal import Decimal

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿", "亿亿")
#: Before these a lone 2 is 两.
MEASURES = (
    "个個位名台臺年天次件只隻条條本张張家辆輛周岁倍种種人层層吨噸斤块塊元点點秒分组組套份双對对支枝片棵朵头頭匹座栋间間所门門"
    "架艘颗顆粒瓶杯碗盘袋箱包盒桶罐把面扇幅首部篇段句行列排队隊班批群类類款项項步遍趟场場届届轮輪站门课節节声下口滴堆束串"
    "根股团團卷册冊页頁亩畝顿頓桌餐集期遍盏户戶枚尊则則道员卡米升克"
)
_MEASURE_WORDS = (
    "小时",
    "小時",
    "分钟",
    "分鐘",
    "公里",
    "公斤",
    "英里",
    "美元",
    "欧元",
    "英镑",
    "港元",
    "平方",
    "立方",
    "星期",
)


def digits(number: str, one: str = "幺") -> str:
    """Digit by digit, as telephone numbers are read; years take ``one="一"``."""
    return "".join(one if digit == "1" else _DIGITS[int(digit)] for digit in number if digit.isdigit())


def cardinal(number: str | int, before: str = "") -> str:
    """A number as a quantity: 1234.50 is 一千二百三十四点五零.

    Args:
        number: decimal digits, perhaps with a point.
        before: what stands after the number; a lone 2 before a measure word is 两.
    """
    whole, _, fraction = str(number).partition(".")
    whole = whole.lstrip("0") or "0"
    if len(whole) > 4 * len(_GROUPS):
        return digits(whole, "一")
    said = _whole(whole)
    if whole == "2" and not fraction and (before[:1] in tuple(MEASURES) or before.startswith(_MEASURE_WORDS)):
        said = "两"
    return f"{said}点{digits(fraction, '一')}" if fraction else said


def scaled(value: Decimal) -> str:
    """An amount as newsreaders say it: 3.2 billion is 三十二亿, 1.5 million 一百五十万."""
    for size, word in ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")):
        part = value / size
        if part >= 1 and -int(part.normalize().as_tuple().exponent) <= 4:
            return (
                cardinal(f"{part.normalize():f}", word).replace("二", "两", 1) + word
                if part == 2
                else (cardinal(f"{part.normalize():f}") + word)
            )
    return cardinal(f"{value.normalize():f}")


def _whole(number: str) -> str:
    """An integer; 两 begins thousands, ten thousands and hundred millions, as in 两千 and 两万."""
    if number == "0":
        return "零"
    groups = [number[max(0, end - 4) : end] for end in range(len(number), 0, -4)]
    said, gap = "", False
    for place in range(len(groups) - 1, -1, -1):
        value = int(groups[place])
        if value == 0:
            gap = bool(said)
            continue
        if said and (gap or value < 1000):
            said += "零"
        first = not said
        group = _group(value, first)
        if first and group == "二" and place:
            group = "两"
        said += group + _GROUPS[place]
        gap = False
    return said


def _group(value: int, first: bool) -> str:
    """Up to 9999."""
    said, gap = "", False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit == 0:
            gap = bool(said)
            continue
        if gap:
            said += "零"
            gap = False
        if place == 1 and digit == 1 and not said and first:
            said += "十"
        elif place == 3 and digit == 2 and not said and first:
            said += "两千"
        else:
            said += _DIGITS[digit] + _PLACES[place]
    return said

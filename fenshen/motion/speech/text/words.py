"""What both languages say for the same sign: currencies, units, Greek letters. A new one is a line here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Money(NamedTuple):
    """A currency: one, several, its hundredth (one, several), and in Chinese with its hundredth."""

    one: str
    many: str
    cent: str
    cents: str
    zh: str
    zh_cent: str = "分"


def _dollar(of: str, zh: str) -> Money:
    name = f"{of} dollar".strip()
    return Money(name, f"{name}s", "cent", "cents", zh, "美分" if zh == "美元" else "分")


_EURO = Money("euro", "euros", "cent", "cents", "欧元", "欧分")
_POUND = Money("pound", "pounds", "penny", "pence", "英镑", "便士")
_YUAN = Money("yuan", "yuan", "fen", "fen", "元")
_YEN = Money("yen", "yen", "sen", "sen", "日元")
_WON = Money("won", "won", "jeon", "jeon", "韩元")
_RUPEE = Money("rupee", "rupees", "paisa", "paise", "卢比")
_ROUBLE = Money("rouble", "roubles", "kopeck", "kopecks", "卢布")
_BITCOIN = Money("bitcoin", "bitcoins", "cent", "cents", "比特币")
_HK, _TW = _dollar("Hong Kong", "港元"), _dollar("New Taiwan", "新台币")
_AU, _CA = _dollar("Australian", "澳元"), _dollar("Canadian", "加元")
_SG, _NZ = _dollar("Singapore", "新加坡元"), _dollar("New Zealand", "新西兰元")

#: By sign or code, in the spelling that stands in texts. The same $ is the US dollar, the same ¥ the yuan.
CURRENCIES: dict[str, Money] = {
    "US$": _dollar("US", "美元"), "U.S.$": _dollar("US", "美元"), "HK$": _HK, "NT$": _TW, "AU$": _AU, "A$": _AU,
    "CA$": _CA, "C$": _CA, "SG$": _SG, "S$": _SG, "NZ$": _NZ,
    "MX$": Money("Mexican peso", "Mexican pesos", "centavo", "centavos", "墨西哥比索"),
    "R$": Money("Brazilian real", "Brazilian reais", "centavo", "centavos", "雷亚尔"),
    "CN¥": _YUAN, "JP¥": _YEN, "RMB¥": _YUAN,
    "$": _dollar("", "美元"), "€": _EURO, "£": _POUND, "¥": _YUAN, "₩": _WON, "₹": _RUPEE, "₽": _ROUBLE,
    "₿": _BITCOIN, "฿": Money("baht", "baht", "satang", "satang", "泰铢"),
    "₫": Money("dong", "dong", "xu", "xu", "越南盾"), "₺": Money("lira", "lira", "kurus", "kurus", "土耳其里拉"),
    "₱": Money("peso", "pesos", "centavo", "centavos", "比索"),
    "₴": Money("hryvnia", "hryvnias", "kopeck", "kopecks", "格里夫纳"),
    "USD": _dollar("US", "美元"), "EUR": _EURO, "GBP": _POUND, "CNY": Money("yuan", "yuan", "fen", "fen", "元人民币"),
    "RMB": Money("yuan", "yuan", "fen", "fen", "元人民币"), "JPY": _YEN, "KRW": _WON, "HKD": _HK, "TWD": _TW,
    "NTD": _TW, "AUD": _AU, "CAD": _CA, "SGD": _SG, "NZD": _NZ, "INR": _RUPEE, "RUB": _ROUBLE, "BTC": _BITCOIN,
    "CHF": Money("Swiss franc", "Swiss francs", "centime", "centimes", "瑞士法郎"),
    "THB": Money("baht", "baht", "satang", "satang", "泰铢"),
    "Rs.": _RUPEE, "Rs": _RUPEE, "MOP": Money("pataca", "patacas", "avo", "avos", "澳门元"),
}  # fmt: skip

#: By symbol: one and several in English, and in Chinese, where {} is the number if that does not come first.
UNITS: dict[str, tuple[str, str, str]] = {
    "km/h": ("kilometer per hour", "kilometers per hour", "每小时{}公里"),
    "km/s": ("kilometer per second", "kilometers per second", "每秒{}公里"),
    "kph": ("kilometer per hour", "kilometers per hour", "每小时{}公里"),
    "mph": ("mile per hour", "miles per hour", "每小时{}英里"),
    "m/s²": ("meter per second squared", "meters per second squared", "米每二次方秒"),
    "m/s": ("meter per second", "meters per second", "每秒{}米"),
    "L/100km": ("liter per hundred kilometers", "liters per hundred kilometers", "每百公里{}升"),
    "kg/m³": ("kilogram per cubic meter", "kilograms per cubic meter", "千克每立方米"),
    "g/cm³": ("gram per cubic centimeter", "grams per cubic centimeter", "克每立方厘米"),
    "mg/L": ("milligram per liter", "milligrams per liter", "毫克每升"),
    "μg/m³": ("microgram per cubic meter", "micrograms per cubic meter", "微克每立方米"),
    "mmHg": ("millimeter of mercury", "millimeters of mercury", "毫米汞柱"),
    "mmol/L": ("millimole per liter", "millimoles per liter", "毫摩尔每升"),
    "km²": ("square kilometer", "square kilometers", "平方公里"),
    "km2": ("square kilometer", "square kilometers", "平方公里"),
    "m²": ("square meter", "square meters", "平方米"),
    "m2": ("square meter", "square meters", "平方米"),
    "cm²": ("square centimeter", "square centimeters", "平方厘米"),
    "cm2": ("square centimeter", "square centimeters", "平方厘米"),
    "mm²": ("square millimeter", "square millimeters", "平方毫米"),
    "m³": ("cubic meter", "cubic meters", "立方米"),
    "m3": ("cubic meter", "cubic meters", "立方米"),
    "cm³": ("cubic centimeter", "cubic centimeters", "立方厘米"),
    "cm3": ("cubic centimeter", "cubic centimeters", "立方厘米"),
    "km³": ("cubic kilometer", "cubic kilometers", "立方公里"),
    "sq ft": ("square foot", "square feet", "平方英尺"), "sq m": ("square meter", "square meters", "平方米"),
    "sq km": ("square kilometer", "square kilometers", "平方公里"),
    "sq mi": ("square mile", "square miles", "平方英里"), "sq in": ("square inch", "square inches", "平方英寸"),
    "sq yd": ("square yard", "square yards", "平方码"), "cu ft": ("cubic foot", "cubic feet", "立方英尺"),
    "cu m": ("cubic meter", "cubic meters", "立方米"), "cu in": ("cubic inch", "cubic inches", "立方英寸"),
    "cu yd": ("cubic yard", "cubic yards", "立方码"), "mpg": ("mile per gallon", "miles per gallon", "每加仑{}英里"),
    "mol/L": ("mole per liter", "moles per liter", "摩尔每升"), "mol": ("mole", "moles", "摩尔"),
    "km": ("kilometer", "kilometers", "公里"), "m": ("meter", "meters", "米"),
    "dm": ("decimeter", "decimeters", "分米"),
    "cm": ("centimeter", "centimeters", "厘米"), "mm": ("millimeter", "millimeters", "毫米"),
    "μm": ("micrometer", "micrometers", "微米"), "um": ("micrometer", "micrometers", "微米"),
    "nm": ("nanometer", "nanometers", "纳米"), "mi": ("mile", "miles", "英里"), "ft": ("foot", "feet", "英尺"),
    "yd": ("yard", "yards", "码"), "kg": ("kilogram", "kilograms", "公斤"), "KG": ("kilogram", "kilograms", "公斤"),
    "Kg": ("kilogram", "kilograms", "公斤"), "g": ("gram", "grams", "克"), "mg": ("milligram", "milligrams", "毫克"),
    "μg": ("microgram", "micrograms", "微克"), "lbs": ("pound", "pounds", "磅"), "lb": ("pound", "pounds", "磅"),
    "oz": ("ounce", "ounces", "盎司"), "t": ("ton", "tons", "吨"), "ha": ("hectare", "hectares", "公顷"),
    "L": ("liter", "liters", "升"), "l": ("liter", "liters", "升"), "mL": ("milliliter", "milliliters", "毫升"),
    "ml": ("milliliter", "milliliters", "毫升"), "ML": ("milliliter", "milliliters", "毫升"),
    "tsp": ("teaspoon", "teaspoons", "茶匙"), "tbsp": ("tablespoon", "tablespoons", "汤匙"),
    "gal": ("gallon", "gallons", "加仑"), "h": ("hour", "hours", "小时"), "hrs": ("hour", "hours", "小时"),
    "hr": ("hour", "hours", "小时"), "min": ("minute", "minutes", "分钟"), "mins": ("minute", "minutes", "分钟"),
    "s": ("second", "seconds", "秒"), "sec": ("second", "seconds", "秒"), "secs": ("second", "seconds", "秒"),
    "ms": ("millisecond", "milliseconds", "毫秒"), "μs": ("microsecond", "microseconds", "微秒"),
    "ns": ("nanosecond", "nanoseconds", "纳秒"), "yrs": ("year", "years", "年"), "yr": ("year", "years", "年"),
    "Hz": ("hertz", "hertz", "赫兹"), "kHz": ("kilohertz", "kilohertz", "千赫"),
    "MHz": ("megahertz", "megahertz", "兆赫"), "GHz": ("gigahertz", "gigahertz", "吉赫"),
    "THz": ("terahertz", "terahertz", "太赫"), "W": ("watt", "watts", "瓦"), "kW": ("kilowatt", "kilowatts", "千瓦"),
    "KW": ("kilowatt", "kilowatts", "千瓦"), "MW": ("megawatt", "megawatts", "兆瓦"),
    "GW": ("gigawatt", "gigawatts", "吉瓦"), "kW·h": ("kilowatt hour", "kilowatt hours", "千瓦时"),
    "kWh": ("kilowatt hour", "kilowatt hours", "千瓦时"),
    "MWh": ("megawatt hour", "megawatt hours", "兆瓦时"), "GWh": ("gigawatt hour", "gigawatt hours", "吉瓦时"),
    "V": ("volt", "volts", "伏"), "kV": ("kilovolt", "kilovolts", "千伏"), "mV": ("millivolt", "millivolts", "毫伏"),
    "mA": ("milliamp", "milliamps", "毫安"), "mAh": ("milliamp hour", "milliamp hours", "毫安时"),
    "Ah": ("amp hour", "amp hours", "安时"), "Wh": ("watt hour", "watt hours", "瓦时"),
    "Ω": ("ohm", "ohms", "欧姆"), "kΩ": ("kilohm", "kilohms", "千欧"), "Pa": ("pascal", "pascals", "帕"),
    "hPa": ("hectopascal", "hectopascals", "百帕"), "kPa": ("kilopascal", "kilopascals", "千帕"),
    "MPa": ("megapascal", "megapascals", "兆帕"), "J": ("joule", "joules", "焦耳"),
    "kJ": ("kilojoule", "kilojoules", "千焦"), "cal": ("calorie", "calories", "卡"),
    "kcal": ("kilocalorie", "kilocalories", "千卡"), "N": ("newton", "newtons", "牛"),
    "dB": ("decibel", "decibels", "分贝"), "KB": ("kilobyte", "kilobytes", "KB"), "kB": ("kilobyte", "kilobytes", "KB"),
    "MB": ("megabyte", "megabytes", "MB"), "GB": ("gigabyte", "gigabytes", "GB"), "TB": ("terabyte", "terabytes", "TB"),
    "PB": ("petabyte", "petabytes", "PB"), "KB/s": ("kilobyte per second", "kilobytes per second", "每秒{}KB"),
    "MB/s": ("megabyte per second", "megabytes per second", "每秒{}兆"),
    "GB/s": ("gigabyte per second", "gigabytes per second", "每秒{}GB"),
    "Mbps": ("megabit per second", "megabits per second", "每秒{}兆比特"),
    "Gbps": ("gigabit per second", "gigabits per second", "每秒{}吉比特"),
    "kbps": ("kilobit per second", "kilobits per second", "每秒{}千比特"),
    "rpm": ("revolution per minute", "revolutions per minute", "每分钟{}转"),
    "bpm": ("beat per minute", "beats per minute", "每分钟{}次"),
    "fps": ("frame per second", "frames per second", "每秒{}帧"), "bps": ("basis point", "basis points", "个基点"),
    "bp": ("basis point", "basis points", "个基点"), "pts": ("point", "points", "分"),
    "px": ("pixel", "pixels", "像素"),
    "dpi": ("dot per inch", "dots per inch", "每英寸{}点"), "hp": ("horsepower", "horsepower", "马力"),
    "psi": ("pound per square inch", "pounds per square inch", "每平方英寸{}磅"),
    "°C": ("degree Celsius", "degrees Celsius", "度"), "°F": ("degree Fahrenheit", "degrees Fahrenheit", "华氏度"),
    "°": ("degree", "degrees", "度"), "%": ("percent", "percent", "百分之{}"),
    "‰": ("per mille", "per mille", "千分之{}"),
}  # fmt: skip

#: Letters that stand alone, as in formulas.
GREEK: dict[str, str] = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        (
            *(
                "alpha",
                "beta",
                "gamma",
                "delta",
                "epsilon",
                "zeta",
                "eta",
                "theta",
                "iota",
                "kappa",
                "lambda",
                "mu",
            ),
            *("nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
        ),
        strict=True,
    )
)

#: Signs of lessons, in English and in Chinese.
SIGNS: dict[str, tuple[str, str]] = {
    "∠": ("angle ", "角"), "△": ("triangle ", "三角形"), "⊥": (" is perpendicular to ", "垂直于"),
    "∥": (" is parallel to ", "平行于"), "∵": ("because ", "因为"), "∴": ("therefore ", "所以"),
    "∞": (" infinity ", "无穷大"), "∈": (" is in ", "属于"),
}  # fmt: skip

#: Scale words and letters that follow an amount, and by how much they multiply.
SCALES: dict[str, int] = {
    "trillion": 10**12, "billion": 10**9, "million": 10**6, "thousand": 10**3, "hundred": 100, "tn": 10**12,
    "trn": 10**12, "bn": 10**9, "mln": 10**6, "mn": 10**6, "mm": 10**6, "k": 10**3, "K": 10**3, "m": 10**6,
    "M": 10**6, "b": 10**9, "B": 10**9, "T": 10**12,
}  # fmt: skip

_TERM = r"(?:\d+(?:\.\d+)?[abcnxyz]?|[fgh]\([abcnxyz\d]\)|[abcnxyz])[²³]?(?![A-Za-z\d²³]|\.\d)"
_SUM = rf"-?{_TERM}(?:\s?[-+×÷*/]\s?{_TERM})*"
#: An equation with letters in it: 2x - 1 = y.
_LETTERED = r"[^=≈≠<>≤≥]*[abcnxyz]|[^,;，；。\n]*[=≈≠<>≤≥]\s?-?[\d.]*[abcnxyz]"
ALGEBRA = rf"(?<![A-Za-z\d.²³])(?={_LETTERED}){_SUM}\s?[=≈≠<>≤≥]\s?{_SUM}(?!\w)"

#: What looks like a word but is none.
SYMBOLS = frozenset([*CURRENCIES, *UNITS, *SCALES, "AM", "PM", "am", "pm"])


def alternatives(words: Iterable[str]) -> str:
    """A pattern that matches any of the words, the longest that fits."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))

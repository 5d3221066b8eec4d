"""Chinese text with its numbers, dates, money, units and signs in words, as newsreaders say them.

Each rule is a pattern and what it is read as. They are tried in order, and what one has written holds no digits, so
that no later one touches it. A unit counts only after a number; foreign words stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache

from fenshen.motion.speech.text.abbreviations import RULERS, TITLES
from fenshen.motion.speech.text.chinese_names import (
    CALLED_BY_NUMBER,
    called,
    foreign,
    model_number,
    one_by_one,
    phone,
    rooms,
    version,
    weapon,
)
from fenshen.motion.speech.text.chinese_numbers import MEASURES, cardinal, digits, scaled
from fenshen.motion.speech.text.chinese_signs import (
    OPERATORS,
    POWERS,
    RELATIONS,
    about,
    between,
    formula,
    power,
    score,
    scores,
    signed,
    times,
)
from fenshen.motion.speech.text.chinese_times import (
    clock,
    date,
    date_of,
    duration,
    hour,
    year,
    year_alone,
    years,
)
from fenshen.motion.speech.text.english_numbers import roman, ruler
from fenshen.motion.speech.text.words import ALGEBRA, CURRENCIES, SCALES, UNITS, alternatives

Match = re.Match[str]
_NUM = r"\d+(?:\.\d+)?"
_TO = r"\s?(?:[-~～至到]|--)\s?"
_LATIN = "A-Za-z"
_ZH_SCALE = "万亿|千亿|百亿|十亿|千万|百万|十万|亿|万|萬|億|千|百"
_SCALE = rf"{_ZH_SCALE}|(?:{alternatives(SCALES)})(?![{_LATIN}])"
_SIGN = alternatives(CURRENCIES)
_CODE = alternatives(code for code in CURRENCIES if code.isalpha())
_AFTER = alternatives(sign for sign in CURRENCIES if not sign.isalpha() and len(sign) == 1)
_MONEY_WORD = (
    "元人民币|元|块钱|块|美元|美金|欧元|英镑|港元|港币|日元|人民币|新台币|澳元|加元|韩元|卢比|卢布|刀"
)
_UNIT = alternatives(unit for unit in UNITS if unit not in "%‰°")
_PER_WORDS = {
    "kg": "公斤",
    "g": "克",
    "L": "升",
    "h": "小时",
    "hour": "小时",
    "hr": "小时",
    "day": "天",
    "week": "周",
}
_PER_WORDS |= {"month": "月", "mo": "月", "year": "年", "yr": "年"}
_PER = "月|年|天|日|周|人|次|个|小时|分钟|秒|吨|公斤|斤|平方米|平|股|件|张|位|晚|度|升|台|套|份|盒|瓶|箱"
_PER += "|桶|杯|碗|篇|字|页|课|期|枚|支|根|块|亩|公里|千米|立方米|千瓦时"
_PER += f"|{alternatives(_PER_WORDS)}"
_HEAD = (
    r"天玑|麒麟|骁龙|锐龙|酷睿|歼|运|轰|直|苏|米格|图(?=-\d\d)|东风|鹰击|红旗|巨浪|波音|空客|宝马|奔驰|米格"
)
_CALLED = (
    "拨打|致电|来电|电话|電話|热线|手机号?|号码|號碼|客服|传真|手机|QQ群?号?|微信号?|(?:邀请|兑换|优惠|推荐|激活|提取|取件|门禁)码|口令|邮编|编号|学号|工号|卡号|账号|帐号"
    "|身份证号?码?|验证码|密码|车牌号?|订单号?|运单号?|尾号|单号|证号|区号|分机|房间号?|代码|股票代码|端口|护照号?码?|邮政编码|ID|Tel"
)
_SCORE = (
    "比分|战成|戰成|大胜|险胜|完胜|获胜|战胜|击败|力克|战平|取胜|不敌|负于|逆转|领先|落后|横扫|总分|半场|点球"
    "|胜出|夺冠|晋级"
)
_COUNTED = rf"[{MEASURES}万亿千百余多来几米克升度]|小时|公|平方|立方|英"


def normalised(text: str) -> str:
    """The text with everything that is written in digits or signs in Chinese words."""
    text = re.sub(r"\d{21,}", one_by_one, text)
    text = re.sub(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)", lambda m: m[0].replace(",", ""), text)
    text = re.sub(r"(?<=\d)：(?=\d)", ":", text)
    for pattern, read in _rules():
        text = pattern.sub(read, text)
    return text


# Money, measures


def _amount(number: str, scale: str, after: str) -> str:
    """A number with its scale word, Chinese (kept) or English (multiplied out)."""
    scale = scale.strip()
    if scale in SCALES:
        return scaled(Decimal(number) * SCALES[scale])
    number = number.removesuffix(".00")
    if scale:
        return ("两" if number == "2" else cardinal(number)) + scale
    return cardinal(number, after)


def _money(m: Match) -> str:
    """A sign before the amount; a word that names the money again after it is said once."""
    currency, word = CURRENCIES[m["sign"]], (m["word"] or "").strip()
    name = currency.zh if not word or word in ("元", "块", "块钱") else word
    if word and currency.zh == "元":
        name = word
    if m.string[: m.start()].endswith(name):  # it stood before the sign as well
        name = ""
    minus = "负" if m["minus"] else ""
    scale = m["scale"] or ""
    if m["last"]:
        return f"{minus}{_amount(m['num'], m['first'] or '', name)}至{_amount(m['last'], scale, name)}{name}"
    return minus + _amount(m["num"], scale, name) + name


def _money_after(m: Match) -> str:
    name = CURRENCIES[m[3].upper() if m[3].isalpha() else m[3]].zh
    return _amount(m[1], m[2] or "", name) + name


def _cents(m: Match) -> str:
    return f"{cardinal(m[1], '个')}美分"


def _unit(m: Match) -> str:
    said = UNITS[m["unit"]][2]
    below = "零下" if "°" in m["unit"] else "负"
    frame = said if "{}" in said else "{}" + said
    two = "" if "°" in m["unit"] and (m["minus"] or m["last"]) else "个"
    last = f"至{below if m['low'] else ''}{cardinal(m['last'], two)}" if m["last"] else ""
    number = _amount(m["num"], m["scale"] or "", two)
    return (below if m["minus"] else "") + frame.format(number + last)


def _percent(m: Match) -> str:
    frame = "千分之" if m["sign"] == "‰" else "百分之"
    minus = {"-": "负", "+": "正", "±": "正负"}.get(m["minus"] or "", "")
    said = "百" if m["num"] == "100" and not m["last"] else cardinal(m["num"])
    if not m["last"]:
        return f"{minus}{frame}{said}"
    return f"{minus}{frame}{said}至{frame if m['mid'] else ''}{cardinal(m['last'])}"


def _plain_number(m: Match) -> str:
    number, after = m[0], m.string[m.end() : m.end() + 2]
    whole = number.partition(".")[0]
    if "." not in number and (len(whole) >= 10 or (whole[0] == "0" and len(whole) > 1)):
        return digits(number) if not re.match(_COUNTED, after) else cardinal(number, after)
    if (
        re.fullmatch(r"(?:19|20)\d\d", number)
        and not number.endswith("00")
        and re.match(r"[\u4e00-\u9fff]", after)
        and not re.match(_COUNTED, after)
    ):
        return year(number)
    return cardinal(number, after)


@cache
def _rules() -> list[tuple[re.Pattern[str], Callable[[Match], str]]]:
    time = r"(?<![\d:.])(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?![\d:])"
    half = rf"(\s?(?:[aApP]\.?[mM]\.?)(?![{_LATIN}]))?"
    lone = rf"(?<![{_LATIN}\d.])"
    return [
        (re.compile(pattern), read)
        for pattern, read in (
            *((pattern, lambda m, word=word: word) for pattern, word in TITLES),
            (rf"(?<![{_LATIN}])({RULERS}) ([IVX]{{2,}}|V|X)(?![{_LATIN}\d])", ruler),
            (
                rf"(?<=第)([IVX]+)(?=[\u4e00-\u9fff])|(?<![{_LATIN}])(II|III|IV|VII|VIII|IX)(?=[期级型类卷章度])"
                r"|(?<=[\u4e00-\u9fff])(II|III|IV)(?=[》：，。\s]|$)",
                lambda m: cardinal(roman(m[m.lastindex or 0])),
            ),
            (r"(?<=\d)w(?=快?充|功率|灯|电)", lambda m: "W"),
            (  # 1.2w
                r"(?<=\d)w(?=\+|[\u4e00-\u9fff，。！？、]|$)"
                r"|(?<=\d)W(?=\+|粉|人|阅读|播放|点赞|浏览|用户|订阅)",
                lambda m: "万",
            ),
            (rf"(?<=[{_LATIN})])\^(-?\d+)", lambda m: POWERS.get(m[1]) or f"的{signed(m[1])}次方"),
            # formulas first: a hyphen in them is a minus
            (
                rf"{lone}[-√(]?{_NUM}(?:\s?[-+×xX*÷/]\s?\(?{_NUM}\)?)+\s?[=≈≠<>≤≥]\s?-?{_NUM}(?:\s?[-+×*÷/=]\s?{_NUM})*",
                formula,
            ),
            (ALGEBRA, formula),
            (r"\s?±\s?(?=\d)", lambda m: "正负"),
            (r"(?<=摄氏|华氏)-(?=\d)", lambda m: "零下"),
            (r"(?<![第、\d])(\d)、(\d)(?=[个天年次位名人斤岁件只])", about),
            (r"(\d)米(\d\d)(?![\d.]|[厘毫公分])", lambda m: f"{cardinal(m[1], '米')}米{digits(m[2], '一')}"),
            (
                r"(?<![A-Za-z])([Pp])(\d+)-(\d+)(?![\d-])",
                lambda m: f"{m[1]}{cardinal(m[2])}至{cardinal(m[3])}",
            ),
            (
                r"(?<=[A-Z])(?:/([A-Z]))?\s?(\d{3,5}(?:\.\d+)?)-((?:19|20)\d\d)(?!\d|-)",
                lambda m: f" {m[1] or ''}{digits(m[2], '一')}杠{year(m[3])}",
            ),
            (r"(?<=[图表式])\s?(\d+)-(\d+)(?![\d-])", lambda m: f"{cardinal(m[1])}杠{cardinal(m[2])}"),
            # scores, by the words beside them
            (rf"(?:{_SCORE})(?:[是为了以：:以\s]|成)*(\d{{1,3}}\s?[-:]\s?\d{{1,3}})(?!\d)", score),
            (
                rf"(?<![\d.:-])\d{{1,3}}\s?[-:]\s?\d{{1,3}}(?=的?(?:比分|{_SCORE}|[大险完]?[胜负平赢输]))",
                score,
            ),
            (r"(?<![\d:.-])\d{1,3}[-:]\d{1,3}(?:\s?[,，、;；/]\s?\d{1,3}[-:]\d{1,3})+(?![\d:.-])", scores),
            # dates
            (
                r"(?<!\d)(\d{4}[-/.]\d{1,2}[-/.]\d{1,2})\s?[-~至到]\s?(\d{1,2})[/.](\d{1,2})(?![\d.])",
                lambda m: f"{m[1]}至{cardinal(m[2])}月{cardinal(m[3])}日",
            ),
            (r"(?<!\d)(\d{3})\s?[-~]\s?(\d{3,4})(?=年)", lambda m: f"{year(m[1])}至{year(m[2])}"),
            (
                r"(?<![A-Za-z])([A-Z])(\d+)-\1(\d+)(?!\d)",
                lambda m: f"{m[1]}{cardinal(m[2])}至{m[1]}{cardinal(m[3])}",
            ),
            (r"'(\d\d)(?=[年届级])", lambda m: year(m[1])),
            (
                r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)T?",
                lambda m: date_of(m[1], m[3], m[4], m[0]),
            ),
            (r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)", date),
            (r"(?<![\d/])(\d\d)/(\d{1,2})/(\d{1,2})(?![/.]?\d)", lambda m: date_of(m[1], m[2], m[3], m[0])),
            (rf"(?<!\d)(\d{{4}})年?{_TO}(\d{{4}})(年)", years),
            (r"(?<![\d-])(\d{4})\s?[-~]\s?(\d{4})()(?![\d-])", years),
            (rf"(?<!\d)(\d{{4}}){_TO}(\d\d)(?=赛季|财年|学年)", lambda m: f"{year(m[1])}至{year(m[2])}"),
            (r"(?<=公元)(前?)(\d{1,4})(?=年)", lambda m: m[1] + year(m[2])),
            (r"(?<!\d)(\d{4})(年|届|级|款|财年|赛季)", year_alone),
            (r"(?<![\d.前])([0-26-9]\d)(年代)?(?=[后後](?![\d]))", lambda m: year(m[1]) + (m[2] or "")),
            (r"(?<![\d.])(0\d)(?=年)", lambda m: year(m[1])),
            (
                r"(?<![\d.年月第近约过满达共了熙隆绪国])([6-9]\d)(?=年(?![代前后間间来内历以的]))",
                lambda m: year(m[1]),
            ),
            (
                r"(?<=\d[年月日号時时点分秒天度万亿千百元块岁斤米个人名次周kK])\s?[-~]{1,2}\s?(?=\d)",
                lambda m: "至",
            ),
            (
                r"(?<=[周期][一二三四五六日天])\s?[-~]{1,2}\s?(?=[周星])|(?<=[\u4e00-\u9fff])~(?=[\u4e00-\u9fff])",
                lambda m: "至",
            ),
            (
                rf"(?<!\d)(\d{{1,2}}){_TO}(\d{{1,2}})(?=[月日号點点](?!楼))",
                lambda m: f"{cardinal(m[1])}至{cardinal(m[2])}",
            ),
            (r"(?<!\d)0?(\d{1,2})(?=月(?:\d|份|初|中|底|末|$|[，。]))", lambda m: cardinal(m[1])),
            (r"(?<=月)0(\d)(?=[日号])", lambda m: cardinal(m[1])),
            (
                r"(?<!\d)(\d{1,2})(?:·|[.](?=\d\d?(?:事件|地震|大地震|晚会|讲话|劳动|假期|长假|黄金周|运动)))(\d{1,2})(?!\d)",
                lambda m: year(m[1] + m[2]),
            ),
            (r"(?<!\d)(20\d\d)(?=[QH][1-4](?![A-Za-z\d]))", lambda m: year(m[1])),
            (
                r"(?<![\d-])((?:19|20)\d\d)[-/.](0[1-9]|1[0-2])(?![\d.-])",
                lambda m: f"{year(m[1])}年{cardinal(m[2])}月",
            ),
            (CALLED_BY_NUMBER, lambda m: year(m[0])),
            (r"(?<!\d)(11|12)\.\1(?=狂欢|大促|购物|活动)", lambda m: f"双{cardinal(m[1])}"),
            (
                r"(?:^|(?<=[。，；：（、于在从自至到\s]))(\d{3})(?=年(?!前|后|间|来|以|的历史|[级多]))(?<!00)(?<!50)",
                lambda m: year(m[1]),
            ),
            (
                r"(?<![\d/.])(1[0-2]|[1-9])/([12]\d|3[01]|[1-9])(?=之?前|截止|上线|当天|当晚|开售|发售|发布|开始|开抢|上映)",
                lambda m: f"{cardinal(m[1])}月{cardinal(m[2])}日",
            ),
            # times of day
            (
                r"((?:成绩|用时|时长|耗时|片长|纪录|跑出|长度|全长|历时)[是为了：:约达仅\s]*)(\d{1,3}(?::[0-5]\d){1,2})(?![\d:])",
                duration,
            ),
            (r"(?<=:\d\d)\s?[-~]{1,2}\s?(?=\d{1,2}:[0-5]\d)", lambda m: "至"),
            (time + half, clock),
            (rf"(?<![\d.:{_LATIN}])(1[0-2]|\d)\s?([aApP]\.?[mM]\.?)(?![{_LATIN}])", hour),
            (rf"(?<![\d:.]){_NUM}(?:\s?:\s?{_NUM})+(?![\d:])", score),
            # telephone and other numbers read digit by digit
            (r"(?<![\d.])(?:\(?\+?86\)?[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?![\d.])", phone),
            (
                r"(?<![\d.])\(?0\d{2,3}\)?[- ]\d{3,4}[- ]?\d{4}(?:-\d{1,5})?(?!\d)|\(0\d{2,3}\)\s?\d{7,8}",
                phone,
            ),
            (r"(?<![\d-])0\d{1,3}(?:-\d{3,4}){2}(?![\d-])", phone),
            (r"(?<!\d)[48]00[- ]\d{3,4}[- ]\d{3,4}(?!\d)", phone),
            (r"\+\d{1,3}[- ]?\(?\d{1,4}\)?(?:[- ]\d{2,8}){1,3}(?!\d)", phone),
            (
                rf"((?:{_CALLED})(?:[是为：:了\s]|请)*)([A-Za-z]?\d+(?:[- ]\d{{2,}})*)"
                r"(?![\d.%万亿个块元年月台款部条])",
                called,
            ),
            (r"(?<=[零幺二三四五六七八九])(\s?转\s?)(\d{1,5})(?!\d|号线)", lambda m: m[1] + digits(m[2])),
            (rf"((?:{_CALLED})[是为：:\s]*)((?=[{_LATIN}]*\d)[{_LATIN}\d]{{4,}}(?:-[{_LATIN}\d]+)*)", called),
            (
                r"(?<!\d)(?:1(?:10|19|20|22)|12\d{3}|955\d\d|100\d\d)(?=热线|报警|急救|电话|平台|客服)"
                rf"|(?<![\w.·])123(?:06|15|45|33|48|58|78|95)(?!\d|[.%万元人]|{_COUNTED})",
                one_by_one,
            ),
            (r"(?<![\d-])(\d{1,4}(?:-\d{1,4}){1,3})(室|号楼|栋|单元)", rooms),
            (
                r"(?<![\d第.])(\d{3,4})(室|房间|号房|号教室|教室|包厢|号会议室|会议室|宿舍|航班|次列车|次航班|国道|省道|路公交|路(?!人))",
                rooms,
            ),
            (r"(?<=[A-Z])(\d{3,4})(?=次|航班|列车)", one_by_one),
            (r"(?<=[打拨])1(?:10|19|20|22)(?!\d|[个元次])", one_by_one),
            (
                r"(?<=[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z])[·.\s]?((?=[A-Z]*\d)[A-Z\d]{5,6})(?![A-Za-z\d])",
                lambda m: re.sub(r"\d", one_by_one, m[1]),
            ),
            (r"(?<![\d.])(?:720|1080|1440|2160)(?=[Pp](?![A-Za-z]))", one_by_one),
            (rf"(?<![\d.])({_NUM})()\^(-?\d+)", power),
            (rf"(?<=次方)\s?({_UNIT})(?![{_LATIN}])", lambda m: UNITS[m[1]][2].replace("{}", "")),
            (
                r"(?<!\d)1(?:10|19|20|22)(?:[/、]1(?:10|19|20|22))+(?!\d)",
                lambda m: re.sub(r"\d+", one_by_one, m[0]),
            ),
            (r"(?<![\d.])(\d{3,4})(?=[A-Z][室座])", one_by_one),
            (r"(?<![\d.])(\d+)'\s?(\d+)(?:\"|'')", lambda m: f"{cardinal(m[1])}英尺{cardinal(m[2])}英寸"),
            (r"(?<!\w)(\d)[vV](\d)(?!\w)", lambda m: f"{cardinal(m[1])}对{cardinal(m[2])}"),
            # money
            (
                rf"(?P<minus>-)?(?<![{_LATIN}])(?P<sign>{_SIGN})\s?(?P<num>{_NUM})(?P<first>\s?(?:{_SCALE}))?"
                rf"(?:{_TO}(?:(?P=sign))?(?P<last>{_NUM})(?P<scale>\s?(?:{_SCALE}))?)?(?P<word>\s?(?:{_MONEY_WORD}))?(?![\d.]*\d)",
                _money_scaled,
            ),
            (rf"({_NUM})(\s?(?:{_SCALE}))?\s?({_CODE})(?![{_LATIN}])", _money_after),
            (rf"({_NUM})(\s?(?:{_SCALE}))?\s?({_AFTER})(?!\s?\d)", _money_after),
            (rf"({_NUM})¢", _cents),
            (
                rf"({_NUM})\s?({alternatives(word for word in SCALES if len(word) > 3)})(?![{_LATIN}])",
                lambda m: _amount(m[1], m[2], ""),
            ),
            (
                rf"({_NUM})\s?({alternatives(['mn', 'bn', 'tn', 'mln'])})(?![{_LATIN}])",
                lambda m: _amount(m[1], m[2], ""),
            ),
            # per cents, units
            (
                rf"(?P<minus>(?<![\d{_LATIN}])[-+±])?(?P<num>{_NUM})\s?(?P<mid>[%‰])?(?:{_TO}(?P<last>{_NUM}))?\s?(?P<sign>[%‰])",
                _percent,
            ),
            (
                rf"(?P<minus>(?<![\d{_LATIN}])-)?(?P<num>{_NUM})(?P<scale>\s?(?:万|亿|千))?(?:\s?(?:(?:°C|°|度|km|kg|m|g|h)?){_TO}(?P<low>-)?(?P<last>{_NUM}))?\s?"
                rf"(?P<unit>{_UNIT})(?![{_LATIN}²³])",
                _unit_unless_named,
            ),
            (
                rf"(?P<minus>(?<![\d{_LATIN}])-)?(?P<num>{_NUM})(?P<scale>)(?P<low>)(?P<last>)(?P<unit>°)",
                _unit,
            ),
            (r"(?<=[克升])/(?=[一二两三四五六七八九十])", lambda m: "每"),
            (r"(?<=[次转拍滴])/分(?!\w)", lambda m: "每分钟"),
            (
                rf"(?<=[\u4e00-\u9fffA-Zk])\s?/\s?({_PER})(?![{_LATIN}])",
                lambda m: "每" + _PER_WORDS.get(m[1], m[1]),
            ),
            (rf"{lone}{_NUM}(?:\s?[×xX*]\s?{_NUM})+", times),
            (r"(?<![\d-])(\d{1,4}(?:-\d{1,4}){2,})()(?![\d-])", rooms),
            # names with numbers
            (rf"(?<![{_LATIN}])({_HEAD})[- ]?(\d{{1,4}})(?:-(\d+))?(?!\d|\.\d|[{MEASURES}万亿%])", weapon),
            (r"(?<=[\u4e00-\u9fff])(?<=舟|征|娥|宫|问|和|号|斗|火)-(\d+)", lambda m: cardinal(m[1])),
            (rf"(?<![{_LATIN}])([{_LATIN}]+)-(\d+(?:\.\d+)?)(?![\d.]*\d)", foreign),
            (
                rf"(?<![{_LATIN}])([{_LATIN}]+)(\d+(?:\.\d+)?)-(\d+)(?!\d)",
                lambda m: f"{m[1]}{model_number(m[2])} {model_number(m[3])}",
            ),
            (r"(?<=[层楼栋座])(\d{3,4})(?=室|$|[，。、])", one_by_one),
            (r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)", version),
            (r"[Nn][Oo]\.\s?(\d+)", lambda m: "第" + cardinal(m[1])),
            (rf"(?<=[{_LATIN}])(\d+(?:\.\d+)?)(?!\d)", lambda m: model_number(m[1])),
            (
                rf"(?<=[{_LATIN}]) (\d{{3,4}})(?![\d.]|[{MEASURES}万亿多余来]|\s?[年月日号公平小])",
                lambda m: model_number(m[1]),
            ),
            # fractions, powers, ratios, ranges
            (r"(?<!\d)24/7(?!\d)", lambda m: "全天候"),
            (
                r"(?<![\d/.])(\d+) (\d+)/(\d+)(?![\d/])",
                lambda m: f"{cardinal(m[1])}又{cardinal(m[3])}分之{cardinal(m[2])}",
            ),
            (
                r"(?<![\d/.])(\d+\.\d+|(?<=[评得打][分：:])\d+|\d+(?=/\d+分))/(5|10|100|120|150)(?![\d/])分?",
                lambda m: f"{cardinal(m[1])}分，满分{cardinal(m[2])}分",
            ),
            (r"(?<![\d/.])(\d+)/(\d+)(?![\d/])", lambda m: f"{cardinal(m[2])}分之{cardinal(m[1])}"),
            (rf"({_NUM})(?:([²³])|\^(-?\d+))", power),
            (rf"({_NUM})\s?[×x]\s?(?=[\u4e00-\u9fff])", lambda m: cardinal(m[1]) + "乘"),
            (r"(?<=[\u4e00-\u9fff])\s?×\s?(?=[\d\u4e00-\u9fff])", lambda m: "乘"),
            (
                rf"(?<![{_LATIN}\d])({_NUM})\s?([÷+])\s?({_NUM})",
                lambda m: f"{cardinal(m[1])}{OPERATORS[m[2]]}{cardinal(m[3])}",
            ),
            (rf"(?<![\d.-])({_NUM})(?:{_TO}|-)({_NUM})(?![\d.]*\d|-\d)", between),
            (
                rf"(?<![\w.])(-?{_NUM})\s?~\s?(-?{_NUM})(?![\d.]*\d)",
                lambda m: "至".join(map(signed, m.groups())),
            ),
            (
                rf"({_NUM})([万亿]?)\s?\+(?=[\u4e00-\u9fff，。！？、,.!?\s]|$)",
                lambda m: _amount(m[1], m[2], "") + "多",
            ),
            (r"√\s?(?=\d)", lambda m: "根号"),
            (r"(?<=[\d}\]])\s?~\s?(?=\d)", lambda m: "至"),
            (r"~\s?(?=\d)", lambda m: "约"),
            (r"(?<![\d\w])\+\s?(?=\d)", lambda m: "正"),
            (r"\s?([=≈≠<>≤≥])\s?(?=[\w-])", lambda m: RELATIONS[m[1]]),
            (r"(?<![\dA-Za-z])-\s?(?=\d)", lambda m: "负"),
            (r"(?<=[A-Z]\.)\d{3}(?!\d)", one_by_one),
            (r"(?<=的)(\d+)(?=次方)", lambda m: cardinal(m[1])),
            (r"(?<=[点點时時])0(\d)(?=分)", lambda m: "零" + cardinal(m[1])),
            (rf"(?<=度)\s?({_NUM})′", lambda m: cardinal(m[1]) + "分"),
            (r"(?<=[点分])\s?[-~]\s?(?=[上下]午)", lambda m: "至"),
            # what is left
            (r"第\s?(\d+)", lambda m: "第" + cardinal(m[1])),
            (r"(?<=年级|初[一二三]|高[一二三])2(?=班)|(?<=[在住去到于])2(?=[层栋座])", lambda m: "二"),
            (r"(?<![\d.])2(?=室\d厅|[厅卫](?!\w*室))", lambda m: "两"),
            (r"(?<![\d.])2(?=[万千亿萬億])", lambda m: "两"),
            (r"(?<=[一二三四五六七八九十百千万亿零两半])个?2(?=两)", lambda m: "二"),
            (_NUM, _plain_number),
            (r"(?<=[A-Za-z\u4e00-\u9fff])-(?=[一二三四五六七八九十零])", lambda m: " "),
            (r"²", lambda m: "平方"),
            (r"³", lambda m: "立方"),
            (r"(?<=[A-Za-z])\+\+", lambda m: "加加"),
            (r"\+", lambda m: "加"),
            (r"&", lambda m: "和"),
            (
                r"(?<=[\u4e00-\u9fff])\s?/\s?(?=[\u4e00-\u9fff])",
                lambda m: "" if m.string[m.start() - 1] == "和" else "、",
            ),
            (r"[~^<>≤≥≠≈=×÷±√¢°/$€£¥₩₹₽₿฿₫₺₴₱%‰]", lambda m: " "),
        )
    ]


def _money_scaled(m: Match) -> str:
    if m["last"] is None and m["first"]:
        currency, word = CURRENCIES[m["sign"]], (m["word"] or "").strip()
        name = word if word and (currency.zh == "元" or word not in ("元", "块", "块钱")) else currency.zh
        return ("负" if m["minus"] else "") + _amount(m["num"], m["first"], name) + name
    return _money(m)


def _unit_unless_named(m: Match) -> str:
    """iPhone 5s and Galaxy 8 are names: a lone letter behind a foreign word and its number is no unit."""
    before = m.string[: m.start()].rstrip(" -")[-1:]
    if len(m["unit"]) == 1 and before.isascii() and before.isalpha():
        return cardinal(m["num"]) + m["unit"]
    return _unit(m)

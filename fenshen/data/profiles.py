"""Lines about people, as a digital double's profile has them, composed by rule: ``profiles:en`` and ``profiles:zh``.

Each line is about someone who is drawn first: age, hair, work, town, what they like and how they talk. What belongs
together stays together: only the older are grey or retired, a beard is a man's, a cook is asked about stews and not
about eclipses. A generator can learn that, and there are far more lines than it is shown. The people are nobody.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fenshen.data import KINDS
from fenshen.data.texts import Texts
from fenshen.errors import UsageError

PREFIX = "profiles:"
_COUNT, _SEED = 8_000, 0
_GREY, _RETIRED = 55, 64  # years from which hair may be grey, and work over

Pick = Any  # a list of phrases, or of tuples of them


class Composer:
    """Draws people and says a line about each.

    Args:
        numbers: where the random numbers come from.
    """

    def __init__(self, numbers: np.random.Generator) -> None:
        self.numbers = numbers

    def any(self, choices: Pick) -> Any:
        """One of several."""
        return choices[self.numbers.integers(len(choices))]

    def two(self, choices: Pick) -> tuple[Any, Any]:
        """Two different ones."""
        one, other = self.numbers.choice(len(choices), 2, replace=False)
        return choices[one], choices[other]

    def age(self) -> int:
        """In years."""
        return int(self.numbers.integers(19, 82))

    def chance(self, share: float) -> bool:
        """Whether something happens that does so in this share of all cases."""
        return bool(self.numbers.random() < share)


# fmt: off
_EN_WOMEN = (
    "Maya", "Ines", "Ada", "Nora", "Priya", "Mei", "Lena", "Hana", "Zoe", "Alma", "Rosa", "Yuki", "Tara",
    "Elif", "Nadia", "Clara", "Ruth", "Wendy", "Amina", "Greta",
)
_EN_MEN = (
    "Omar", "Tom", "Ravi", "Jonas", "Wei", "Luca", "Sam", "Kofi", "Ivan", "Hugo", "Ben", "Diego", "Karim",
    "Oscar", "Felix", "Noel", "Anton", "Jamal", "Peter", "Ken",
)
_EN_TOWNS = (
    "Leeds", "Lisbon", "Chengdu", "Lagos", "Oslo", "Kyoto", "Porto", "Lima", "Cork", "Utrecht", "Cairo",
    "Hanoi", "Bergen", "Quito", "Turin", "Tartu",
)
# Who they are, what they do, what they can be asked about, where they are met.
_EN_WORK = (
    ("a nurse", "works nights on a ward", ("first aid", "night shifts", "sleep"), "at the hospital"),
    ("a cook", "runs a small kitchen", ("stews", "sharp knives", "good bread"), "at the market"),
    ("a chemistry teacher", "teaches chemistry", ("crystals", "exam nerves", "safe experiments"), "in the lab"),
    ("a carpenter", "builds chairs by hand", ("oak", "old tools", "tight joints"), "in the workshop"),
    ("a translator", "translates novels", ("idioms", "dictionaries", "slow reading"), "in the library"),
    ("an astronomer", "maps faint stars", ("eclipses", "telescopes", "dark skies"), "on the roof"),
    ("a train driver", "drives the early train", ("signals", "timetables", "winter tracks"), "on platform two"),
    ("a gardener", "looks after a walled garden", ("roses", "compost", "late frost"), "among the beds"),
    ("a programmer", "writes software for ferries", ("bugs", "tests", "open source"), "at a tidy desk"),
    ("a violinist", "plays in the city orchestra", ("Bach", "stage fright", "practice"), "behind the stage"),
    ("a photographer", "photographs weddings", ("soft light", "old lenses", "shy faces"), "in the darkroom"),
    ("an architect", "designs schools", ("daylight", "stairs", "quiet rooms"), "on the site"),
    ("a potter", "makes blue bowls", ("clay", "glazes", "hot kilns"), "at the wheel"),
    ("a vet", "treats farm animals", ("calving", "muddy boots", "old dogs"), "in the stable"),
    ("a sailor", "ferries cars across the bay", ("tides", "knots", "fog"), "on deck"),
    ("a baker", "bakes before dawn", ("sourdough", "rye", "warm ovens"), "behind the counter"),
)
_EN_LIKES = (
    "chess", "jazz", "long walks", "crosswords", "black tea", "night trains", "bird song", "old maps", "swimming",
    "board games", "silent films", "mountain huts", "street food", "choir singing", "cycling", "detective stories",
)
_EN_VOICE = (
    "slowly and warmly", "fast and with both hands", "in short sentences", "softly", "with a dry laugh", "very clearly",
    "in pictures", "like an old friend", "as if reading aloud", "with long pauses",
)
_EN_MOODS = (
    "calm", "curious", "patient", "cheerful", "dry", "restless", "gentle", "stubborn", "shy at first", "always early",
)
_EN_COLOURS = ("black", "brown", "fair", "red", "dark")
# fmt: on


def _en_hair(draw: Composer, age: int) -> str:
    colour = draw.any(("grey", "white")) if age >= _GREY and draw.chance(0.7) else draw.any(_EN_COLOURS)
    style = draw.any(("short", "cropped", "long", "wavy", "curly", "straight"))
    return f"{style} {colour} hair"


def _en_seen(draw: Composer, age: int, man: bool) -> str:
    worn = draw.any(("round glasses", "a green scarf", "a blue jumper", "silver earrings", "a grey hat"))
    if man and draw.chance(0.4):
        worn = draw.any(("a full beard", "a neat moustache", "a short beard"))
    return f"{_en_hair(draw, age)} and {worn}"


def english(draw: Composer) -> str:
    """One line in English."""
    man, age = draw.chance(0.5), draw.age()
    name, town = draw.any(_EN_MEN if man else _EN_WOMEN), draw.any(_EN_TOWNS)
    he, his = ("he", "his") if man else ("she", "her")
    who, does, asked, place = draw.any(_EN_WORK)
    topic, more = draw.two(asked)
    like, other = draw.two(_EN_LIKES)
    voice, mood = draw.any(_EN_VOICE), draw.any(_EN_MOODS)
    retired = age >= _RETIRED and draw.chance(0.7)
    was = f"was {who} until {he} retired" if retired else f"is {who}"
    does = f"once {_past(does)}" if retired else does
    forms = (
        lambda: f"{name}, {age}, {does} in {town} and talks {voice}.",
        lambda: f"{name} {was} in {town}; ask about {topic} or {more}.",
        lambda: f"Hi, I'm {name} from {town}: {mood}, {age}, fond of {like} and {other}.",
        lambda: f"{name} has {_en_seen(draw, age, man)}, and {he} {was}.",
        lambda: f"I'm {age} and {'used to be' if retired else 'work as'} {who}; talk to me about {topic}.",
        lambda: f"{mood.capitalize()} and {age}, {name} likes {like} and talks {voice}.",
        lambda: f"You will find {name} {place} in {town}, where {he} talks {voice} about {topic}.",
        lambda: f"At {age}, {name} still loves {like}, and {his} double knows {topic} by heart.",
        lambda: f"This double speaks for {name}, who {was}: {voice}, mostly about {topic}.",
        lambda: f"{_en_seen(draw, age, man).capitalize()}: that is {name}, who {does}.",
    )
    return draw.any(forms)()


def _past(does: str) -> str:
    verb, _, rest = does.partition(" ")
    past = {
        "works": "worked",
        "runs": "ran",
        "teaches": "taught",
        "builds": "built",
        "translates": "translated",
        "maps": "mapped",
        "drives": "drove",
        "looks": "looked",
        "writes": "wrote",
        "plays": "played",
        "photographs": "photographed",
        "designs": "designed",
        "makes": "made",
        "treats": "treated",
        "ferries": "ferried",
        "bakes": "baked",
    }
    return f"{past[verb]} {rest}"


# fmt: off
_ZH_SURNAMES = "林周陈王李张赵孙吴郑冯沈韩杨朱何许"
_ZH_WOMEN = ("晓", "静", "雨桐", "佳宁", "若兰", "小满", "文秀", "思琪", "清", "月", "秋彤", "书瑶")
_ZH_MEN = ("宁", "浩然", "建国", "子轩", "志远", "立", "明哲", "大勇", "文博", "一鸣", "海", "松")
_ZH_TOWNS = (
    "成都", "苏州", "西安", "厦门", "青岛", "昆明", "杭州", "长沙", "哈尔滨", "洛阳",
    "泉州", "武汉", "南京", "桂林",
)
_ZH_WORK = (
    ("护士", "在医院值夜班", ("急救", "夜班", "睡眠"), "病房"),
    ("厨师", "开一家小馆子", ("火候", "刀工", "家常菜"), "后厨"),
    ("化学老师", "在中学教化学", ("结晶", "备考", "实验安全"), "实验室"),
    ("木匠", "用手工做椅子", ("榫卯", "老木头", "刨子"), "木工房"),
    ("译者", "翻译小说", ("词典", "成语", "慢读"), "图书馆"),
    ("天文爱好者", "在山上拍星空", ("日食", "望远镜", "流星雨"), "天台"),
    ("高铁司机", "开早班列车", ("信号", "时刻表", "雪天行车"), "站台"),
    ("园艺师", "照看一座老园子", ("月季", "堆肥", "修枝"), "花园"),
    ("程序员", "给渡轮写软件", ("调试", "测试", "开源"), "工位"),
    ("小提琴手", "在乐团拉琴", ("巴赫", "怯场", "练琴"), "后台"),
    ("摄影师", "给新人拍婚礼", ("光线", "老镜头", "抓拍"), "暗房"),
    ("建筑师", "设计学校", ("采光", "楼梯", "图纸"), "工地"),
    ("陶艺师", "烧青花碗", ("泥料", "釉色", "窑温"), "窑边"),
    ("兽医", "给牛羊看病", ("接生", "疫苗", "老狗"), "诊所"),
    ("船长", "在海湾跑渡轮", ("潮汐", "绳结", "大雾"), "甲板"),
    ("面包师", "天不亮就开炉", ("发酵", "黑麦", "揉面"), "店里"),
)
_ZH_LIKES = (
    "下围棋", "听京剧", "钓鱼", "爬山", "喝普洱", "看老电影", "骑车", "游泳", "练字", "逛菜市场", "养猫", "读武侠",
    "弹吉他", "跳广场舞", "打羽毛球", "听相声",
)
_ZH_VOICE = (
    "说话慢条斯理", "说起话来像放鞭炮", "话不多，句句在点上", "嗓门大，爱笑", "声音轻，吐字清楚", "爱打比方",
    "开口就像老朋友", "讲话总要停一停", "说着说着就唱起来", "带点家乡口音",
)
_ZH_MOODS = ("慢性子", "急性子", "好奇心重", "有耐心", "爱较真", "乐天派", "有点腼腆", "闲不住", "爱操心", "心细")
# fmt: on


def _zh_seen(draw: Composer, age: int, man: bool) -> str:
    grey = age >= _GREY and draw.chance(0.7)
    hair = draw.any(
        ("花白短发", "满头银发")
        if grey
        else ("利落短发", "平头")
        if man
        else ("齐肩短发", "长发", "高马尾", "卷发")
    )
    worn = draw.any(("戴圆框眼镜", "系绿围巾", "穿蓝毛衣", "戴灰帽子", "背旧布包"))
    if man and draw.chance(0.3):
        worn = draw.any(("留络腮胡", "留着短须"))
    return f"{hair}，{worn}"


def chinese(draw: Composer) -> str:
    """One line in Chinese."""
    man, age = draw.chance(0.5), draw.age()
    name = draw.any(_ZH_SURNAMES) + draw.any(_ZH_MEN if man else _ZH_WOMEN)
    town, ta = draw.any(_ZH_TOWNS), "他" if man else "她"
    who, does, asked, place = draw.any(_ZH_WORK)
    topic, more = draw.two(asked)
    like, other = draw.two(_ZH_LIKES)
    voice, mood = draw.any(_ZH_VOICE), draw.any(_ZH_MOODS)
    retired = age >= _RETIRED and draw.chance(0.7)
    was = f"退休前是{who}" if retired else f"是{who}"
    did = f"退休前{does}" if retired else does
    forms = (
        lambda: f"{name}，{age}岁，{town}人，{did}，{voice}。",
        lambda: f"我叫{name}，{was}，{topic}和{more}都可以问我。",
        lambda: f"你好，我是{town}的{name}，{mood}，平时爱{like}、{other}。",
        lambda: f"{name}{was}，{_zh_seen(draw, age, man)}。",
        lambda: f"我今年{age}岁，{did}，最爱聊{topic}。",
        lambda: f"{mood}，{age}岁，爱{like}，{voice}。",
        lambda: f"{'以前' if retired else ''}在{town}的{place}总能碰到{name}，{ta}一聊{topic}就停不下来。",
        lambda: f"{age}岁的{name}还是爱{like}，{ta}的分身也懂{topic}。",
        lambda: f"这个分身替{name}说话：{voice}，三句不离{topic}。",
        lambda: f"{_zh_seen(draw, age, man)}，这就是{did}的{name}。",
    )
    return draw.any(forms)()


LANGUAGES = {"en": english, "zh": chinese}


@KINDS.register("profiles")
def profiles(name: str) -> Texts:
    """Training data in a language: about 8,000 different lines, the same in every run.

    Args:
        name: of the language.

    Raises:
        UsageError: there are no lines in it.
    """
    if name not in LANGUAGES:
        raise UsageError("texts.no_language", name=name, names=", ".join(LANGUAGES))
    draw = Composer(np.random.default_rng(_SEED))
    return Texts(f"{PREFIX}{name}", (LANGUAGES[name](draw) for _ in range(_COUNT)), "CC0-1.0")

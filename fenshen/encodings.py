"""Guesses in which encoding some bytes are a name: :func:`guess`.

Each encoding reads the bytes as characters; what reads as the likeliest name wins. How likely a character is follows
from its script, and from whether it is among the common ones of the languages that use the encoding. Bits are -log2 of
that likelihood: a bit more is half as likely.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise

# Characters that are frequent in texts and in the names of people and pictures.
_SIMPLIFIED = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把"
    "机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果"
    "加斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更"
    "别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马"
    "科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确"
    "传师观清今切院让识候带导争运笔照片图视频拍微截屏夹副旅游毕婚礼证姓李刘陈杨赵黄周吴徐孙胡朱林郭罗梁宋郑谢韩唐冯"
    "董萧曹袁邓沈彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田姜范石姚谭邹熊孔秦邱江史顾侯邵孟龙段雷钱汤尹黎贺伟芳娜秀英"
    "敏静丽强磊军洋艳勇杰娟涛超霞平刚玲桂香红梅兰春风花草测试脸数据集训练模型输出声音录语言动画幅张集第版备份最终修改"
    "全福乐喜猫狗龙糕爸妈爷奶哥姐弟妹孩宝女友男朋同学老师班公司会议简历身份护驾驶左右侧正背半全身素材原图宽屏壁纸桌面下载文档音乐我们"
)
_TRADITIONAL = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然"
    "家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把"
    "機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果"
    "加月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活更別打"
    "女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指許統區保至隊形社便空決治展馬科司五"
    "基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀"
    "清今切院讓識候帶導爭運筆照片圖視頻拍攝測試臉檔案夾資料旅遊畢業婚禮證件李劉陳楊趙黃周吳徐孫胡朱林郭羅梁宋鄭謝韓"
    "唐馮董蕭曹袁鄧沈彭呂蘇盧蔣蔡賈丁魏薛葉余潘杜戴夏鐘汪田姜范石姚譚鄒熊孔秦邱江史顧侯邵孟龍段雷錢湯尹黎賀怡君雅婷"
    "志明淑芬美玲俊傑家豪宗翰臺灣香港北市高雄影片錄音樂語言動畫爸媽爺奶哥姐弟妹孩寶男朋友同學老師左右側正背半全身素材"
)
_KANJI = frozenset(
    "日一人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西"
    "電校語土木聞食車何南万毎白天母火右読友左休父雨写真画像動映撮影顔自分表示保存新規作成結果田村佐藤鈴木高橋渡辺伊山"
    "中小林加吉井上松石斎清原青池橋森阿部前島岡野内藤谷口太郎花子美由紀正和明健一幸恵直樹翔次旅行誕卒業式結婚証履歴家"
    "族犬猫海空春夏秋冬桜集合番号場所笑正面横向音声録試験訓練日付無題版元最終東京大阪都府県市区町"
)
_HANGUL = frozenset(
    "이다의는에가을로고하지은기사한인리시자대서아정도어나스보들수라부일전원구해주장상그트제미국과성안신오비있유경조를게"
    "선으진우동니모위만소영중여관문공러무년생회세연저실당용김방내마적호터후더레재요화계학분르물드양업면산거반발음교간식"
    "크현실행단평추치명최남습개체속금송민타증명입때강박권손임윤홍류황노심양배석준지희혜은숙순옥철훈혁빈찬태규환건형욱필"
    "족직웃꽃눈팀씨휴섬술맛밥냉찍쪽방학학년파티백합차통달운본결표출력데집복와천매프법합초되했던번없말점원품본카페밤낮봄름가을겨울여행졸업결혼생일축얼굴셀영상"
    "동영상화면캡처새폴더바탕록음성목소리폰친엄빠할머니누형언딸아들안녕하세요한글테스트작업완료최종정면옆뒤왼쪽오른일뷰"
)
_FREQUENT = {"gbk": _SIMPLIFIED, "big5": _TRADITIONAL, "cp949": _HANGUL, "cp932": _KANJI, "euc_jp": _KANJI}
_LETTERS = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"  # the most frequent first
_LATIN = frozenset("äöüßéèêëàâáãåçñíîïìóôõòøúûùæœýÿ")
_MARKS = frozenset("–—‘’“”„«»°©®·…№€£¥§¿¡ªº")

_ASCII, _STRANGE = 5.0, 20.0
_BROKEN = 8.0  # a capital inside a word, or letters of two alphabets beside one another
_MOST, _FIRST = 9.0, 4.0  # bits a byte, and at the start, beyond which no guess is better than one

# The encodings that are tried, and how unlikely each is before anything was read.
_EAST: dict[str, float] = {"gbk": 0, "big5": 2, "cp932": 2, "cp949": 3, "euc_jp": 6}
_RUSSIAN = {"cp1251": 3.0, "cp866": 5.0, "koi8_r": 8.0}


def guess(names: Iterable[bytes], western: tuple[str, ...]) -> str | None:
    """The encoding in which names, taken together, look most like names; None where none fits.

    Args:
        western: encodings of Latin letters, the likeliest first.
    """
    text = b"\n".join(names)
    try:
        text.decode()
        return "utf-8"  # nothing else is so by chance
    except UnicodeDecodeError:
        pass
    found: dict[str, float] = {}
    for encoding, prior in {**_EAST, **_RUSSIAN, **_western(western)}.items():
        try:
            decoded = text.decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(char.isprintable() or char == "\n" for char in decoded):
            found[encoding] = prior + _bits(decoded, encoding)
    best = min(found, key=lambda encoding: found[encoding], default=None)
    high = sum(byte > 127 for byte in text)
    plain = (len(text) - high) * _ASCII
    return best if best is not None and found[best] - plain <= _MOST * high + _FIRST else None


def _western(encodings: tuple[str, ...]) -> dict[str, float]:
    return {encoding: 2.0 + place for place, encoding in enumerate(encodings)}


def _bits(text: str, encoding: str) -> float:
    """How unlikely a text is as names in the languages of an encoding."""
    of_character = _model(encoding)
    plain = _ASCII + (encoding in _RUSSIAN)
    bits = sum(plain if char.isascii() else of_character(char) for char in text)
    if encoding in _EAST:
        return bits + _BROKEN / 2 * len(
            re.findall(r"[A-Za-z](?=[^\x00-\x7f])|[^\x00-\x7f](?=[A-Za-z])", text)
        )
    return bits + sum(_BROKEN * _breaks(word) for word in re.findall(r"[^\W\d_]+", text))


def _breaks(word: str) -> int:
    """How often letters follow one another that do not in words: capitals after small ones, two alphabets."""
    pairs = list(pairwise(word))
    if word[:2].isupper():
        turns = sum(two.islower() for _, two in pairs[1:])
    else:
        turns = sum(one.islower() and two.isupper() for one, two in pairs)
    scripts = [tuple(map(_script, pair)) for pair in pairs]
    return turns * (not word.isascii()) + sum(one != two for one, two in scripts if one and two)


@cache
def _script(char: str) -> str:
    """Latin or Cyrillic; empty for scripts that stand beside others without a space."""
    name = unicodedata.name(char, "").split(" ")[0]
    return name if name in ("LATIN", "CYRILLIC", "GREEK") else ""


@cache
def _model(encoding: str) -> Callable[[str], float]:
    if encoding in _EAST:
        return cache(lambda char: _of_east(char, encoding))
    return _of_russian if encoding in _RUSSIAN else _of_western


def _of_east(char: str, encoding: str) -> float:
    """A character of Chinese, Japanese or Korean."""
    raw = char.encode(encoding)
    if char in _FREQUENT[encoding]:
        return 8.3 if encoding == "cp949" else 9.2
    if len(raw) != 2:  # half-width kana, JIS X 0212
        return 9.0 if "\uff61" <= char <= "\uff9f" else _STRANGE
    if "\u3041" <= char <= "\u30ff":
        return 7.5 if "jp" in encoding or encoding == "cp932" else 14.0
    if unicodedata.category(char)[0] != "L" or "\uff01" <= char <= "\uff5e":
        return 13.0 if unicodedata.category(char)[0] in "PNL" else 16.0
    lead, trail = raw
    if encoding == "cp949":
        return (13.5 if lead >= 0xB0 and trail >= 0xA1 else 19.0) if "\uac00" <= char <= "\ud7a3" else 18.0
    if not "\u4e00" <= char <= "\u9fff":
        return _STRANGE
    common, other = _ROWS[encoding]
    if encoding == "gbk" and trail < 0xA1:  # what GBK added to GB 2312
        return _STRANGE
    return 13.0 if lead in common else 17.0 if lead in other else _STRANGE


# The lead bytes of an encoding's first level of characters, the common ones, and of its second.
_ROWS = {
    "gbk": (range(0xB0, 0xD8), range(0xD8, 0xF8)),
    "cp932": (range(0x88, 0x99), (*range(0x98, 0xA0), *range(0xE0, 0xEB))),
    "euc_jp": (range(0xB0, 0xD0), range(0xD0, 0xF5)),
    "big5": (range(0xA4, 0xC7), range(0xC9, 0xFA)),
}


def _of_russian(char: str) -> float:
    rank = _LETTERS.find(char.lower())
    if rank >= 0:
        return 3.5 + rank / 7 + 0.6 * char.isupper()
    return 9.0 if char.lower() in "іїєґўђјљњћџ" else 11.0 if char in _MARKS else _STRANGE


def _of_western(char: str) -> float:
    if char.lower() in _LATIN:
        return 7.5 + char.isupper()
    return 12.0 if _script(char) == "LATIN" else 11.0 if char in _MARKS else _STRANGE

"""Text for speech: every form as newsreaders say it, nothing lost, nothing that no voice can speak."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fenshen import messages
from fenshen.errors import UsageError
from fenshen.motion.speech.text import language_of, runs, sentences


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_text_is_read_as_newsreaders_say_it(lang):
    table = (Path(__file__).parent / f"spoken_{lang}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("//")]
    assert len(rows) >= 150
    said = [(text, " | ".join(sentences(text, lang))) for text, _ in rows]
    assert said == [(text, spoken) for text, spoken in rows]


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("Hello!  It's me 😀👍🏽. Bye.", "en", ["Hello!", "It's me .", "Bye."]),
        ("# **Bold** _words_\nsee https://example.org/x?y=1", "en", ["Bold words", "see example dot org"]),
        ("ｈｅｌｌｏ cafe\u0301", "en", ["hello café"]),
        ("你好。我是分身！真的吗？是的……好", "zh", ["你好。", "我是分身！", "真的吗？", "是的", "好"]),
        ("官网：https://a.cn。关注！讲三点。", "zh", ["官网：a点CN。", "关注！", "讲三点。"]),
        ("See http://a.io/x. Then go!", "en", ["See a dot IO.", "Then go!"]),
        ("<p>一</p><script>x=1</script><p>二</p>", "zh", ["一", "二"]),
        ("- one\n- two\n\n1. three", "en", ["one", "two", "one, three"]),
        ("Dr. A. Smith at 5 p.m. on Dec. 3. No. It is No. 5.", "en",
         ["Doctor A Smith at five PM on December third.", "No.", "It is number five."]),
    ],
)  # fmt: skip
def test_text_is_cleaned_and_cut(text, lang, expected):
    assert sentences(text, lang) == expected


@given(
    st.text("欢迎关注，。", min_size=1),
    st.sampled_from(["https://a.cn/b", "www.a.com", "a@b.cn", "[x](http://a.cn)"]),
)
def test_a_link_swallows_nothing(after, link):
    said = "".join(sentences(f"看{link}{after}", "zh"))
    assert [char for char in said if char in "欢迎关注"] == [char for char in after if char in "欢迎关注"]


@pytest.mark.parametrize(
    "text",
    [
        "こんにちは",
        "今日は天気がいいです。",
        "Привет, мир",
        "안녕하세요",
        "สวัสดี",
        "مرحبا",
        "שלום",
        "नमस्ते",
        "Γειά σου Κόσμε",
        "他说Здравствуйте",
    ],
)
def test_a_script_that_no_voice_speaks_is_refused(text):
    with pytest.raises(UsageError) as caught:
        sentences(text, language_of(text))
    assert caught.value.key == "motion.unspoken_script"
    for lang in ("en", "zh"):
        messages.use(lang)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200
    messages.use(None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我在莫斯科听见有人对我说Привет，我也笑着向他问好，然后就走开了。", "privet"),
        ("She wrote こんにちは on the board and asked every one of us to read it aloud.", "konnichiha"),
        ("The sign over the door of the restaurant said 안녕, which means hello.", "annyeong"),
        ("The angle α is small, and μ is the mean of the sample.", "alpha"),
    ],
)
def test_a_lone_foreign_word_is_read_by_its_letters(text, expected):
    assert expected in " ".join(sentences(text, language_of(text)))


@pytest.mark.parametrize("text", ["", "   \n", "😀🎉", "。！？…", "***", "\x00\u200b"])
def test_what_cannot_be_spoken_is_refused(text):
    with pytest.raises(UsageError) as caught:
        sentences(text, language_of(text))
    assert caught.value.key == "motion.no_text"


def test_five_thousand_characters_become_short_sentences():
    for text, lang, most in (
        ("今天天气很好我们去公园散步，" * 357, "zh", 112),
        ("all work and no play " * 240, "en", 290),
    ):
        parts = sentences(text, lang)
        assert max(map(len, parts)) < most
        assert "".join("".join(parts).split()) == "".join(text.split())
    unbroken = sentences("啊" * 5000, "zh")
    assert sum(map(len, unbroken)) == 5000
    assert max(map(len, unbroken)) < 112
    with pytest.raises(UsageError):
        sentences("a" * 50_001, "en")


@given(st.text(max_size=300), st.sampled_from([None, "en", "zh"]))
@example("9999999999999999999999年99月99日的-0.%，1/0，12:99，¥-3，０～９９℃", "zh")
def test_any_text_is_cut_or_refused(text, lang):
    lang = language_of(text, lang)
    try:
        parts = sentences(text, lang)
    except UsageError:
        return
    assert all(part.strip() for part in parts)
    assert all(words for part in parts for words, _ in runs(part, lang))
    assert not re.search(r"[0-9$€£¥%]", "".join(parts))


def test_languages_are_told_apart():
    assert language_of("我用 GPU 训练") == language_of("anything", "zh") == "zh"
    assert language_of("He said 你好 to everybody in the room") == "en"
    assert [language_of(text) for text in ("-5℃", "3+5=8，很对", "￥30", "-5°C")] == ["zh", "zh", "zh", "en"]
    assert runs("我有 two GPUs，很好 3", "zh") == [("我有 ", "zh"), ("two GPUs，", "en"), ("很好 3", "zh")]
    assert runs("3 apples", "zh") == [("3 apples", "en")]
    with pytest.raises(UsageError):
        language_of("bonjour", "fr")

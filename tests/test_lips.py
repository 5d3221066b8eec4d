"""Mouths that follow sound: what they hear, how little they wait, and how they learn it."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fenshen
from fenshen import audio
from fenshen.controls import INDEX
from fenshen.data import open_data, talking
from fenshen.data.sentences import compose
from fenshen.errors import UsageError
from fenshen.model import Model
from fenshen.motion import hearing, lips, speech
from fenshen.motion.visemes import of_mouth, shapes_of
from fenshen.networks.causal import AHEAD
from fenshen.training import checkpoint, progress
from fenshen.training.measuring import talking as measuring

WITHIN = 0.12  # seconds that a mouth may wait for
needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="the extra espeak is not installed"
)


def noise(seconds, seed=0):
    numbers = np.random.default_rng(seed)
    count = round(seconds * audio.RATE)
    swell = np.interp(np.arange(count), np.linspace(0, count, 40), numbers.random(40))
    return (0.2 * swell * numbers.standard_normal(count)).astype(np.float32)


def test_what_is_heard_can_be_told_apart_and_turned_back():
    samples = noise(2.0)
    power = hearing.power(samples)
    assert power.shape == (2 * hearing.FRAMES, hearing.NUMBERS)
    heard = hearing.heard(power)
    assert heard.min() >= 0
    assert heard.max() <= 1
    loud = power > 1e-3
    assert np.allclose(np.log10(hearing.unheard(heard)[loud]), np.log10(power[loud]), atol=0.05)
    tones = [np.sin(2 * np.pi * f * np.arange(audio.RATE) / audio.RATE) for f in (200, 800, 3000)]
    bands = [hearing.power(tone)[20, :40].argmax() for tone in tones]
    assert bands == sorted(set(bands))


def test_a_mouth_waits_for_no_more_than_an_eighth_of_a_second():
    samples, other = noise(3.0), noise(3.0, seed=1)
    change = 1.5
    later = np.concatenate([samples[: round(change * audio.RATE)], other[round(change * audio.RATE) :]])
    one, two = (lips.follow(hearing.heard(hearing.power(sound))) for sound in (samples, later))
    middles = (np.arange(len(one)) + 0.5) / hearing.FRAMES
    before = middles + WITHIN <= change
    assert np.allclose(one[before], two[before], atol=1e-5)
    assert not np.allclose(one[~before], two[~before], atol=1e-2)
    assert AHEAD / hearing.FRAMES + hearing.LATENESS <= WITHIN


def test_a_long_sound_is_followed_in_pieces(monkeypatch):
    heard = hearing.heard(hearing.power(noise(8.0)))
    whole = lips.follow(heard)
    monkeypatch.setattr(lips, "_BLOCK", 150)
    assert np.allclose(lips.follow(heard), whole, atol=1e-5)


def test_sentences_hold_every_sound_of_both_languages():
    numbers = np.random.default_rng(0)
    for language, least in (("en", 22), ("zh", 55)):
        said = {compose(language, numbers) for _ in range(200)}
        assert len(said) > 195
        assert len({letter for text in said for letter in text.lower() if letter.isalpha()}) >= least


@needs_espeak
def test_sentences_show_every_shape_of_a_mouth():
    engine, numbers = speech.engine("espeak"), np.random.default_rng(0)
    for language in speech.LANGUAGES:
        phonemes = [
            phoneme
            for _ in range(40)
            for phoneme in engine.synthesize(compose(language, numbers), language).phonemes
        ]
        shapes = {shape for one in phonemes for shape in shapes_of(one.symbol, language)}
        assert {"PP", "FF", "DD", "SS", "SH", "KK", "aa", "ii", "uu"} <= shapes, language


@pytest.fixture
def sentences(monkeypatch, tmp_path):
    """Twenty sentences by the small engine, said here and now."""
    monkeypatch.setenv("FENSHEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(talking, "find_spec", lambda name: None)
    return "talking:20"


@needs_espeak
def test_a_mouth_learns_and_goes_on_bit_for_bit(sentences, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "_MEASURED", 8)
    words = ("width=16", "batch_size=4", "adversarial_from=4", "lr_schedule.kind=constant", "log_every=5")

    def train(run, steps):
        settings = (*words, f"steps={steps}", "evaluate_every=10", "sample_every=10")
        fenshen.train(sentences, out=run, settings=settings, device="cpu", progress=False)
        return load_file(checkpoint.folders(run)[-1] / "state.safetensors")

    train(tmp_path / "parts", 5)
    parts, whole = train(tmp_path / "parts", 30), train(tmp_path / "whole", 30)
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[key], whole[key]) for key in whole)
    errors = [row["error"] for row in progress.rows(tmp_path / "whole") if "error" in row]
    assert errors[-1] < errors[0]
    model = Model.load(tmp_path / "whole")
    assert model.card.told == "sound"
    data = open_data(sentences)
    assert lips.follow(data.said.heard[0].astype(np.float32), model).shape == (
        talking.STEPS,
        of_mouth().sum(),
    )


@needs_espeak
def test_disturbed_sound_keeps_its_words(sentences):
    data = open_data(sentences)
    heard = data.said.heard[0].astype(np.float32)
    others = [talking.disturbed(heard, np.random.default_rng(seed)) for seed in range(20)]
    assert all(other.min() >= 0 and other.max() <= 1 for other in others)
    agreements = [np.corrcoef(heard.ravel(), other.ravel())[0, 1] for other in others]
    assert min(agreements) < 0.97
    assert np.median(agreements) > 0.6
    for name in ("many", "0", "19", "20001"):
        with pytest.raises(UsageError, match="number of sentences"):
            open_data(f"talking:{name}")


@needs_espeak
@pytest.mark.parametrize("language", ["en", "zh"])
def test_lips_close_where_they_should(language):
    numbers, closed = np.random.default_rng(123), []
    for _ in range(6):
        said = speech.engine("espeak").synthesize(compose(language, numbers), language, f"{language}_m")
        track = lips.from_audio(said.samples, said.sample_rate, rate=25.0, seed=3)
        shut = (track.controls[:, INDEX["mouthPressLeft"]] > 0.3) & (
            track.controls[:, INDEX["jawOpen"]] < 0.1
        )
        closed += [
            shut[int(one.start * 25) : int(np.ceil(one.end * 25)) + 1].any()
            for one in said.phonemes
            if shapes_of(one.symbol, one.language)[:1] == ["PP"]
        ]
    assert np.mean(closed) > 0.6

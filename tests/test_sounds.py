"""Sounds: heard as frames, damaged on purpose, learnt from, and restored without touching what is well."""

from __future__ import annotations

import math
import wave

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sounding import saved

import fenshen
from fenshen import audio, portraits
from fenshen import model as models
from fenshen.adversarial.spectral import stft_distance
from fenshen.data import open_data, sounds
from fenshen.data.sound_damage import (
    CHANNELS,
    DAMAGES,
    TASKS,
    encoded,
    narrowed,
    predicted,
    rounded,
    runs,
    with_noise,
)
from fenshen.errors import FenshenError, UsageError
from fenshen.model import Model, ModelCard
from fenshen.motion.speech import engine
from fenshen.networks import NetworkConfig, build_generator
from fenshen.provenance.options import MarkOptions
from fenshen.provenance.verify import verify
from fenshen.sounds.recording import RATE, Measured, is_sound, measure, pieces
from fenshen.sounds.restorer import SoundRestorer
from fenshen.sounds.tasks import TASKS as ASKED
from fenshen.sounds.tasks import wiener
from fenshen.spectra import HOP, MELS, istft, log_mel, stft
from fenshen.training import checkpoint, progress
from fenshen.training import recipe as recipes
from fenshen.training.measuring import sounds as measuring

RECIPES = [name for name in recipes.shipped() if recipes.load(name).network.medium is sounds.SOUNDS]
SMALL = ("width=16", "size=16", "batch_size=2", "log_every=2", "sample_every=4", "adversarial_from=2")
PLAIN = MarkOptions(label=False)


def voice(seconds, pitch=140.0, seed=0, rate=RATE):
    """Something like a voice: overtones that swell and fade."""
    numbers, time = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    tones = [
        numbers.random() / k * np.sin(2 * np.pi * pitch * k * time + numbers.random()) for k in range(1, 25)
    ]
    return (0.1 * np.sum(tones, axis=0) * (1 + 0.5 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def error(made, true):
    return float(np.sqrt(np.mean((made - true) ** 2)))


def write_model(folder, changes=0.0):
    """A restorer; without changes it makes what it is given."""
    config = NetworkConfig(
        family="spectral", sources=CHANNELS, size=16, width=8, latent=2, dimensions=1, discriminator=None
    )
    torch.manual_seed(0)
    generator = build_generator(config)
    torch.nn.init.normal_(generator.frames.last.weight, std=changes)
    told = {"told": "picture", "recipe": "test", "step": 0, "pictures_seen": 0}
    models.save(folder, generator, ModelCard(network=config, origin=[], pictures=1, fenshen="0", **told))
    return folder


@pytest.fixture(scope="module")
def same(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("same") / "model")


@pytest.fixture(scope="module")
def changing(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("changing") / "model", 0.2)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(10):
        saved(folder / f"{number}.wav", voice(4, 100 + 20 * number, number), RATE, "mono")
    return folder


def samples_of(file):
    with wave.open(str(file)) as played:
        raw = np.frombuffer(played.readframes(played.getnframes()), "<i2").reshape(-1, played.getnchannels())
        return raw.astype(np.float32) / 32767, played.getframerate()


def test_frames_are_undone():
    sound = torch.randn(2, 20 * HOP)
    assert stft(sound).shape == (2, 513, 20)
    assert torch.allclose(istft(stft(sound)), sound, atol=1e-5)
    assert log_mel(sound).shape == (2, MELS, 20)


def test_a_tone_is_in_its_band():
    time = torch.arange(40 * HOP) / RATE
    bands = [
        int(log_mel(torch.sin(2 * math.pi * hertz * time)[None])[0].mean(1).argmax()) for hertz in (300, 3000)
    ]
    assert 0 < bands[0] < bands[1] < MELS


def test_the_distance_of_spectra_is_of_what_is_heard():
    sound = torch.from_numpy(voice(1))[None]
    noise = torch.randn(sound.shape, generator=torch.Generator().manual_seed(0))
    assert float(stft_distance(sound, sound)) == 0
    near, far = (float(stft_distance(sound + loud * noise, sound)) for loud in (0.001, 0.01))
    assert 0 < near < far


@pytest.mark.parametrize("name", TASKS)
def test_damage_is_damage(name):
    sound = voice(0.7)
    for seed in range(4):
        damaged, missing = DAMAGES[name].apply(sound, np.random.default_rng(seed))
        again, _ = DAMAGES[name].apply(sound, np.random.default_rng(seed))
        assert np.array_equal(damaged, again)
        assert encoded(damaged, name, missing).shape == (CHANNELS, len(sound))
        assert not np.array_equal(damaged, sound)
        if missing is not None:
            assert np.array_equal(damaged[~missing], sound[~missing])
    assert list(DAMAGES) == list(TASKS) == list(ASKED)


def test_plain_methods_are_better_than_nothing():
    sound = voice(1)
    missing = np.zeros(len(sound), bool)
    missing[9000:9300] = True
    assert (
        error(predicted(np.where(missing, 0, sound), missing), sound)
        < error(np.where(missing, 0, sound), sound) / 3
    )
    limit = 0.6 * float(np.abs(sound).max())
    clipped, beyond = np.clip(sound, -limit, limit), np.abs(sound) >= limit
    assert error(rounded(clipped, beyond), sound) < error(clipped, sound)
    speech = np.concatenate([voice(1), np.zeros(RATE, np.float32)])
    noisy = with_noise(speech, np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32), 10)
    assert error(wiener(noisy), speech) < error(noisy, speech) / 1.5


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_goes_on_bit_for_bit(name, recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "_MEASURED", 4)
    kind = {"vocoder": "vocoded", "restore-sound": "damaged-sound"}[name]

    def train(run, steps):
        settings = (*SMALL, f"steps={steps}", "evaluate_every=4", "lr_schedule.kind=constant")
        fenshen.train(
            f"{kind}:{recordings}", out=run, recipe=name, settings=settings, device="cpu", progress=False
        )
        return load_file(checkpoint.folders(run)[-1] / "state.safetensors")

    train(tmp_path / "parts", 2)
    parts, whole = train(tmp_path / "parts", 4), train(tmp_path / "whole", 4)
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[key], whole[key]) for key in whole)
    assert any("stft" in row for row in progress.rows(tmp_path / "whole"))
    model = Model.load(tmp_path / "whole")
    frames = 1 if name == "vocoder" else HOP
    sources = np.zeros((1, model.card.network.sources, 21 * frames), np.float32)
    assert model.translate(sources).shape == (1, 1, 21 * HOP)


def test_sentences_are_spoken_once_in_both_languages(tmp_path, monkeypatch):
    said = []

    def spoken(text, language, who):
        said.append((text, language, who.name))
        return {"sound": np.round(voice(2) * 32767).astype(np.int16)}

    monkeypatch.setenv("FENSHEN_CACHE", str(tmp_path))
    monkeypatch.setattr(sounds, "_kept", spoken)
    data = open_data("vocoded:speech:48")
    first, count = data.samples.copy(), len(said)
    assert np.array_equal(open_data("vocoded:speech:48").samples, first)
    assert len(said) == count > 40
    assert {language for _, language, _ in said} == {"en", "zh"}
    held_out, train = data.indices("held_out"), data.indices("train")
    assert len(held_out)
    assert len(train)
    assert not set(held_out) & set(train)


def test_pieces_join_without_a_seam(changing, tmp_path):
    file = saved(tmp_path / "long.wav", voice(23), RATE, "mono")
    restorer, found = SoundRestorer(Model.load(changing)), measure(file)
    assert sum(piece.kept.stop - piece.kept.start for piece in pieces(file)) == found.samples == 23 * RATE
    joined = np.concatenate(list(restorer.restore(file, "denoise", found)))[:, 0]
    at_once = restorer.channel(audio.read(file), "denoise", found)
    assert error(joined, audio.read(file)) > 1e-3
    assert np.allclose(joined, at_once, atol=1e-4)


def test_gaps_are_found_and_only_they_change(changing, tmp_path):
    sound = voice(3)
    for start in (20_000, 41_000):
        sound[start : start + 500] = 0
    file = saved(tmp_path / "gaps.wav", sound, RATE, "mono")
    out = fenshen.restore(
        file, out=tmp_path / "out.wav", task="gaps", model=changing, marks=PLAIN, device="cpu"
    )
    made, _ = samples_of(out)
    places = list(runs(np.abs(made[:, 0] - audio.read(file)) > 1e-4))
    assert min(a for a, _ in places) > 19_900
    assert max(b for _, b in places) < 41_600
    assert np.abs(made[20_100:20_400]).max() > 0.01
    assert verify(out).status == "valid"


def test_only_clipped_peaks_change_and_go_beyond(changing, tmp_path):
    sound = voice(3)
    limit = 0.4 * float(np.abs(sound).max())
    file = saved(tmp_path / "clipped.wav", np.clip(sound, -limit, limit), RATE, "mono")
    given = audio.read(file)
    made, _ = samples_of(
        fenshen.restore(
            file, out=tmp_path / "out.wav", task="declip", model=changing, marks=PLAIN, device="cpu"
        )
    )
    different = np.abs(made[:, 0] - given) > 1e-4
    assert different.any()
    assert np.abs(given[different]).min() > 0.95 * limit
    assert (np.abs(made[:, 0][different]) >= np.abs(given[different]) - 1e-4).all()


@pytest.mark.parametrize(("rate", "layout", "channels"), [(8000, "mono", 1), (96000, "stereo", 2)])
def test_any_rate_and_level_comes_out_right(rate, layout, channels, same, tmp_path, recwarn):
    for loud in (0.02, 1.0):
        file = saved(tmp_path / f"{loud}.wav", loud * voice(2, rate=rate), rate, layout)
        out = fenshen.restore(
            file, out=tmp_path / f"{loud}-out.wav", task="denoise", model=same, marks=PLAIN, device="cpu"
        )
        made, played = samples_of(out)
        assert (made.shape[1], played) == (channels, RATE)
        assert abs(len(made) - 2 * RATE) < 50
        assert error(made[:, 0], audio.read(file)[: len(made)]) < 1e-4


def test_band_is_measured_and_kept(changing, tmp_path):
    file = saved(tmp_path / "phone.wav", voice(3, rate=8000), 8000, "mono")
    found = measure(file)
    assert 3000 < found.band < 4200
    made = SoundRestorer(Model.load(changing)).channel(audio.read(file), "bandwidth", found)
    low = slice(10, int(0.7 * found.band * len(made) / RATE))
    heard, given = (np.abs(np.fft.rfft(x))[low] for x in (made, audio.read(file)))
    assert error(heard, given) < 0.02 * given.max()


def test_the_network_that_comes_along_adds_the_treble_of_speech(tmp_path):
    pytest.importorskip("espeakng_loader")
    speech = engine("espeak").synthesize("She sells six fresh fish on the shore.", "en", None)
    whole = audio.resampled(audio.normalised(speech.samples, speech.sample_rate), RATE / speech.sample_rate)
    file = saved(tmp_path / "dull.wav", narrowed(whole, 3800.0), RATE, "mono")
    out = fenshen.restore(file, out=tmp_path / "out.wav", task="bandwidth", marks=PLAIN, device="cpu")
    made, _ = samples_of(out)
    given, count = audio.read(file), min(len(made), len(whole))
    far = [
        float(stft_distance(*(torch.from_numpy(x[None, :count]) for x in (one, whole))))
        for one in (given, made[:, 0])
    ]
    assert far[1] < 0.8 * far[0]


@pytest.mark.parametrize(
    ("task", "sound", "sentence"),
    [
        ("denoise", np.zeros(RATE, np.float32), "silent"),
        ("gaps", voice(1), "No gaps"),
        ("declip", 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32), "not clipped"),
        ("bandwidth", 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32), "9 kHz"),
    ],
)
def test_what_needs_nothing_is_copied_and_said(task, sound, sentence, changing, tmp_path, capsys):
    file = saved(tmp_path / "sound.wav", sound, RATE, "mono")
    with pytest.warns(UserWarning, match=sentence):
        out = fenshen.restore(
            file, out=tmp_path / "out.wav", task=task, model=changing, marks=PLAIN, device="cpu"
        )
    assert error(samples_of(out)[0][:, 0], audio.read(file)) < 1e-4


def test_what_a_file_is_goes_by_what_it_holds(same, tmp_path):
    picture, sound = tmp_path / "picture.wav", tmp_path / "sound.png"
    portraits.write(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "a.png").rename(picture)
    saved(tmp_path / "b.wav", voice(1), RATE, "mono").rename(sound)
    assert not is_sound(picture)
    assert is_sound(sound)
    assert fenshen.restore(
        sound, out=tmp_path / "out.wav", task="denoise", model=same, device="cpu"
    ).is_file()
    with pytest.raises(UsageError, match="for sounds"):
        fenshen.restore(picture, out=tmp_path / "out.png", task="gaps")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"task": "inpaint"}, "for pictures"),
        ({"task": "denoise", "mask": ["auto"]}, "gaps"),
        ({"task": "gaps", "mask": ["5,5,5,5"]}, "FROM-TO"),
        ({"task": "gaps", "mask": ["0.5-9"]}, "only has|only"),
        ({"task": "gaps", "out": "x.mp3"}, "wav"),
    ],
)
def test_what_cannot_be_is_said(words, sentence, same, tmp_path):
    file = saved(tmp_path / "sound.wav", voice(1), RATE, "mono")
    out = tmp_path / words.pop("out", "out.wav")
    with pytest.raises(UsageError, match=sentence):
        fenshen.restore(file, out=out, **{"model": same, **words})
    assert not out.exists()


def test_too_long_and_too_little_is_said(same, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "MAX_SECONDS", 60)
    file = saved(tmp_path / "long.wav", np.zeros(62 * 8000, np.float32), 8000, "mono")
    with pytest.raises(FenshenError, match="1 minutes"):
        fenshen.restore(file, out=tmp_path / "out.wav", task="denoise", model=same)
    with pytest.raises(UsageError, match="8 to"):
        open_data("vocoded:speech:3")
    with pytest.raises(FenshenError, match="no recordings"):
        open_data(f"damaged-sound:{tmp_path / 'nowhere'}")


def test_a_whole_recording_is_measured():
    known = Measured(RATE, 1, 0.1, 0.3, None, 8000.0)
    assert not known.silent
    assert ASKED["declip"].begin(voice(1), known) is None


@pytest.mark.parametrize(
    ("recipe", "setting", "sentence"),
    [
        ("vocoder", "structure=1", "structure"),
        ("restore-128", "spectrum=1", "spectrum"),
        ("vocoder", "mirror=true", "mirror"),
    ],
)
def test_terms_go_with_their_media(recipe, setting, sentence):
    with pytest.raises(UsageError, match=sentence):
        recipes.load(recipe, [setting])


def test_without_a_model_recordings_are_restored_plainly(tmp_path):
    sound = voice(2)
    damaged = sound.copy()
    damaged[30_000:30_240] = 0
    file = saved(tmp_path / "gap.wav", damaged, RATE, "mono")
    out = fenshen.restore(file, out=tmp_path / "out.wav", task="gaps", marks=PLAIN)
    assert error(samples_of(out)[0][:, 0], sound) < error(damaged, sound) / 2
    assert verify(out).status == "valid"

"""Melodies: composed by rule, learnt, looked at, heard and counted."""

from __future__ import annotations

import io
import wave

import mido
import numpy as np
import pytest

import fenshen
from fenshen.data.melodies import (
    HOLD,
    LOWEST,
    REST,
    SCALES,
    STEPS,
    Melodies,
    Note,
    midi,
    notes,
    plot,
    sound,
    steps_of,
)
from fenshen.errors import UsageError
from fenshen.metrics.melodies import count
from fenshen.provenance.verify import verify


@pytest.fixture(scope="module")
def real():
    return Melodies("major")


@pytest.mark.parametrize("scale", SCALES)
def test_what_rules_compose_keeps_the_rules(scale):
    data = Melodies(scale)
    steps = steps_of(data.samples)
    assert data.samples.sum(2).max() == data.samples.sum(2).min() == 1
    counted = count(steps[:500], steps[5000:], data.scale)
    assert counted.in_scale == 1
    assert counted.different > 0.9
    assert counted.intervals < 0.05
    assert counted.rhythms < 0.05
    last = [notes(melody)[-1] for melody in steps[:100]]
    assert {(note.pitch - LOWEST) % 12 for note in last} == {0}  # the tonic


def test_chance_keeps_none_of_them(real):
    steps = np.random.default_rng(0).integers(0, 27, (500, STEPS))
    counted = count(steps, steps_of(real.samples[5000:]), real.scale)
    assert counted.in_scale < 0.7
    assert counted.on_chord < 0.5
    assert min(counted.intervals, counted.rhythms) > 0.2


def test_notes_are_read_from_steps():
    steps = np.array([HOLD, 0, HOLD, REST, HOLD, 12, 12])
    assert notes(steps) == [Note(1, 2, LOWEST), Note(5, 1, LOWEST + 12), Note(6, 1, LOWEST + 12)]


def test_midi_and_sound_are_the_notes(real):
    rolls = real.samples[:3]
    every = [note for steps in steps_of(rolls) for note in notes(steps)]
    file = mido.MidiFile(file=io.BytesIO(midi(rolls)))
    begun = [message.note for message in file.tracks[0] if message.type == "note_on"]
    assert begun == [note.pitch for note in every]
    assert "AI" in next(message.text for message in file.tracks[0] if message.type == "copyright")
    samples, rate = sound(rolls)
    assert len(samples) / rate > file.length - 2
    first = samples[: round(0.2 * rate)]
    loudest = np.abs(np.fft.rfft(first)).argmax() * rate / len(first)
    assert loudest == pytest.approx(440 * 2 ** ((every[0].pitch - 69) / 12), rel=0.05)


def test_a_run_is_seen_and_heard(tmp_path):
    words = ("steps=4", "width=8", "batch_size=8", "evaluate_every=0", "sample_every=4", "log_every=2")
    run = fenshen.train(
        "melodies:pentatonic", out=tmp_path / "run", settings=words, device="cpu", progress=False
    )
    for name in ("tune.png", "tune.mid", "tune.wav"):
        (file,) = fenshen.generate(run, seeds="0-3", out=tmp_path / name)
        assert file.is_file()
    with wave.open(str(tmp_path / "tune.wav")) as played:
        assert played.getnframes() > 4 * STEPS * 0.25 * played.getframerate()
    assert verify(tmp_path / "tune.wav").status == "valid"
    assert plot(np.zeros((2, STEPS, 27), np.float32)).shape[2] == 3


def test_what_cannot_be_heard_is_said(tmp_path):
    with pytest.raises(UsageError, match="pentatonic"):
        Melodies("dorian")
    words = ("steps=2", "width=8", "batch_size=8", "evaluate_every=0")
    fenshen.train("sines:3", out=tmp_path / "run", settings=words, device="cpu", progress=False)
    with pytest.raises(UsageError, match="melodies"):
        fenshen.generate(tmp_path / "run", out=tmp_path / "sines.wav")

"""Melodies that rules compose: sequences of one-hot steps, to train on, to look at and to hear.

``melodies:major`` are four bars of eighth notes over four chords, in a scale on C. Strong beats take a note of the
chord; between them the melody mostly goes to a neighbour; bar three answers bar one, and the last note is the tonic.
These rules are a beginner's, and so is the music: a generator can learn them, and what it makes can be counted (see
:mod:`fenshen.metrics.melodies`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from fenshen.data import KINDS, FormulaCard
from fenshen.data.sequences import SEQUENCES
from fenshen.errors import FenshenError, UsageError

PREFIX = "melodies:"
LOWEST, PITCHES = 60, 25  # MIDI number of the lowest note, middle C; two octaves
HOLD, REST = PITCHES, PITCHES + 1  # what a step can be besides a note that begins
STEPS, BAR = 32, 8  # eighths
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "pentatonic": (0, 2, 4, 7, 9)}
CHORDS = ((0, 4, 7), (7, 11, 2), (9, 0, 4), (5, 9, 0))  # I, V, vi, IV: pitch classes in the major scale
_COUNT, _HELD_OUT, _SEED = 6_000, 1_000, 0
_RHYTHMS = (
    (0, 2, 4, 6),
    (0, 2, 3, 4, 6),
    (0, 4),
    (0, 1, 2, 4, 6),
    (0, 3, 4, 6, 7),
    (0, 2, 4, 5, 6, 7),
)  # onsets
_TICKS, _TEMPO = 240, 500_000  # of an eighth note; microseconds of a quarter note
_RATE, _EIGHTH = 24_000, 0.25  # samples a second, seconds
_OVERTONES = (1.0, 0.45, 0.2, 0.1)
_ROWS, _CELL, _GAP = 4, 144, 12  # of a plot: 4 x 4 melodies, px
_PAPER, _LINE, _INK = (250, 249, 246), (228, 229, 231), (36, 106, 160)

Steps = Int[ndarray, "N T"]


class Note(NamedTuple):
    """One note: its first step, how many it lasts, its MIDI number."""

    start: int
    length: int
    pitch: int


@KINDS.register("melodies")
class Melodies:
    """Training data of a scale: 6,000 melodies, the same in every run; 1,000 of them are held out.

    Args:
        name: of the scale.

    Raises:
        UsageError: there is no such scale.
    """

    medium = SEQUENCES
    recipe = "melodies"

    def __init__(self, name: str) -> None:
        if name not in SCALES:
            raise UsageError("sequences.no_scale", name=name, names=", ".join(SCALES))
        self.scale = SCALES[name]
        self.path = Path(f"{PREFIX}{name}")
        self.card = FormulaCard([str(self.path)], STEPS)
        self.shape = {"size": STEPS, "dimensions": PITCHES + 2}
        self.fingerprint = f"{self.path}:{_COUNT}:{_SEED}"

    @cached_property
    def samples(self) -> Float[ndarray, "N T F"]:
        """The melodies, one-hot."""
        numbers = np.random.default_rng(_SEED)
        steps = np.stack([compose(self.scale, numbers) for _ in range(_COUNT)])
        return np.eye(PITCHES + 2, dtype=np.float32)[steps]

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Positions of one split's melodies."""
        return np.arange(_COUNT - _HELD_OUT) if split == "train" else np.arange(_COUNT - _HELD_OUT, _COUNT)


def compose(scale: Sequence[int], numbers: np.random.Generator) -> Int[ndarray, "T"]:
    """One melody, each step a pitch from :data:`LOWEST`, :data:`HOLD` or :data:`REST`."""
    ladder = [octave + degree for octave in (0, 12, 24) for degree in scale if octave + degree < PITCHES]
    steps = np.full(STEPS, HOLD)
    rhythms = [_RHYTHMS[numbers.integers(len(_RHYTHMS))] for _ in range(3)]
    rhythms.insert(2, rhythms[0])  # bar three answers bar one
    at = int(numbers.integers(len(ladder) // 3, 2 * len(ladder) // 3))
    first: dict[int, int] = {}
    for bar, onsets in enumerate(rhythms):
        for onset in onsets:
            if bar == 2 and numbers.random() < 0.75:
                at = first[onset]
            elif onset % 4 == 0:
                at = _nearest_of_chord(ladder, at, CHORDS[bar])
            else:
                at += int(numbers.choice([-2, -1, -1, 0, 1, 1, 2]))
            at = int(np.clip(at, 0, len(ladder) - 1))
            if bar == 0:
                first[onset] = at
            rest = onset == 7 and numbers.random() < 0.3
            steps[bar * BAR + onset] = REST if rest else ladder[at]
    steps[-BAR // 2] = 12 if abs(12 - ladder[at]) <= abs(ladder[at]) else 0
    steps[-BAR // 2 + 1 :] = HOLD
    return steps


def _nearest_of_chord(ladder: Sequence[int], at: int, chord: Sequence[int]) -> int:
    """The place of the chord's note that is nearest to where the melody is."""
    places = [i for i, pitch in enumerate(ladder) if pitch % 12 in chord] or [at]
    return min(places, key=lambda i: abs(i - at))


def steps_of(rolls: Float[ndarray, "N T F"]) -> Steps:
    """What each step is: the likeliest of its numbers."""
    return rolls.argmax(axis=2)


def notes(steps: Int[ndarray, "T"]) -> list[Note]:
    """The notes of one melody; what holds before any note is silent."""
    found: list[Note] = []
    open_ = False
    for at, step in enumerate(steps.tolist()):
        if step < PITCHES:
            found.append(Note(at, 1, LOWEST + step))
            open_ = True
        elif step == HOLD and open_:
            found[-1] = found[-1]._replace(length=found[-1].length + 1)
        else:
            open_ = False
    return found


def midi(rolls: Float[ndarray, "N T F"]) -> bytes:
    """The melodies one after another, with a bar of rest between, as a MIDI file that says what made it.

    Raises:
        FenshenError: the extra ``music`` is not installed.
    """
    try:
        import mido
    except ImportError as error:
        raise FenshenError("sequences.no_midi") from error
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("copyright", text="AI-generated (Fenshen)"))
    track.append(mido.MetaMessage("set_tempo", tempo=_TEMPO))
    last = 0
    for number, steps in enumerate(steps_of(rolls)):
        begin = number * (len(steps) + BAR)
        for note in notes(steps):
            track.append(mido.Message("note_on", note=note.pitch, time=(begin + note.start - last) * _TICKS))
            track.append(mido.Message("note_off", note=note.pitch, time=note.length * _TICKS))
            last = begin + note.start + note.length
    stream = io.BytesIO()
    mido.MidiFile(tracks=[track], ticks_per_beat=2 * _TICKS).save(file=stream)
    return stream.getvalue()


def sound(rolls: Float[ndarray, "N T F"]) -> tuple[Float[ndarray, "samples"], int]:
    """The melodies one after another, plucked: samples in [-1, 1], and how many a second."""
    eighth = round(_RATE * _EIGHTH)
    wave = np.zeros(len(rolls) * (rolls.shape[1] + BAR) * eighth + _RATE, np.float32)
    for number, steps in enumerate(steps_of(rolls)):
        for note in notes(steps):
            tone = _plucked(note.pitch, note.length * _EIGHTH)
            begin = (number * (len(steps) + BAR) + note.start) * eighth
            wave[begin : begin + len(tone)] += tone
    return 0.6 * wave / max(float(np.abs(wave).max()), 1e-6), _RATE


def _plucked(pitch: int, seconds: float) -> Float[ndarray, "samples"]:
    """A tone that sounds at once and dies away; it ends softly when its note does."""
    time = np.arange(round(_RATE * (seconds + 0.05))) / _RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    tone = sum(a * np.sin(2 * np.pi * frequency * (k + 1) * time) for k, a in enumerate(_OVERTONES))
    fading = np.exp(-2.5 * time) * np.clip(time / 0.005, 0, 1) * np.clip((time[-1] - time) / 0.05, 0, 1)
    return (tone * fading).astype(np.float32)


def plot(rolls: Float[ndarray, "N T F"], origin: Sequence[str] = ()) -> UInt8[ndarray, "H W 3"]:
    """The first 16 melodies as piano rolls: time to the right, pitch upward, a line at each bar."""
    side = _ROWS * (_CELL + _GAP) + _GAP
    picture = np.full((side + 3 * _GAP, side, 3), _PAPER, np.uint8)
    for number, steps in enumerate(steps_of(rolls[: _ROWS**2])):
        row, column = divmod(number, _ROWS)
        top, left = (_GAP + place * (_CELL + _GAP) for place in (row, column))
        wide, high = _CELL / len(steps), _CELL / PITCHES
        for bar in range(0, len(steps) + 1, BAR):
            picture[top : top + _CELL, min(left + round(bar * wide), side - 1)] = _LINE
        for note in notes(steps):
            bottom = top + _CELL - round((note.pitch - LOWEST) * high)
            begin, end = left + round(note.start * wide), left + round((note.start + note.length) * wide) - 1
            picture[bottom - max(round(high), 3) : bottom, begin : max(end, begin + 1)] = _INK
    return picture

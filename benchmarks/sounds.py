"""What ``fenshen restore`` adds to plain methods on sound, and the vocoder beside Griffin-Lim; and how fast both are.

Sentences of the voice that no training heard, in both languages, are damaged as said, written to files, measured and
restored as the command does it. Distances are multi-resolution STFT distances (less is better), STOI is that of Taal
and others 2011 (more is better); means over sentences. The goal is the better one of two: the plain method, and doing
nothing. With ``--recordings`` the same on real recordings. Speeds are seconds of sound a second.
"""

from __future__ import annotations

import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from pystoi import stoi
from reporting import Figure, parser, progress, report

from fenshen import audio
from fenshen.adversarial.spectral import stft_distance
from fenshen.data.sound_damage import coloured, narrowed, runs, with_noise
from fenshen.data.sounds import Speech
from fenshen.model import Model
from fenshen.sounds.recording import RATE, Measured, measure
from fenshen.sounds.restorer import SoundRestorer, open_restorer
from fenshen.sounds.tasks import TASKS
from fenshen.spectra import HOP, bands, istft, log_mel, stft

Sound = Float[ndarray, "S"]

_GOAL_SPEED = 13.0  # of real time; HiFi-GAN reports 13.4 on a CPU (Kong et al. 2020, abstract)
_LONGEST = 8 * RATE
_ROUNDS = 60  # of Griffin-Lim


def gaps(sound: Sound, numbers: np.random.Generator) -> Sound:
    """Three gaps a second of 10 to 40 ms."""
    damaged = sound.copy()
    for _ in range(3 * len(sound) // RATE):
        length, start = (
            int(RATE * numbers.uniform(0.01, 0.04)),
            int(numbers.integers(0, len(sound) - RATE // 20)),
        )
        damaged[start : start + length] = 0
    return damaged


def denoise(sound: Sound, numbers: np.random.Generator) -> Sound:
    """Pink noise 8 dB below the sound."""
    return with_noise(sound, coloured(len(sound), 1.0, numbers), 8.0)


def declip(sound: Sound, numbers: np.random.Generator) -> Sound:
    """Cut off at a fifth of the peak."""
    limit = 0.2 * float(np.abs(sound).max())
    return np.clip(sound, -limit, limit)


def bandwidth(sound: Sound, numbers: np.random.Generator) -> Sound:
    """Nothing above 3.8 kHz, as of a recording at 8 kHz."""
    return narrowed(sound, 3800.0)


DAMAGE = {f.__name__: f for f in (gaps, denoise, declip, bandwidth)}


def written(folder: Path, sound: Sound) -> tuple[Path, Sound]:
    """A sound in a file of 16 bits, and as it is read from it."""
    path = folder / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path, audio.read(path)


def far(made: Sound, true: Sound) -> float:
    """Multi-resolution STFT distance."""
    return float(stft_distance(torch.from_numpy(made)[None], torch.from_numpy(true)[None]))


def understood(made: Sound, true: Sound) -> float:
    """STOI."""
    return float(stoi(true, made, RATE))


def restored(name: str, restorer: SoundRestorer, sounds: Sequence[Sound], whose: str) -> list[Figure]:
    """One task on all sounds."""
    rows = []
    for number, true in enumerate(sounds):
        damaged = DAMAGE[name](true, np.random.default_rng((number, 1)))
        with tempfile.TemporaryDirectory() as folder:
            path, given = written(Path(folder), damaged)
            found = measure(path)
            spans = [(a / RATE, b / RATE) for a, b in runs(damaged != true)] if name == "gaps" else []
            plain = plainly(name, given, found, spans)
            made = np.concatenate(list(restorer.restore(path, name, found, spans)))[:, 0]
        rows.append([(far(x, true), understood(x, true)) for x in (given, plain, made)])
    means = np.mean(rows, axis=0)
    figures = []
    for place, what, better in ((0, "stft", "lower"), (1, "stoi", "higher")):
        nothing, plain, made = (round(float(row[place]), 3) for row in means)
        goal = min(nothing, plain) if better == "lower" else max(nothing, plain)
        figures.append(Figure(f"{name}{whose}_{what}", made, goal, better=better))
        figures.append(Figure(f"{name}{whose}_{what}_plain", plain, better=better))
        figures.append(Figure(f"{name}{whose}_{what}_damaged", nothing, better=better))
    progress(f"{name}{whose}: distance, STOI of damaged, plain, restored: {means.round(3).tolist()}")
    return figures


def plainly(name: str, sound: Sound, found: Measured, spans: list[tuple[float, float]]) -> Sound:
    """What can be done without a network."""
    begun = TASKS[name].begin(sound, found, spans)
    return sound if begun is None else begun.plain


def griffin_lim(mel: Float[torch.Tensor, "B 80 T"]) -> Float[torch.Tensor, "B S"]:
    """Magnitudes by the pseudo-inverse of the bands, phases by turns between both domains (Griffin, Lim 1984)."""
    magnitudes = (torch.linalg.pinv(bands(mel.device)) @ mel.exp()).clamp(min=1e-5)
    phase = torch.rand(magnitudes.shape, generator=torch.Generator().manual_seed(0)) * 2 * np.pi
    spectra = torch.polar(magnitudes, phase)
    for _ in range(_ROUNDS):
        spectra = torch.polar(magnitudes, stft(istft(spectra)).angle())
    return istft(spectra)


def vocoded(model: Model, sounds: Sequence[Sound], whose: str) -> list[Figure]:
    """Mel spectra back to sound, by the network and by Griffin-Lim."""
    rows = []
    for true in sounds:
        mel = log_mel(torch.from_numpy(true)[None])
        made, plain = model.translate(mel.numpy())[0, 0], griffin_lim(mel)[0].numpy()
        rows.append([(far(x, true), understood(x, true)) for x in (plain, made)])
    (far_plain, known_plain), (far_made, known_made) = np.mean(rows, axis=0).round(3).tolist()
    return [
        Figure(f"vocoder{whose}_stft", far_made, far_plain, better="lower"),
        Figure(f"vocoder{whose}_stft_griffin_lim", far_plain, better="lower"),
        Figure(f"vocoder{whose}_stoi", known_made, known_plain, better="higher"),
        Figure(f"vocoder{whose}_stoi_griffin_lim", known_plain, better="higher"),
    ]


def speed(model: Model, sources: ndarray, seconds: float) -> float:
    """Seconds of sound a second; the quickest of five."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        model.translate(sources)
        times.append(time.perf_counter() - started)
    return round(seconds / min(times), 1)


def main() -> None:
    """Damage, restore, vocode, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--recordings", type=Path, help="folder of recordings or films of people who talk")
    options.add_argument(
        "--restorer", help="a run of restore-sound; without one only plain methods are measured"
    )
    options.add_argument("--task", action="append", choices=tuple(DAMAGE), help="all by default")
    options.add_argument("--vocoder", help="a run of vocoder, to be measured beside Griffin-Lim")
    options.add_argument(
        "--sentences", type=int, default=88, help="of speech:N, whose held-out voice is taken"
    )
    chosen = options.parse_args()
    restorer = open_restorer(chosen.restorer, "cpu")
    vocoder = Model.load(chosen.vocoder) if chosen.vocoder else None
    speech = Speech(str(chosen.sentences))
    numbers = [n for n in range(speech.count) if speech.held_out(n)][: 4 if chosen.quick else None]
    sets = {"": [speech.recording(n) for n in numbers]}
    if chosen.recordings:
        files = [file for file in sorted(chosen.recordings.iterdir()) if file.is_file()]
        sets["_real"] = [audio.normalised(audio.read(file)[:_LONGEST], RATE) for file in files]
    figures: list[Figure] = []
    for whose, sounds in sets.items():
        whole = [sound[: len(sound) // HOP * HOP] for sound in sounds]
        figures += vocoded(vocoder, whole, whose) if vocoder else []
        for name in chosen.task or DAMAGE:
            figures += restored(name, restorer, whole, whose)
    seconds = 400 * HOP / RATE
    for name, model in (("vocoder", vocoder), ("restorer", restorer.model)):
        if model is None:
            continue
        channels = model.card.network.sources
        given = np.zeros((1, channels, 400 * (1 if name == "vocoder" else HOP)), np.float32)
        figures.append(
            Figure(f"{name}_speed", speed(model, given, seconds), _GOAL_SPEED, unit="x", better="higher")
        )
    report("sounds", figures)


if __name__ == "__main__":
    main()

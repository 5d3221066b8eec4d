"""A mouth that follows a recording: the learnt one beside the rules that it replaced.

Sentences that were not among the training ones are spoken by voices that were held out, in both languages; their
phonemes say how the mouth should move. Counted are the mean correlation of the mouth's controls with that truth; the
lips that close for m, b and p; and, for honesty, those that close where other consonants are said. With
``--recordings FOLDER`` also films of real speakers: how their own jaw, measured, goes with the track's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import lips_by_rule
import numpy as np
from jaxtyping import Float
from numpy import ndarray
from reporting import Figure, parser, progress, report
from threadpoolctl import threadpool_limits

from fenshen import audio
from fenshen.controls import INDEX
from fenshen.data.sentences import compose
from fenshen.motion import lips, speech
from fenshen.motion.idle import idle
from fenshen.motion.speech import Language, Phoneme
from fenshen.motion.track import Track
from fenshen.motion.visemes import mouths, of_mouth

_RATE = 25.0
_VOICES = ("am_michael", "zf_xiaoxiao")  # held out by talking:N
_SENTENCES = 16  # a language
_FIRST = 100_000  # beyond the numbers of the training sentences
_JAW, _PRESS = INDEX["jawOpen"], INDEX["mouthPressLeft"]
_CLOSED, _SHUT = 0.35, 0.06  # of the two, as for phonemes that are known
_CLOSING, _OPEN = frozenset("pbm"), frozenset("tdnkg")
_GOALS = {"closures": 0.9, "speed": 20.0}
Follow = Callable[[Float[ndarray, "samples"]], Float[ndarray, "T 58"]]


class Sentence(NamedTuple):
    """What was said, and how the mouth should move."""

    samples: Float[ndarray, "samples"]
    phonemes: Sequence[Phoneme]
    truth: Float[ndarray, "T 58"]


def by_rule(samples: Float[ndarray, "samples"]) -> Float[ndarray, "T 58"]:
    """The mouth as rules move it, without the idle movement."""
    return _mouth(lips_by_rule.from_audio(samples, audio.RATE, rate=_RATE))


def learnt(samples: Float[ndarray, "samples"]) -> Float[ndarray, "T 58"]:
    """The mouth as the network moves it, without the idle movement."""
    return _mouth(lips.from_audio(samples, audio.RATE, rate=_RATE))


def _mouth(track: Track) -> Float[ndarray, "T 58"]:
    return track.controls - idle(track.seconds, _RATE, 0).controls


def spoken(language: Language, count: int) -> list[Sentence]:
    """Sentences by the voices that were held out, in turn."""
    engine, sentences = speech.engine("kokoro"), []
    for number in range(count):
        numbers = np.random.default_rng(_FIRST + number)
        said = engine.synthesize(compose(language, numbers), language, _VOICES[number % len(_VOICES)])
        samples = audio.normalised(said.samples, audio.RATE)
        frames = round(len(samples) / audio.RATE * _RATE)
        loud = audio.loudness(samples, audio.RATE, _RATE, frames)
        truth = mouths(said.phonemes, frames / _RATE, _RATE, loudness=loud)
        sentences.append(Sentence(samples, said.phonemes, truth))
    return sentences


def agreement(made: Sequence[ndarray], sentences: Sequence[Sentence]) -> float:
    """The mean over the mouth's controls of the correlation with the truth, over all frames."""
    pairs = [(a[: len(s.truth)], s.truth[: len(a)]) for a, s in zip(made, sentences, strict=True)]
    ours, true = (np.concatenate(part)[:, of_mouth()].T for part in zip(*pairs, strict=True))
    both = [(a, b) for a, b in zip(ours, true, strict=True) if b.std() > 1e-6]
    return float(np.mean([np.corrcoef(a, b)[0, 1] if a.std() > 1e-6 else 0.0 for a, b in both]))


def closed(made: Sequence[ndarray], sentences: Sequence[Sentence], which: frozenset[str]) -> float:
    """The share of some consonants at which the lips are closed."""
    found = []
    for controls, said in zip(made, sentences, strict=True):
        shut = (controls[:, _PRESS] > _CLOSED) & (controls[:, _JAW] < _SHUT)
        times = (np.arange(len(controls)) + 0.5) / _RATE
        for phoneme in said.phonemes:
            if phoneme.symbol[:1] in which:
                half = max((phoneme.end - phoneme.start) / 2, 0.5 / _RATE) + 1e-6
                found.append(shut[np.abs(times - (phoneme.start + phoneme.end) / 2) <= half].any())
    return float(np.mean(found))


def recordings(folder: Path, ways: dict[str, Follow]) -> list[Figure]:
    """How the jaw of real speakers, measured in each film, goes with each way's; the best of small delays."""
    from fenshen.motion.drive import from_video

    found: dict[str, list[float]] = {name: [] for name in ways}
    for film in sorted(folder.iterdir()):
        samples, jaw = audio.read(film), from_video(film).resampled(_RATE).controls[:, _JAW]
        for name, follow in ways.items():
            made = follow(audio.normalised(samples, audio.RATE))[:, _JAW]
            count = min(len(jaw), len(made)) - 4
            each = [np.corrcoef(jaw[2 : 2 + count], made[i : i + count])[0, 1] for i in range(5)]
            found[name].append(float(max(each)))
    return [
        Figure(f"films_jaw_{name}", round(float(np.mean(each)), 3), better="higher")
        for name, each in found.items()
    ]


def speed(sentences: Sequence[Sentence]) -> float:
    """How many seconds of sound the network follows in a second of one core."""
    samples = np.concatenate([said.samples for said in sentences])
    with threadpool_limits(1):
        learnt(samples[: audio.RATE])
        started = time.process_time()
        learnt(samples)
        return len(samples) / audio.RATE / (time.process_time() - started)


def main() -> None:
    """Speak, follow, count, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--recordings", type=Path, help="a folder of films of people who speak")
    chosen = options.parse_args()
    ways: dict[str, Follow] = {"rules": by_rule, "learnt": learnt}
    figures, everything = [], []
    for language in speech.LANGUAGES:
        sentences = spoken(language, _SENTENCES // (4 if chosen.quick else 1))
        everything += sentences
        rules = 0.0
        for name, follow in ways.items():
            made = [follow(said.samples) for said in sentences]
            counted = {
                "correlation": agreement(made, sentences),
                "closures": closed(made, sentences, _CLOSING),
                "false_closures": closed(made, sentences, _OPEN),
            }
            progress(f"{language} {name}: {counted}")
            goals = {**_GOALS, "correlation": round(rules, 3)} if name == "learnt" else {}
            rules = counted["correlation"]
            for key, value in counted.items():
                better = "lower" if key.startswith("false") else "higher"
                figures.append(
                    Figure(f"{language}_{name}_{key}", round(value, 3), goals.get(key), better=better)
                )
    figures.append(
        Figure("speed", round(speed(everything), 1), _GOALS["speed"], unit="x real time", better="higher")
    )
    if chosen.recordings:
        figures += recordings(chosen.recordings, ways)
    report("lips", figures)


if __name__ == "__main__":
    main()

"""How fast a double is at full size: frames a second at 256 and 512 pixels, and from text to a film with sound.

A double of a drawn portrait is made for the purpose; how well it learnt is of no consequence here. Frames are drawn as
for a film, without sound and encoding. Then it speaks at 512 pixels: the first film warms up; of the next ones, text to
speech, drawing, marks, encoding and signing are timed together. Then it speaks into a pipe: timed is how long after the
voice of the first sentence is there the first frame leaves.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fenshen import machine

machine.start()  # before torch is loaded, as the command does

import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import OutputOptions, player, portraits, video
from fenshen.doubles.compositor import KeyframePlayer
from fenshen.doubles.output import LIVE_FILM, STANDARD, Output, Scene
from fenshen.doubles.store import Double
from fenshen.humans import sample
from fenshen.humans.render import render
from fenshen.motion.talk import talk, talk_stream

TEXTS = {
    "zh": "大家好，我是一个数字分身。今天天气很好，我们一起去公园走走吧。",
    "en": "Hello, I am a digital double. The weather is fine today, so let us take a walk in the park.",
}
ENGINES = ("kokoro", "espeak")
PERSON = 3_000_101
FRAMES, ROUNDS = 120, 3
# Frames a second at a size, with bf16 units or without.
FAST = {(256, True): 60.0, (512, True): 30.0, (256, False): None, (512, False): None}


class Pipe(io.RawIOBase):
    """Standard output that notes when the first frame went through it."""

    def __init__(self) -> None:
        self.first_frame = 0.0

    @property
    def buffer(self) -> Pipe:
        return self

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        # What comes before is the header; a fragment that holds frames begins with its index.
        if not self.first_frame and b"moof" in bytes(data)[:64]:
            self.first_frame = time.perf_counter()
        return len(data)


def first_frame_after(double: Path) -> float:
    """Seconds from the first sentence's sound to the first frame that somebody could see."""
    heard: list[float] = []

    def scenes() -> Iterator[Scene]:
        for said, track in talk_stream(TEXTS["zh"]):
            heard.append(time.perf_counter())
            yield track, (said.samples, said.sample_rate)

    pipe, kept = Pipe(), sys.stdout
    sys.stdout = pipe  # type: ignore[assignment]
    try:
        Output(Double.open(double), STANDARD, LIVE_FILM, OutputOptions()).film(scenes())
    finally:
        sys.stdout = kept
    return pipe.first_frame - heard[0]


def made(folder: Path) -> Path:
    """A double at 512 pixels."""
    photo, out = folder / "someone.png", folder / "someone.double"
    portraits.write(photo, render(sample(PERSON), size=768).picture)
    fenshen.double([photo], name="someone", consent="self", out=out, minutes=0.1, size=512, progress=False)
    return out


def frames_a_second(double: Double, side: int, *, half: bool) -> float:
    """Of the best of three films, as the double draws them while it speaks."""
    assert double.keyframes is not None
    moves = talk(TEXTS["en"])[1].controls[:FRAMES]
    with unittest.mock.patch.object(player, "has_bf16", lambda device: half and machine.has_bf16(device)):
        drawing = KeyframePlayer(double.model, double.latent, double.keyframes.resized(side))
    rates = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        count = sum(1 for _ in drawing.film(double.neutral + moves))
        rates.append(count / (time.perf_counter() - started))
    return max(rates[1:])


def main() -> None:
    """Draw, speak, time, and print one JSON object."""
    rounds = 1 if parser(__doc__).parse_args().quick else ROUNDS
    rates: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, film = made(folder), folder / "film.mp4"
        double = Double.open(path)
        for (side, half), goal in FAST.items():
            kind = "" if half else "_float32"
            rate = round(frames_a_second(double, side, half=half), 1)
            figures.append(Figure(f"player_{side}{kind}", rate, goal, unit="frames/s", better="higher"))
        waits = []
        for turn in range(rounds + 1):
            for engine in ENGINES:
                for lang, text in TEXTS.items():
                    started = time.perf_counter()
                    fenshen.say(path, text, out=film, lang=lang, engine=engine, force=True)
                    took = time.perf_counter() - started
                    if turn:
                        rates[engine].append(video.probe(film).duration / took)
            waits.append(first_frame_after(path))
            progress(f"round {turn} of {rounds}")
    figures += [
        Figure(
            f"faster_than_time_{engine}", round(float(np.median(values)), 2), 1.5, unit="x", better="higher"
        )
        for engine, values in rates.items()
    ]
    wait = round(float(np.median(waits)), 3)
    report("talking_speed", [*figures, Figure("first_frame_after", wait, 0.5, unit="s", better="lower")])


if __name__ == "__main__":
    main()

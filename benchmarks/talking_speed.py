"""How much faster than time itself a double speaks: from text to a film with sound, at 128 pixels.

A double is made for the purpose from frames of the base model (how well it was tuned is of no consequence here). The
first film warms up; of the next ones, text to speech, drawing, marks, encoding and signing are timed together.
Then it speaks into a pipe: timed is how long after the voice of the first sentence is there the first frame leaves.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fenshen import machine

machine.start()  # before torch is loaded, as the command does

import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import OutputOptions, assets, controls, video
from fenshen.doubles import store
from fenshen.doubles.output import LIVE_FILM, STANDARD, Output, Scene
from fenshen.doubles.store import Double, DoubleCard
from fenshen.humans import sample
from fenshen.motion.talk import talk_stream
from fenshen.provenance.consent import self_consent

TEXTS = {
    "zh": "大家好，我是一个数字分身。今天天气很好，我们一起去公园走走吧。",
    "en": "Hello, I am a digital double. The weather is fine today, so let us take a walk in the park.",
}
ENGINES = ("kokoro", "espeak")


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


def main() -> None:
    """Speak, time, and print one JSON object."""
    rounds = 1 if parser(__doc__).parse_args().quick else 3
    rates: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as name:
        double, film = Path(name) / "someone.double", Path(name) / "film.mp4"
        card = DoubleCard(
            name="someone",
            look="human",
            frames=1,
            seconds=0,
            neutral=controls.NEUTRAL.tolist(),
            seen={},
            fenshen=fenshen.__version__,
        )
        base = assets.path("humans-128/model.safetensors").parent
        store.save(double, card, base, sample(0), self_consent("someone"))
        waits = []
        for turn in range(rounds + 1):
            for engine in ENGINES:
                for lang, text in TEXTS.items():
                    started = time.perf_counter()
                    fenshen.say(
                        double,
                        text,
                        out=film,
                        lang=lang,
                        engine=engine,
                        force=True,
                        output=OutputOptions(scale=1),
                    )
                    took = time.perf_counter() - started
                    if turn:
                        rates[engine].append(video.probe(film).duration / took)
            waits.append(first_frame_after(double))
            progress(f"round {turn} of {rounds}")
    report(
        "talking_speed",
        [
            Figure(
                f"faster_than_time_{engine}",
                round(float(np.median(values)), 2),
                2 if engine == "kokoro" else None,
                unit="x",
                better="higher",
            )
            for engine, values in rates.items()
        ]
        + [Figure("first_frame_after", round(float(np.median(waits)), 3), 0.5, unit="s", better="lower")],
    )


if __name__ == "__main__":
    main()

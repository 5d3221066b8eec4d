"""How much faster than time itself a double speaks: from text to a film with sound, at 128 pixels.

A double is made for the purpose from frames of the base model (how well it was tuned is of no consequence here). The
first film warms up; of the next ones, text to speech, drawing, marks, encoding and signing are timed together.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import assets, controls, video
from fenshen.doubles import store
from fenshen.doubles.store import DoubleCard
from fenshen.humans import sample
from fenshen.provenance.consent import self_consent

TEXTS = {
    "zh": "大家好，我是一个数字分身。今天天气很好，我们一起去公园走走吧。",
    "en": "Hello, I am a digital double. The weather is fine today, so let us take a walk in the park.",
}
ENGINES = ("kokoro", "espeak")


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
        for turn in range(rounds + 1):
            for engine in ENGINES:
                for lang, text in TEXTS.items():
                    started = time.perf_counter()
                    fenshen.say(double, text, out=film, lang=lang, engine=engine, scale=1, force=True)
                    took = time.perf_counter() - started
                    if turn:
                        rates[engine].append(video.probe(film).duration / took)
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
        ],
    )


if __name__ == "__main__":
    main()

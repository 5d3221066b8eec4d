"""A double from a minute of film of somebody whom no model has seen, and how well it draws the seconds held out.

The film is drawn: a human with a fixed camera, speaking, glancing, turning, so that the truth is known. It is given to
``fenshen double`` as any other film. Compared with the frames that were held out (the last tenth) are the pictures,
whole and around eyes and mouth; and what MediaPipe reads on generated frames is compared with what was asked.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from label_agreement import WHOLE, signals
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen import controls, landmarks, video
from fenshen.dataset import Dataset
from fenshen.doubles.double import workplace
from fenshen.faces.detect import FaceFinder
from fenshen.faces.measure import measure
from fenshen.faces.regions import eyes_and_mouth
from fenshen.humans import sample
from fenshen.humans.camera import Camera
from fenshen.humans.render import render
from fenshen.humans.sampler import sample_controls
from fenshen.metrics.meters import psnr

SIZE, RATE = 256, 25.0
PERSON = 6_000_000  # a seed that no model has seen
KEY = 0.4  # seconds from one movement to the next
AGREEMENT = {"yaw": 0.97, "eyeBlink": 0.9, "jawOpen": 0.85}


def movement(seconds: float) -> Float[ndarray, "T 58"]:
    """From one sampled expression to the next, the head's turns halved and slow, blinks in between."""
    count = round(seconds * RATE)
    keys = np.stack([sample_controls(PERSON, i) for i in range(int(seconds / KEY) + 2)])
    pose = slice(len(controls.BLENDSHAPES), None)
    slow = np.stack([np.convolve(column, np.ones(5) / 5, mode="same") for column in keys[:, pose].T], axis=1)
    keys[:, pose] = 1.4 * slow  # a mean of five moves less than each of them
    places = np.arange(count) / RATE / KEY
    before, way = places.astype(int), (1 - np.cos(np.pi * (places % 1))) / 2
    return controls.clip(keys[before] * (1 - way[:, None]) + keys[before + 1] * way[:, None])


def film(moves: Float[ndarray, "T 58"]) -> Iterator[UInt8[ndarray, "S S 3"]]:
    human = sample(PERSON)
    for i, move in enumerate(moves):
        if i % 250 == 0:
            progress(f"drawing frame {i} of {len(moves)}")
        yield render(human, move, Camera(), SIZE).picture


def around(
    pictures: UInt8[ndarray, "N S S 3"], true: UInt8[ndarray, "N S S 3"], spots: Float[ndarray, "N 3 3"]
) -> float:
    """PSNR in dB of eyes and mouth: of squares around them, as wide as twice their radius."""
    size, errors = pictures.shape[1], []
    for picture, wanted, places in zip(pictures, true, spots, strict=True):
        for x, y, radius in places * size:
            rows, columns = (slice(max(int(v - radius), 0), int(v + radius) + 1) for v in (y, x))
            errors.append(np.square(picture[rows, columns].astype(float) - wanted[rows, columns]).mean())
    return float(10 * np.log10(255**2 / np.mean(errors)))


def main() -> None:
    """Film, make the double, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, help="of training; 8, or 2 with --quick")
    options.add_argument(
        "--out", type=Path, help="folder for a sheet: held-out frames and the double's, in turn"
    )
    chosen = options.parse_args()
    seconds = 20.0 if chosen.quick else 60.0
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "film.mp4", Path(name) / "someone.double"
        video.write(source, film(movement(seconds)), RATE)
        started = time.perf_counter()
        minutes = chosen.minutes or (2.0 if chosen.quick else 8.0)
        double = fenshen.double(
            [source], name="someone", consent="self", out=target, minutes=minutes, keep=True
        )
        took = (time.perf_counter() - started) / 60
        data = Dataset(workplace(target) / "footage")
        rows = data.indices("held_out")
        true, asked = np.array(data.pixels[rows]), data.controls[rows]
        flat = data.records["landmarks"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        spots = eyes_and_mouth(flat.reshape(-1, landmarks.COUNT, 3)[rows])
        drawn = double.model.draw(torch.from_numpy(double.latent).expand(len(rows), -1), controls=asked)
    figures = [
        Figure("minutes", round(took, 2), 10, unit="minutes", better="lower"),
        Figure("psnr", round(psnr(drawn, true), 2), 30, unit="dB", better="higher"),
        Figure("psnr_eyes_and_mouth", round(around(drawn, true, spots), 2), 26, unit="dB", better="higher"),
        *agreement(drawn, asked),
        Figure("frames", double.card.frames),
    ]
    if chosen.out:
        from fenshen import portraits

        chosen.out.mkdir(parents=True, exist_ok=True)
        some = np.linspace(0, len(rows) - 1, 16).astype(int)
        both = np.stack([p for i in some for p in (true[i], drawn[i])])
        portraits.write(chosen.out / "held-out.png", portraits.sheet(both, 8))
    report("double_from_video", figures)


def agreement(drawn: UInt8[ndarray, "N S S 3"], asked: Float[ndarray, "N 58"]) -> list[Figure]:
    """What is read on generated frames against what they were asked to show."""
    finder, wanted, read = FaceFinder(), [], []
    for picture, move in zip(drawn, asked, strict=True):
        faces = finder.find(picture)
        if faces:
            wanted.append(move)
            read.append(measure(faces[0], WHOLE, drawn.shape[1]))
    everything = np.ones(len(read), dtype=bool)
    truth, seen = signals(np.stack(wanted), everything), signals(np.stack(read), everything)
    return [
        Figure(
            f"correlation_{name}",
            round(float(np.corrcoef(truth[name], seen[name])[0, 1]), 3),
            goal,
            better="higher",
        )
        for name, goal in AGREEMENT.items()
    ]


if __name__ == "__main__":
    main()

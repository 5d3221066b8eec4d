"""How well the base model ``humans`` draws people it has not seen, against the renderer that taught it.

2,000 humans that no model was trained on, each with a movement and a camera of its own, are drawn twice: by the
renderer and by the model, which is told the same. Compared are the pictures (PSNR, SSIM, and which part of the
squared error lies in hair, whose strands no label names), MediaPipe's reading of the generated frames, MobileNet-KID
to renders of other humans, beside what ``seed-dcgan`` reaches on the same kind of pictures in ``--minutes``, and
whether a face keeps its identity across 20 movements.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from games import draw as draw_game
from games import new_game
from jaxtyping import Float, UInt8
from label_agreement import signals
from numpy import ndarray
from quality_at_budget import play
from reporting import Figure, parser, progress, report
from skimage.metrics import structural_similarity

import fenshen
from fenshen import portraits
from fenshen.dataset import Dataset
from fenshen.faces import identity
from fenshen.faces.detect import FaceFinder
from fenshen.faces.measure import measure
from fenshen.humans.encoding import encode
from fenshen.humans.render import Frame, Kind, render
from fenshen.humans.sampler import sample, sample_camera, sample_controls
from fenshen.metrics.distances import kernel_distance_once
from fenshen.metrics.features import Features
from fenshen.model import Model

SIZE = 128
FIRST = 2_000_000  # seed of the first human: far from those that anything is trained on
WHOLE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # the picture is the portrait
AGREEMENT = {"yaw": 0.97, "eyeBlink": 0.9, "jawOpen": 0.85, "mouthSmile": 0.8}
PEOPLE, MOVEMENTS = 50, 20  # of the identity figure
DCGAN_PICTURES = 5000
Pictures = UInt8[ndarray, "N H W 3"]


def pairs(model: Model, seeds: range) -> tuple[list[Frame], Pictures]:
    """The renderer's frames and the model's pictures of the same humans."""
    frames = [render(sample(s), sample_controls(s), sample_camera(s), SIZE) for s in seeds]
    codes = torch.from_numpy(np.stack([encode(sample(s), sample_camera(s)) for s in seeds]))
    return frames, model.draw(codes, controls=np.stack([frame.controls for frame in frames]))


def likeness(frames: list[Frame], drawn: Pictures) -> list[Figure]:
    """PSNR, SSIM, and the share of the squared error that lies in hair."""
    psnr, ssim, hair, area, total = [], [], 0.0, 0, 0.0
    for frame, picture in zip(frames, drawn, strict=True):
        error = np.square(frame.picture.astype(np.float64) - picture).mean(2)
        strands = np.isin(frame.kinds, (Kind.HAIR, Kind.BROWS, Kind.LASHES))
        psnr.append(10 * np.log10(255**2 / error.mean()))
        ssim.append(structural_similarity(frame.picture, picture, channel_axis=2, data_range=255))
        hair, area, total = hair + error[strands].sum(), area + int(strands.sum()), total + error.sum()
    return [
        Figure("psnr", round(float(np.mean(psnr)), 2), 25, unit="dB", better="higher"),
        Figure("ssim", round(float(np.mean(ssim)), 4), 0.82, better="higher"),
        Figure("error_in_hair", round(hair / total, 3), unit="of the squared error"),
        Figure("area_of_hair", round(area / (len(frames) * SIZE**2), 3), unit="of the pictures"),
    ]


def agreement(frames: list[Frame], drawn: Pictures) -> list[Figure]:
    """MediaPipe's reading of the generated pictures against what was asked for."""
    finder, asked, read = FaceFinder(), [], []
    for frame, picture in zip(frames, drawn, strict=True):
        faces = finder.find(picture)
        if faces:
            asked.append(frame.controls)
            read.append(measure(faces[0], WHOLE, SIZE))
    everything = np.ones(len(asked), dtype=bool)
    truth, seen = signals(np.stack(asked), everything), signals(np.stack(read), everything)
    figures = [Figure("faces_found", round(len(asked) / len(frames), 4), 0.99, better="higher")]
    for name, goal in AGREEMENT.items():
        value = float(np.corrcoef(truth[name], seen[name])[0, 1])
        figures.append(Figure(f"correlation_{name}", round(value, 3), goal, better="higher"))
    return figures


def identities(model: Model) -> Figure:
    """How often a frame of a person is nearer to the mean of that person's other frames than to another's mean."""
    finder, chips, owners = FaceFinder(), [], []
    for person in range(PEOPLE):
        seed = FIRST + person
        code = torch.from_numpy(encode(sample(seed))).expand(MOVEMENTS, -1)
        moves = np.stack([sample_controls(seed, frame) for frame in range(MOVEMENTS)])
        for picture in model.draw(code, controls=moves):
            faces = finder.find(picture)
            if faces:
                chips.append(identity.chip(picture, faces[0].landmarks))
                owners.append(person)
    nearer = compare(identity.embed_chips(np.stack(chips)), np.array(owners))
    return Figure("identity_kept", round(nearer, 4), 0.95, unit="of other people", better="higher")


def compare(vectors: Float[ndarray, "N D"], owners: ndarray) -> float:
    """Share of (frame, other person) in which the frame is nearer to its own person."""
    people = np.unique(owners)
    sums = np.stack([vectors[owners == p].sum(0) for p in people])
    counts = np.array([(owners == p).sum() for p in people])
    won = []
    for vector, owner in zip(vectors, owners, strict=True):
        i = int(np.flatnonzero(people == owner)[0])
        if counts[i] < 2:
            continue
        means = sums / counts[:, None]
        means[i] = (sums[i] - vector) / (counts[i] - 1)
        distances = np.linalg.norm(means - vector, axis=1)
        won.append((np.delete(distances, i) > distances[i]).mean())
    return float(np.mean(won))


def against_dcgan(drawn: Pictures, minutes: float) -> list[Figure]:
    """KID of the model's pictures and of seed-dcgan's, both to renders of other humans."""
    with tempfile.TemporaryDirectory() as folder:
        progress(f"drawing {DCGAN_PICTURES} humans")
        fenshen.prepare(
            [f"humans:{DCGAN_PICTURES}"], Path(folder) / "data", size=SIZE, seed=7, progress=False
        )
        data = Dataset(Path(folder) / "data")
        pixels, real = np.array(data.pixels), np.array(data.pixels[data.indices("held_out")])
        train = data.indices("train")
    games = {"seed-dcgan": new_game("seed-dcgan", pixels, train, [f"size={SIZE}"])}
    play(games, 60 * minutes)
    features = Features()
    seen = features(real)
    ours = kernel_distance_once(seen, features(drawn))
    theirs = kernel_distance_once(seen, features(draw_game(games["seed-dcgan"], 1000)))
    return [
        Figure("kid_vs_seed_dcgan", round(ours / theirs, 4), 0.333, unit="x", better="lower"),
        Figure("kid", round(1000 * ours, 2), unit="/1000", better="lower"),
        Figure("kid_seed_dcgan", round(1000 * theirs, 2), unit="/1000", better="lower"),
        Figure("minutes_seed_dcgan", minutes, unit="minutes"),
    ]


def main() -> None:
    """Measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--model", default="humans", help="a model or run told who it draws")
    options.add_argument("--minutes", type=float, help="of training for seed-dcgan; 10, or none with --quick")
    options.add_argument("--out", type=Path, help="folder for a sheet: rendered and generated, in turn")
    chosen = options.parse_args()
    count = 200 if chosen.quick else 2000
    minutes = chosen.minutes if chosen.minutes is not None else (0.0 if chosen.quick else 10.0)
    model = Model.load(chosen.model)
    frames, drawn = pairs(model, range(FIRST, FIRST + count))
    progress(f"{count} humans drawn twice")
    figures = [*likeness(frames, drawn), *agreement(frames, drawn), identities(model)]
    if minutes:
        figures += against_dcgan(drawn, minutes)
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        both = [
            p for frame, picture in zip(frames[:32], drawn, strict=False) for p in (frame.picture, picture)
        ]
        portraits.write(chosen.out / "rendered-generated.png", portraits.sheet(np.stack(both), 8))
    report("base_model", figures)


if __name__ == "__main__":
    main()

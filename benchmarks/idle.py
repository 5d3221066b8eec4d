"""Idle movement by rules and by a model that learnt it: which can a classifier tell from real tracks.

``--films FOLDER`` takes your own films or tracks as real: people who sit still, a minute at least. Without, somebody
stands in whose movements are known to be no person's: the rules of idle movement with other habits (slower, with a head
that sways more). That shows whether a model learns the habits that it is shown; it says nothing about people.

A classifier learns to tell windows of 2.6 s apart and is judged on clips that it has not seen (0.5: it must guess).
Beside it stand habits: blinks a minute, how far and how fast heads turn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.controls import BLENDSHAPES, COUNT
from fenshen.data.tracks import RATE, Tracks
from fenshen.metrics.motion import habits, told_apart
from fenshen.model import Model
from fenshen.motion.idle import idle
from fenshen.motion.learnt import learnt
from fenshen.motion.track import Track

_CLIPS, _SECONDS = 20, 30.0
_SLOWER, _WIDER = 0.7, 1.6


def standing_in(seed: int) -> Track:
    """The rules' movement with other habits."""
    track = idle(_SECONDS * _SLOWER, RATE / _SLOWER, seed)
    wider = np.where(np.arange(COUNT) < len(BLENDSHAPES), 1.0, _WIDER).astype(np.float32)
    return Track(track.controls * wider, RATE).clipped()


def figures_of(name: str, clips: Sequence[Track], real: Sequence[Track], steps: int) -> list[Figure]:
    """How well clips are told from real ones, and their habits."""
    found = told_apart(real, clips, steps=steps)
    known = habits(clips)
    progress(f"{name}: told apart {found:.3f}, {known}")
    return [
        Figure(f"{name}_told_apart", round(found, 3), unit="accuracy", better="lower"),
        *(Figure(f"{name}_{key}", round(value, 2)) for key, value in known._asdict().items()),
    ]


def main() -> None:
    """Train, judge, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--films", type=Path, help="a folder of films or tracks of real people at rest")
    options.add_argument("--steps", type=int, help="of training, instead of the recipe's")
    chosen = options.parse_args()
    judged = 40 if chosen.quick else 200
    with tempfile.TemporaryDirectory() as place:
        folder = chosen.films or Path(place) / "clips"
        if chosen.films is None:
            folder.mkdir()
            for number in range(_CLIPS):
                standing_in(1000 + number).save(folder / f"{number:02d}.track.parquet")
        steps = 50 if chosen.quick else chosen.steps
        words = [] if steps is None else [f"steps={steps}"]
        run = fenshen.train(f"tracks:{folder}", out=Path(place) / "run", settings=words, device="cpu")
        model = Model.load(run.path)
        real = Tracks(str(folder)).clips
        # What nobody trained on, where there is any: of a process there always is.
        unseen = real if chosen.films else [standing_in(2000 + number) for number in range(_CLIPS)]
    long = [clip.seconds for clip in unseen]
    makers: dict[str, Callable[[int, float], Track]] = {
        "rules": lambda seed, seconds: idle(seconds, RATE, seed),
        "learnt": lambda seed, seconds: learnt(model, seconds, seed),
    }
    made = {
        name: [make(3000 + i, seconds) for i, seconds in enumerate(long)] for name, make in makers.items()
    }
    if chosen.films is None:
        made["same_process"] = [standing_in(4000 + number) for number in range(_CLIPS)]
    rows = {name: figures_of(name, clips, unseen, judged) for name, clips in made.items()}
    rules, own = (float(rows[name][0].value) for name in ("rules", "learnt"))
    report(
        "idle",
        [
            Figure("learnt_minus_rules", round(own - rules, 3), 0.0, 0, "accuracy", "lower"),
            *(figure for row in rows.values() for figure in row),
            *(Figure(f"real_{key}", round(value, 2)) for key, value in habits(unseen)._asdict().items()),
        ],
    )


if __name__ == "__main__":
    main()

"""How well the measuring code reads the labels of drawn humans, on fresh frames.

Each frame is a person and a movement of its own, drawn at 256 pixels and measured as a photograph would be:
MediaPipe finds the face, :mod:`fenshen.faces.measure` reads the controls. What is correlated is what was
asked for and what was measured; left and right are taken together. Blinks, smiles and so on are compared
over all frames, whatever else the faces do.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from reporting import Figure, parser, progress, report

from fenshen import controls
from fenshen.faces.detect import FaceFinder
from fenshen.faces.measure import measure
from fenshen.humans import sample
from fenshen.humans.render import render
from fenshen.humans.sampler import sample_controls
from fenshen.landmarks import EYE_OUTER

SIZE = 256
FIRST = 1_000_000  # seed of the first human: far from those that anything is trained on
WHOLE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # the picture is the portrait
GOALS = {
    "yaw": 0.98, "pitch": 0.98, "roll": 0.98, "eyeBlink": 0.95, "jawOpen": 0.9, "mouthSmile": 0.85,
    "mouthPucker": 0.7, "browInnerUp": 0.7, "gaze_across": 0.7, "gaze_up": 0.7,
}  # fmt: skip


def signals(values: Float[ndarray, "N 58"], open_eyes: Bool[ndarray, "N"]) -> dict[str, Float[ndarray, "M"]]:
    """What is compared: single controls, both sides of a pair in a row, and where open eyes look."""

    def column(name: str) -> Float[ndarray, "N"]:
        return values[:, controls.INDEX[name]]

    found = {name: column(name) for name in GOALS if name in controls.INDEX}
    for name in ("eyeBlink", "mouthSmile"):
        found[name] = np.concatenate([column(f"{name}Left"), column(f"{name}Right")])
    look = {
        way: [column(f"eyeLook{way}{side}") for side in ("Left", "Right")]
        for way in ("Out", "In", "Up", "Down")
    }
    found["gaze_across"] = (look["Out"][0] - look["In"][0] + look["In"][1] - look["Out"][1])[open_eyes]
    found["gaze_up"] = (sum(look["Up"]) - sum(look["Down"]))[open_eyes]
    return found


def landmark_error(seen: Float[ndarray, "478 3"], true: Float[ndarray, "478 3"]) -> Float[ndarray, "478"]:
    """Distance in the picture, by the true distance between the outer corners of the eyes."""
    right, left = true[list(EYE_OUTER)]
    return np.linalg.norm(seen[:, :2] - true[:, :2], axis=1) / np.linalg.norm(left - right)


def main() -> None:
    """Measure, and print one JSON object."""
    count = 200 if parser(__doc__).parse_args().quick else 1000
    finder = FaceFinder()
    asked, measured, errors = [], [], []
    for i in range(count):
        frame = render(sample(FIRST + i), sample_controls(FIRST + i), size=SIZE)
        faces = finder.find(frame.picture)
        if faces:
            asked.append(frame.controls)
            measured.append(measure(faces[0], WHOLE, SIZE))
            errors.append(np.median(landmark_error((faces[0].landmarks + 0.5) / SIZE, frame.landmarks)))
        if (i + 1) % 100 == 0:
            progress(f"{i + 1} of {count} frames, {len(asked)} faces")
    asked_values = np.stack(asked)
    # A closed eye does not show where it looks.
    open_eyes = (asked_values[:, [controls.INDEX[f"eyeBlink{s}"] for s in ("Left", "Right")]] < 0.3).all(1)
    truth, seen = signals(asked_values, open_eyes), signals(np.stack(measured), open_eyes)
    figures = [
        Figure("faces_found", round(len(asked) / count, 4), 0.995, unit="of frames", better="higher"),
        Figure(
            "landmark_error", round(float(np.median(errors)), 4), 0.025, unit="eye distances", better="lower"
        ),
    ]
    for name, goal in GOALS.items():
        value = float(np.corrcoef(truth[name], seen[name])[0, 1])
        figures.append(Figure(f"correlation_{name}", round(value, 3), goal, better="higher"))
    smile = full_smiles(finder, 20 if count < 1000 else 100)
    figures.append(Figure("full_smile", round(smile, 3), 0.6, unit="of MediaPipe's 1", better="higher"))
    for name in (*controls.ROTATION, *controls.PLACEMENT):
        off = [
            m[controls.INDEX[name]] - a[controls.INDEX[name]] for m, a in zip(measured, asked, strict=True)
        ]
        figures.append(Figure(f"bias_{name}", round(float(np.median(off)), 3)))
    report("label_agreement", figures)


def full_smiles(finder: FaceFinder, count: int) -> float:
    """The median of what MediaPipe reads off full smiles."""
    smile = controls.vector(mouthSmileLeft=1, mouthSmileRight=1)
    scores = []
    for i in range(count):
        faces = finder.find(render(sample(FIRST + i), smile, size=SIZE).picture)
        both = [controls.INDEX[f"mouthSmile{side}"] for side in ("Left", "Right")]
        scores += [float(face.blendshapes[both].mean()) for face in faces[:1]]
    return float(np.median(scores))


if __name__ == "__main__":
    main()

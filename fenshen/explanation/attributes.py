"""What can be said of a picture in one number each: its light and colours, its face where it has one, who it shows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls

_FACES = 200  # pictures in which faces are measured: 10 ms each
_ENOUGH = 0.5  # share of these that must have one
_LARGE = 128  # px: smaller pictures are enlarged for the detector


def of_pictures(pictures: UInt8[ndarray, "N H W 3"]) -> dict[str, Float[ndarray, "N"]]:
    """Light and colours."""
    x = pictures.astype(np.float32) / 255
    light = x.mean(3)
    half, corner = x.shape[2] // 2, max(x.shape[1] // 6, 1)
    corners = np.concatenate([x[:, :corner, :corner], x[:, :corner, -corner:]], axis=2).mean((1, 2))
    inner = slice(x.shape[1] // 3, 2 * x.shape[1] // 3)
    return {
        "look.light": light.mean((1, 2)),
        "look.contrast": light.std((1, 2)),
        "look.warmth": (x[..., 0] - x[..., 2]).mean((1, 2)),
        "look.colourfulness": (x.max(3) - x.min(3)).mean((1, 2)),
        "look.light_from_the_left": light[:, :, :half].mean((1, 2)) - light[:, :, half:].mean((1, 2)),
        "look.background_light": corners.mean(1),
        "look.background_warmth": corners[:, 0] - corners[:, 2],
        "look.middle_light": light[:, inner, inner].mean((1, 2)),
        "look.middle_warmth": (x[..., 0] - x[..., 2])[:, inner, inner].mean((1, 2)),
    }


def of_faces(pictures: UInt8[ndarray, "N H W 3"]) -> dict[str, Float[ndarray, "N"]]:
    """The controls of the faces in some of the pictures; nothing where most have none that can be measured."""
    import cv2

    from fenshen.errors import FenshenError
    from fenshen.faces.align import alignment
    from fenshen.faces.detect import FaceFinder
    from fenshen.faces.measure import measure

    values = np.full((len(pictures), controls.COUNT), np.nan, np.float32)
    some = np.linspace(0, len(pictures) - 1, min(_FACES, len(pictures))).astype(int)
    try:
        with FaceFinder(max_faces=1) as finder:
            for row in some:
                large = pictures[row]
                if len(large) < _LARGE:
                    large = cv2.resize(large, (_LARGE, _LARGE), interpolation=cv2.INTER_CUBIC)
                faces = finder.find(large)
                if faces:
                    place = alignment(faces[0].landmarks, len(large))
                    values[row] = measure(faces[0], place, len(large))
    except FenshenError:  # no libraries for it: there is enough else to say
        return {}
    if np.isfinite(values[some, 0]).mean() < _ENOUGH:
        return {}
    return {f"face.{name}": values[:, index] for name, index in controls.INDEX.items()}


def of_codes(codes: Float[ndarray, "N K"]) -> dict[str, Float[ndarray, "N"]]:
    """Who it shows, of codes of humans."""
    from fenshen.humans.encoding import names

    return {f"human.{name}": codes[:, i] for i, name in enumerate(names())}

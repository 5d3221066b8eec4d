"""Casting: find the synthetic human that looks like the person of one or a few photographs.

``cast(photos)`` fits shape, pose and expression to the landmarks, colours to the pixels, chooses hair, beard,
glasses and brows by drawing them, and ends with what the identity network sees. Everything but the number of
photographs is a fixed amount of work: about 20 seconds of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen import portraits
from fenshen.doubles.casting import fit_colours, fit_likeness, fit_regions, fit_shape, fit_sitters, fit_style
from fenshen.doubles.casting.fit_colours import SIDE, View
from fenshen.doubles.casting.fit_sitters import Sitter
from fenshen.humans.camera import Camera
from fenshen.humans.human import Human, parse
from fenshen.messages import message

Progress = Callable[[str], None]  # told what is done next, in a few words
_ASIDE = 0.35  # radians of yaw beyond which one cheek is hardly seen
_ROUGH = 0.6  # identity distance above which the likeness is called rough
_GREY_CHROMA, _GREY_LIGHTNESS, _GREY_AGE = 8.0, 45.0, 62.0  # hair in CIELAB, and from what age it is usual
_SHOWN = 0.25  # of jawOpen or a smile, from which teeth can be seen


@dataclass(frozen=True, eq=False)
class Cast:
    """A synthetic human cast for a person.

    Attributes:
        human: the person.
        photos: the photographs that count, the most telling one first.
        controls: how the head stands in each of their aligned portraits, and with what expression.
        cameras: that took them.
        quality: ``landmarks``, root mean square over the photographs in eye distances; ``identity``, the
            distance of the embeddings of the first photograph and of its drawing; ``photos``, how many count.
        notes: sentences: who was left out, and what was guessed.
        sitters: the faces in the photographs.
    """

    human: Human
    photos: list[Path]
    controls: list[Float[ndarray, "58"]]
    cameras: list[Camera]
    quality: dict[str, float]
    notes: list[str]
    sitters: list[Sitter]


def cast(photos: Sequence[Path | str], *, rounds: int = 3, progress: Progress | None = None) -> Cast:
    """The human that looks like the person of the photographs.

    Args:
        rounds: of the last step, the dearest: each draws some 35 small pictures.

    Raises:
        UsageError: there are no photographs.
        FenshenError: a file is no picture; there is no face, only a drawn one, or no way to tell who is meant;
            or humans cannot be drawn here.
    """
    tell = progress or (lambda what: None)
    tell(message("cast.meeting"))
    sitting = fit_sitters.meet([Path(photo) for photo in photos])
    sitters = sitting.sitters
    tell(message("cast.shaping"))
    fitted = fit_shape.fit(_anybody(), [sitter.measured for sitter in sitters])
    first = sitters[0]
    view = View(fitted.controls[0], fitted.cameras[0], first.measured.points)
    human, picture = _dressed(fitted.human, view, first, tell)
    tell(message("cast.likening"))
    like = fit_likeness.improve(human, view, picture, rounds)
    errors = [
        fit_shape.error(fit_shape.points_of(like.human, values, camera), sitter.measured)
        for values, camera, sitter in zip(fitted.controls, fitted.cameras, sitters, strict=True)
    ]
    quality = {
        "landmarks": round(float(np.sqrt(np.mean(np.square(errors)))), 4),
        "identity": round(like.after, 4),
        "photos": float(len(sitters)),
    }
    return Cast(
        _lashed(like.human),
        [sitter.path for sitter in sitters],
        fitted.controls,
        fitted.cameras,
        quality,
        sitting.notes + _guesses(sitters, quality),
        sitters,
    )


def _dressed(
    human: Human, view: View, sitter: Sitter, tell: Progress
) -> tuple[Human, UInt8[ndarray, "128 128 3"]]:
    """Colours and styles, and the portrait as bright as the drawing."""
    tell(message("cast.colouring"))
    shorn = view.draw(human)
    regions = fit_regions.find(sitter.small, view.points, shorn)
    human = fit_colours.background(human, regions, sitter.small)
    human, gains = fit_colours.light(human, view, sitter.small)
    portrait = np.clip(sitter.portrait / gains, 0, 255).astype(np.uint8)
    picture = portraits.resize(portrait, SIDE)
    bare = regions.bare
    regions = fit_regions.find(picture, view.points, shorn)
    regions = replace(regions, bare=max(bare, regions.bare))  # a bald head shines, the more so when lit up
    human = fit_colours.background(human, regions, picture)
    human = fit_colours.materials(human, view, regions, picture, rounds=2)
    human = fit_colours.details(human, view, portrait)
    tell(message("cast.styling"))
    return _aged(fit_style.choose(human, view, regions, picture)), picture


def _anybody() -> Human:
    """Where every fit starts: between everything, with the hair that covers least."""
    brown, grey = (0.2, 0.13, 0.09), (0.5, 0.5, 0.5)
    values = {
        "body": {"age": 45, "gender": 0.5},
        "skin": {"tone": 0.5},
        "eyes": {"iris": grey},  # from which every colour is within reach
        "brows": {"colour": brown},
        "hair": {"style": "buzz", "root": brown, "tip": brown},
        "clothes": {"colour": grey, "second": grey},
        "background": {"centre": grey, "edge": grey},
    }
    return parse(values, "cast")


def _aged(human: Human) -> Human:
    """Grey hair makes a person older than the bones alone say."""
    if human.hair.style == "bald":
        return human
    tip = np.round(255 * np.array([[human.hair.tip]])).astype(np.uint8)
    lightness, a, b = fit_regions.to_lab(tip)[0, 0]
    if np.hypot(a, b) > _GREY_CHROMA or lightness < _GREY_LIGHTNESS:
        return human
    body = human.body.model_copy(update={"age": max(human.body.age, _GREY_AGE)})
    return human.model_copy(update={"body": body})


def _lashed(human: Human) -> Human:
    """Lashes as they go with the face: they are too fine to be measured. Values as a file would have them."""
    lashes = round(0.25 + 0.5 * human.body.gender, 2)
    values = human.model_copy(update={"eyes": human.eyes.model_copy(update={"lashes": lashes})}).model_dump()
    for part in ("body", "shape"):
        values[part] = {name: round(float(value), 4) for name, value in values[part].items()}
    return parse(values, "cast")


def _guesses(sitters: Sequence[Sitter], quality: dict[str, float]) -> list[str]:
    """What no photograph shows."""
    seen = np.stack([sitter.measured.controls for sitter in sitters])
    notes = [message("cast.guessed_back")]
    yaw = seen[:, control_space.INDEX["yaw"]]
    if np.abs(yaw).min() > _ASIDE and (np.sign(yaw) == np.sign(yaw[0])).all():
        notes.append(message("cast.guessed_side"))
    mouth = [control_space.INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight")]
    if seen[:, mouth].max() < _SHOWN:
        notes.append(message("cast.guessed_teeth"))
    if quality["identity"] > _ROUGH:
        notes.append(message("cast.rough", distance=quality["identity"]))
    return notes

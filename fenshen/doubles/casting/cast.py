"""Casting: find the synthetic human that looks like the person of one or a few photographs.

``cast(photos)`` fits shape, pose and expression to the landmarks and colours to the pixels, chooses hair, beard,
glasses and brows by rendering each option, and last brings the identity embedding nearer. It takes about 20 seconds of
one core, and a little more for each further photograph.
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
from fenshen.doubles.casting.colours import (
    SIDE,
    View,
    fit_background,
    fit_light,
    fit_lips_and_irises,
    fit_materials,
)
from fenshen.doubles.casting.likeness import improve_likeness
from fenshen.doubles.casting.regions import find_regions, to_lab
from fenshen.doubles.casting.shape import fit_shape, landmark_error, landmarks_of
from fenshen.doubles.casting.styles import choose_styles
from fenshen.doubles.casting.subjects import SubjectPhoto, find_subject
from fenshen.humans.camera import Camera
from fenshen.humans.human import Human, parse
from fenshen.messages import message

Progress = Callable[[str], None]  # called with what is done next, in a few words
_ASIDE = 0.35  # radians of yaw beyond which one cheek is hardly seen
_ROUGH = 0.6  # identity distance above which the likeness is called rough
_GREY_CHROMA, _GREY_LIGHTNESS = 8.0, 45.0  # CIELAB: hair is grey if less colourful and lighter
_GREY_AGE = 62.0  # the least age of a person with grey hair
_TEETH_SHOWN = 0.25  # jawOpen or smile from which teeth can be seen


@dataclass(frozen=True, eq=False)
class Cast:
    """A synthetic human cast for a person.

    Attributes:
        human: the synthetic human.
        photos: the photographs used, clearest first.
        controls: pose and expression in each aligned portrait.
        cameras: the camera of each photograph.
        quality: ``landmarks``, root mean square error over the photographs in eye distances; ``identity``, the
            distance between the embeddings of the first photograph and of its rendering; ``photos``, how many were
            used.
        notes: sentences: which photographs were doubtful or left out, and what was guessed.
    """

    human: Human
    photos: list[SubjectPhoto]
    controls: list[Float[ndarray, "58"]]
    cameras: list[Camera]
    quality: dict[str, float]
    notes: list[str]


def cast(paths: Sequence[Path | str], *, rounds: int = 1, progress: Progress | None = None) -> Cast:
    """The synthetic human that looks like the person of the photographs.

    Args:
        rounds: of the last step, the most expensive one: each renders about 90 small pictures.

    Raises:
        UsageError: there are no photographs.
        FenshenError: a file is no picture; there is no face, or only a drawn one; the subject is ambiguous; or
            humans cannot be rendered here.
    """
    progress = progress or (lambda step: None)
    progress(message("cast.meeting"))
    subject = find_subject([Path(path) for path in paths])
    photos = subject.photos
    progress(message("cast.shaping"))
    fitted = fit_shape(_starting_human(), [photo.measured for photo in photos])
    first = photos[0]
    view = View(fitted.controls[0], fitted.cameras[0], first.measured.points)
    human, picture = _with_colours_and_styles(fitted.human, view, first, progress)
    progress(message("cast.likening"))
    like = improve_likeness(human, view, picture, rounds)
    errors = [
        landmark_error(landmarks_of(like.human, values, camera), photo.measured)
        for values, camera, photo in zip(fitted.controls, fitted.cameras, photos, strict=True)
    ]
    quality = {
        "landmarks": round(float(np.sqrt(np.mean(np.square(errors)))), 4),
        "identity": round(like.after, 4),
        "photos": float(len(photos)),
    }
    return Cast(
        human=_rounded(_with_lashes(like.human)),
        photos=photos,
        controls=fitted.controls,
        cameras=fitted.cameras,
        quality=quality,
        notes=subject.notes + _notes_on_guesses(photos, quality),
    )


def _with_colours_and_styles(
    human: Human, view: View, photo: SubjectPhoto, progress: Progress
) -> tuple[Human, UInt8[ndarray, "128 128 3"]]:
    """The human in the photograph's colours and styles, and the portrait in the rendering's exposure."""
    progress(message("cast.colouring"))
    shorn = view.draw(human)
    regions = find_regions(photo.small_portrait, view.points, shorn)
    human = fit_background(human, regions, photo.small_portrait)
    human, gains = fit_light(human, view, photo.small_portrait)
    portrait = np.clip(photo.portrait / gains, 0, 255).astype(np.uint8)
    picture = portraits.resize(portrait, SIDE)
    bare = regions.bare
    regions = find_regions(picture, view.points, shorn)
    regions = replace(regions, bare=max(bare, regions.bare))  # highlights on a bald head look less like skin
    human = fit_background(human, regions, picture)
    human = fit_materials(human, view, regions, picture, rounds=2)
    human = fit_lips_and_irises(human, view, portrait)
    progress(message("cast.styling"))
    return _older_if_grey(choose_styles(human, view, regions, picture)), picture


def _starting_human() -> Human:
    """Where every fit starts: average in everything, with hair so short that it covers nothing."""
    brown, grey = (0.2, 0.13, 0.09), (0.5, 0.5, 0.5)
    values = {
        "body": {"age": 45, "gender": 0.5},
        "skin": {"tone": 0.5},
        "eyes": {"iris": grey},  # every colour is within reach of grey
        "brows": {"colour": brown},
        "hair": {"style": "buzz", "root": brown, "tip": brown},
        "clothes": {"colour": grey, "second": grey},
        "background": {"centre": grey, "edge": grey},
    }
    return parse(values, "cast")


def _older_if_grey(human: Human) -> Human:
    """The human, with an age to match if the hair is grey: the shape of a head says little about age."""
    if human.hair.style == "bald":
        return human
    tip = np.round(255 * np.array([[human.hair.tip]])).astype(np.uint8)
    lightness, a, b = to_lab(tip)[0, 0]
    if np.hypot(a, b) > _GREY_CHROMA or lightness < _GREY_LIGHTNESS:
        return human
    body = human.body.model_copy(update={"age": max(human.body.age, _GREY_AGE)})
    return human.model_copy(update={"body": body})


def _with_lashes(human: Human) -> Human:
    """Lashes by gender: they are too fine to be measured."""
    lashes = round(0.25 + 0.5 * human.body.gender, 2)
    return human.model_copy(update={"eyes": human.eyes.model_copy(update={"lashes": lashes})})


def _rounded(human: Human) -> Human:
    """Body and shape with 4 decimals, as a file would have them."""
    values = human.model_dump()
    for part in ("body", "shape"):
        values[part] = {name: round(float(value), 4) for name, value in values[part].items()}
    return parse(values, "cast")


def _notes_on_guesses(photos: Sequence[SubjectPhoto], quality: dict[str, float]) -> list[str]:
    """What no photograph shows, one sentence each."""
    controls = np.stack([photo.measured.controls for photo in photos])
    notes = [message("cast.guessed_back")]
    yaw = controls[:, control_space.INDEX["yaw"]]
    one_side_only = (np.sign(yaw) == np.sign(yaw[0])).all()
    if one_side_only and np.abs(yaw).min() > _ASIDE:
        notes.append(message("cast.guessed_side"))
    mouth = [control_space.INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight")]
    if controls[:, mouth].max() < _TEETH_SHOWN:
        notes.append(message("cast.guessed_teeth"))
    if quality["identity"] > _ROUGH:
        notes.append(message("cast.rough", distance=quality["identity"]))
    return notes

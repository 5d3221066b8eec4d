"""Find MediaPipe's 478 landmarks on the mesh, and write ``fenshen/humans/mesh_landmarks.json``.

Bald people with their mouths a little open (so that the two lips' inner edges are apart) are drawn from
several sides; MediaPipe measures the pictures; a ray through each measured landmark hits the mesh in a
triangle. A landmark is the median of its hits, carried back to the template. Then people as the sampler draws
them, with their hair and expressions, are drawn and measured, and each landmark is moved to where, over all
of them, it agrees best with what was measured. Run it again when the mesh changes:
``python scripts/make_mesh_landmarks.py``.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from fenshen import controls
from fenshen.faces.detect import FaceFinder
from fenshen.humans import sample
from fenshen.humans.body import HEAD
from fenshen.humans.camera import Camera, HeadAtRest, aim, turn_of
from fenshen.humans.human import Human
from fenshen.humans.makehuman import EYE_LEFT, EYE_RIGHT, SKIN
from fenshen.humans.mesh_landmarks import FILE, mesh_landmarks
from fenshen.humans.render import Studio, render
from fenshen.humans.sampler import sample_controls
from fenshen.landmarks import COUNT, LOWER_LIP_INSIDE, MESH

PEOPLE, SIZE = 20, 384
FRAMES, ROUNDS = 120, 2  # of the second part
FIRST = 500_000  # seed of its first human
NEAR = 0.02  # sides of the picture
FRONT = -0.03  # metres: what lies further back on the template is behind the ears
STIRS = 0.01  # metres: what goes less far when the mouth opens is the upper lip
YAWS = (-0.45, 0.0, 0.45)
Parts = tuple[tuple[Bool[ndarray, "478"], Int[ndarray, "F 3"]], ...]
# Good enough to frame the first pictures; the table itself gives everybody's own.
HEAD_ROUGHLY = HeadAtRest(np.array([0.0, -0.105, 0.722]), np.eye(3), 0.17)


def bald(seed: int) -> Human:
    """A person whose whole face can be seen."""
    human = sample(seed)
    hair = human.hair.model_copy(update={"style": "bald"})
    beard = human.beard.model_copy(update={"style": "none"})
    return human.model_copy(update={"hair": hair, "beard": beard, "glasses": None})


def look(
    studio: Studio, finder: FaceFinder, human: Human, yaw: float
) -> tuple[Float[ndarray, "478 2"], Float[ndarray, "V 3"]] | None:
    """Where MediaPipe sees the landmarks, and the vertices in the same picture."""
    values = controls.vector(yaw=yaw, jawOpen=0.3)
    camera, head = Camera(), HEAD_ROUGHLY
    turn = turn_of(camera, head, values)
    posed = studio.model.pose(studio.model.rest(human), values, turn)
    centre = (posed.bones[HEAD] @ np.append(head.centre, 1))[:3]
    view = aim(camera, head, values, turn, centre)
    uniforms = studio.uniforms(human, camera, view, posed, centre, SIZE, toon=False, fine=True)
    pixels = studio.stage(SIZE).draw(posed, list(studio.layers(human, posed, True)), uniforms)
    faces = finder.find(np.ascontiguousarray(pixels.colour))
    if not faces:
        return None
    return (faces[0].landmarks[:, :2] + 0.5) / (2 * SIZE), view.project(posed.points)


def hits(
    seen: Float[ndarray, "N 2"], vertices: Float[ndarray, "V 3"], faces: Int[ndarray, "F 3"]
) -> tuple[Int[ndarray, "N"], Float[ndarray, "N 3"]]:
    """The nearest triangle under each point (-1: none) and the barycentric coordinates there."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    u, v = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    middles = ((a + b + c) / 3)[:, :2]
    found, shares = np.full(len(seen), -1), np.zeros((len(seen), 3))
    for i, point in enumerate(seen):
        d = point - a[:, :2]
        second = (d[:, 0] * v[:, 1] - d[:, 1] * v[:, 0]) / area
        third = (u[:, 0] * d[:, 1] - u[:, 1] * d[:, 0]) / area
        first = 1 - second - third
        inside = np.flatnonzero((first >= 0) & (second >= 0) & (third >= 0))
        if len(inside):
            depth = first * a[:, 2] + second * b[:, 2] + third * c[:, 2]
            found[i] = inside[np.argmin(depth[inside])]
            shares[i] = first[found[i]], second[found[i]], third[found[i]]
            continue
        # Past the edge of a lip, a lid or the whole face: the middle of the nearest triangle, if one is near.
        apart = np.linalg.norm(middles - point, axis=1)
        if apart.min() < NEAR:
            found[i], shares[i] = int(np.argmin(apart)), np.full(3, 1 / 3)
    return found, shares


def onto(
    points: Float[ndarray, "N 3"], vertices: Float[ndarray, "V 3"], faces: Int[ndarray, "F 3"]
) -> tuple[Int[ndarray, "N 3"], Float[ndarray, "N 3"]]:
    """The nearest place on the mesh: the corners of its triangle and the barycentric coordinates in it."""
    a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
    u, v = b - a, c - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    corners, shares = [], []
    for point in points:
        d = point - a
        du, dv = (d * u).sum(1), (d * v).sum(1)
        flat = uu * vv - uv * uv + 1e-18
        second, third = (vv * du - uv * dv) / flat, (uu * dv - uv * du) / flat
        weights = np.clip(np.column_stack([1 - second - third, second, third]), 0, None)
        weights /= weights.sum(1, keepdims=True)
        place = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
        best = int(np.argmin(((place - point) ** 2).sum(1)))
        corners.append(faces[best])
        shares.append(weights[best])
    return np.array(corners), np.array(shares)


def offsets(finder: FaceFinder) -> Float[ndarray, "478 3"]:
    """By how much to move each landmark on the head at rest, in metres, for least error in many pictures.

    A picture shows two of the three coordinates of an error, turned with the head; least squares over heads
    that are turned differently give all three. A little damping keeps what no picture shows at 0.
    """
    normal, right = np.zeros((COUNT, 3, 3)), np.zeros((COUNT, 3))
    for seed in range(FIRST, FIRST + FRAMES):
        frame = render(sample(seed), sample_controls(seed), size=256)
        faces = finder.find(frame.picture)
        if not faces:
            continue
        error = ((faces[0].landmarks + 0.5) / 256 - frame.landmarks)[:, :2] / frame.view.scale
        seen = frame.rotation[:2] * np.array([[1.0], [-1.0]])  # x right and y down of the head's axes
        weight = 1 / (1 + (np.linalg.norm(error, axis=1) / 0.004) ** 2)  # Cauchy's, against outliers
        normal += weight[:, None, None] * (seen.T @ seen)
        right += weight[:, None] * (error @ seen)
    normal += 0.1 * FRAMES * np.eye(3)
    solved = np.linalg.solve(normal, right[..., None])[..., 0]
    return np.column_stack([solved[:, 0], -solved[:, 2], solved[:, 1]])  # from view axes to the template's


def write(points: Float[ndarray, "478 3"], parts: Parts, template: Float[ndarray, "V 3"]) -> None:
    """The table of the places on the mesh that are nearest to these points of the template."""
    corners, shares = np.zeros((COUNT, 3), dtype=int), np.zeros((COUNT, 3))
    for chosen, faces in parts:
        corners[chosen], shares[chosen] = onto(points[chosen], template, faces)
    rows = {"corners": corners.tolist(), "shares": shares.round(4).tolist()}
    FILE.write_text(json.dumps(rows, separators=(",", ":")) + "\n", encoding="utf-8")
    mesh_landmarks.cache_clear()


def jaw_moves(studio: Studio) -> Float[ndarray, "V"]:
    """How far each vertex goes when the mouth opens, in metres."""
    rest = studio.model.rest(bald(0))
    shut, wide = (
        studio.model.pose(rest, controls.vector(jawOpen=opened), np.eye(3)).points for opened in (0.0, 1.0)
    )
    return np.linalg.norm(wide - shut, axis=1)


def main() -> None:
    """Measure and write."""
    studio, finder = Studio(), FaceFinder()
    shapes, template = studio.model.shapes, studio.model.template
    _, _, _, mouth, eyes = shapes.masks.T
    skin = (shapes.part == SKIN) & (mouth < 0.5) & (eyes < 0.5) & (template[:, 1] < FRONT)
    skin_faces = shapes.faces[skin[shapes.faces].all(1)]
    eye_faces = shapes.faces[np.isin(shapes.part[shapes.faces], (EYE_LEFT, EYE_RIGHT)).all(1)]
    iris = np.arange(COUNT) >= MESH
    # Shut lips touch: without this the middle of the lower one would be found on the upper one.
    lower = np.isin(np.arange(COUNT), LOWER_LIP_INSIDE[1:-1])
    lower_faces = skin_faces[(jaw_moves(studio) > STIRS)[skin_faces].all(1)]
    parts = ((~iris & ~lower, skin_faces), (lower, lower_faces), (iris, eye_faces))
    found = []
    for seed in range(PEOPLE):
        for yaw in YAWS:
            result = look(studio, finder, bald(seed), yaw)
            if result is None:
                continue
            seen, vertices = result
            places = np.full((COUNT, 3), np.nan)
            for chosen, faces in parts:
                face, shares = hits(seen[chosen], vertices, faces)
                place = (template[faces[face]] * shares[..., None]).sum(1)
                places[chosen] = np.where((face >= 0)[:, None], place, np.nan)
            found.append(places)
        print(f"{seed + 1} of {PEOPLE}", file=sys.stderr, flush=True)
    write(np.nanmedian(np.stack(found), axis=0), parts, template)
    for turn in range(ROUNDS):
        moved = offsets(finder)
        write(mesh_landmarks().of(template) + moved, parts, template)
        far = 1000 * np.median(np.linalg.norm(moved, axis=1))
        print(f"round {turn + 1}: moved by {far:.2f} mm", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

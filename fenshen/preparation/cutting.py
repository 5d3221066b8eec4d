"""The work of one process: from one unit (a few pictures, or a stretch of a video) to its portraits.

What comes out depends on the unit and the settings alone, so that any number of processes, in any order,
after any interruption, make the same dataset.
"""

from __future__ import annotations

import hashlib
import math
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import avatars, portraits
from fenshen.dataset import RECORDS
from fenshen.errors import FenshenError
from fenshen.preparation import duplicates
from fenshen.preparation.planning import Settings, Unit
from fenshen.preparation.refusals import Reason, Refusal
from fenshen.preparation.sources import Item
from fenshen.preparation.store import Store

if TYPE_CHECKING:
    from fenshen.faces.detect import Face, FaceFinder
    from fenshen.video import Frame

Row = dict[str, Any]
Picture = UInt8[ndarray, "H W 3"]
Matrix = Float[ndarray, "2 3"]

# A row of a unit: a record, its portrait and what the last step decides by; or, with a reason, a refusal.
ROWS = pa.schema(
    [
        *(entry for entry in RECORDS if entry.name != "split"),
        ("kind", pa.string()),
        ("portrait", pa.binary()),
        ("signature", pa.list_(pa.float32())),
        ("embedding", pa.list_(pa.float32())),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
# A row of a unit that only looks: one face of one frame, or a frame without one.
LOOKS = pa.schema(
    [
        ("timestamp", pa.float64()),
        ("box", pa.list_(pa.float32(), 4)),
        ("landmarks", pa.list_(pa.float32())),
        ("blendshapes", pa.list_(pa.float32())),
        ("rotation", pa.list_(pa.float32())),
    ]
)

# A JPEG is first opened at this many pixels (its shorter side) or at twice the portrait's, whichever is more.
LOOK_SIDE = 512
# A face this high shows its landmarks as well as a larger one (within a hundredth of its height); a lower one is
# looked at again in a larger version of the picture.
LOOK_FACE = 100
# With one_person, a second face of this share of the first's height leaves open who is meant.
RIVAL = 0.6
# A head further than this from its place in the clip's crop, in sides of the crop, is another's.
OUTSIDE = 0.4

_WHY_UNREAD = {"portraits.not_a_picture": Reason.NOT_A_PICTURE, "portraits.too_large": Reason.TOO_LARGE}


def perform(unit: Unit, settings: Settings, store: Store) -> pa.Table:
    """The outcome of one unit: a table of :data:`ROWS`, or of :data:`LOOKS` where it only looks."""
    if unit.step == "look":
        return table_of(list(_look(unit, settings)), LOOKS)
    results = _frames(unit, settings, store) if unit.step == "frames" else _items(unit, settings)
    rows = [_refused(result) if isinstance(result, Refusal) else result for result in results]
    if settings.one_person:
        _embed(rows, settings.size)
    return table_of(rows, ROWS)


def close() -> None:
    """Free what this process keeps open between units."""
    while _finders:
        _finders.popitem()[1].close()
    _archive.cache_clear()


def table_of(rows: list[Row], schema: pa.Schema) -> pa.Table:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _refused(refusal: Refusal) -> Row:
    return {
        "source": refusal.source,
        "timestamp": refusal.timestamp,
        "reason": refusal.reason.value,
        "detail": refusal.detail,
    }


def _items(unit: Unit, settings: Settings) -> Iterator[Row | Refusal]:
    for item in unit.items:
        if item.kind == "drawn":
            portrait = avatars.draw(item.path, item.inner, settings.size)
            yield row_of(item, portrait, hashlib.sha256(portrait.tobytes()).hexdigest())
            continue
        if item.kind == "human":
            yield _human(item, settings)
            continue
        try:
            data = _bytes(item)
            results = list(_still(item, data, settings))
        except portraits.PictureError as error:
            reason = _WHY_UNREAD.get(error.key, Reason.UNREADABLE)
            results = [Refusal(item.source, reason, error.detail)]
        except OSError as error:
            results = [Refusal(item.source, Reason.UNREADABLE, error.strerror or str(error))]
        yield from results


def _still(item: Item, data: bytes, settings: Settings) -> Iterator[Row | Refusal]:
    """The portraits of one picture.

    Raises:
        PictureError: it cannot be decoded.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    if settings.crop == "none":
        picture = portraits.read(data, ground=settings.ground, at_least=2 * settings.size)
        yield row_of(item, portraits.resize(picture, settings.size, settings.fit, settings.ground), sha256)
        return
    picture, faces, scale = _faces_of(data, settings)
    chosen = _choose(faces, settings)
    if isinstance(chosen, Refusal):
        yield replace(chosen, source=item.source)
        return
    for face in chosen:
        yield _portrait(item, sha256, picture, face, settings, scale=scale)


def _faces_of(data: bytes, settings: Settings) -> tuple[Picture, list[Face], float]:
    """A picture, its faces, and how many source pixels one of its pixels spans.

    A large JPEG is decoded at an eighth, a quarter or a half of its size where that loses nothing: where the
    faces are high enough for the landmarks, and the portraits are still made smaller, not larger.
    """
    whole = max(portraits.dimensions(data))
    at_least = max(LOOK_SIDE, 2 * settings.size)
    while True:
        picture = portraits.read(data, ground=settings.ground, at_least=at_least)
        scale = whole / max(picture.shape[:2])
        faces = _finder().find(picture)
        lowest = min((face.size for face in (faces if settings.all_faces else faces[:1])), default=0.0)
        if scale == 1 or lowest >= LOOK_FACE:
            break
        shorter = min(picture.shape[:2])
        at_least = math.ceil(1.1 * shorter * LOOK_FACE / lowest) if lowest else whole
    if scale > 1 and lowest < settings.size:
        picture = portraits.read(data, ground=settings.ground)
        faces = [replace(face, box=face.box * scale, landmarks=face.landmarks * scale) for face in faces]
        scale = 1.0
    return picture, faces, scale


def _choose(faces: list[Face], settings: Settings) -> list[Face] | Refusal:
    if not faces:
        return Refusal("", Reason.NO_FACE)
    if settings.all_faces:
        return faces
    if settings.one_person and len(faces) > 1 and faces[1].size >= RIVAL * faces[0].size:
        return Refusal("", Reason.SEVERAL_FACES, f"{len(faces)} faces")
    return faces[:1]


def _frames(unit: Unit, settings: Settings, store: Store) -> Iterator[Row | Refusal]:
    """The portraits of a stretch of video: each frame's own, or by the clip's one crop."""
    (item,) = unit.items
    sha256 = _file_hash(item.path, item.state)
    known = None if unit.looks is None else faces_by_time(store.load(unit.looks))
    matrix = None if unit.matrix is None else np.array(unit.matrix).reshape(2, 3)
    try:
        for frame in _stretch(unit, settings):
            at = frame.timestamp
            if settings.crop == "none":
                portrait = portraits.resize(frame.picture, settings.size, settings.fit, settings.ground)
                yield row_of(item, portrait, sha256, at)
                continue
            faces = _finder().find(frame.picture) if known is None else known.get(at, [])
            chosen = _choose(faces, settings) if matrix is None else _inside(faces, matrix, settings.size)
            if isinstance(chosen, Refusal):
                yield replace(chosen, source=item.source, timestamp=at)
                continue
            for face in chosen:
                yield _portrait(item, sha256, frame.picture, face, settings, at=at, matrix=matrix)
    except FenshenError as error:
        yield Refusal(item.source, Reason.UNREADABLE, str(error.values.get("why", error.key)))


def _look(unit: Unit, settings: Settings) -> Iterator[Row]:
    """Every face of every frame, for the clip's crop; a video that cannot be read shows none."""
    try:
        for frame in _stretch(unit, settings):
            for face in _finder().find(frame.picture):
                yield {
                    "timestamp": frame.timestamp,
                    "box": face.box,
                    "landmarks": face.landmarks.ravel(),
                    "blendshapes": face.blendshapes,
                    "rotation": face.rotation.ravel(),
                }
    except FenshenError:
        return


def faces_by_time(looks: pa.Table) -> dict[float, list[Face]]:
    """The faces of each frame that shows some, largest first, out of a table of :data:`LOOKS`."""
    from fenshen.faces.detect import Face

    found: dict[float, list[Face]] = {}
    for row in looks.to_pylist():
        face = Face(
            box=np.array(row["box"], dtype=np.float32),
            landmarks=np.array(row["landmarks"], dtype=np.float32).reshape(-1, 3),
            blendshapes=np.array(row["blendshapes"], dtype=np.float32),
            rotation=np.array(row["rotation"], dtype=np.float32).reshape(3, 3),
        )
        found.setdefault(row["timestamp"], []).append(face)
    return found


def _stretch(unit: Unit, settings: Settings) -> Iterator[Frame]:
    from fenshen import video

    (item,) = unit.items
    start, stop = unit.span
    return video.frames(item.path, every=settings.every, fps=settings.fps, start=start, stop=stop)


def _inside(faces: list[Face], matrix: Matrix, size: int) -> list[Face] | Refusal:
    """The face that the clip's crop was made for: the one nearest to where it puts heads."""
    from fenshen.controls import CENTRE
    from fenshen.faces.pose import head_frame

    def off(face: Face) -> float:
        centre = matrix[:, :2] @ head_frame(face.landmarks).centre + matrix[:, 2]
        return float(np.abs((centre + 0.5) / size - CENTRE).max())

    nearest = min(faces, key=off, default=None)
    if nearest is None or off(nearest) > OUTSIDE:
        return Refusal("", Reason.NO_FACE, "outside the clip's crop" if faces else "")
    return [nearest]


def _portrait(
    item: Item,
    sha256: str,
    picture: Picture,
    face: Face,
    settings: Settings,
    *,
    scale: float = 1.0,
    at: float | None = None,
    matrix: Matrix | None = None,
) -> Row | Refusal:
    """One face's portrait with all that is measured, or why it is refused.

    Args:
        scale: source pixels a pixel of ``picture``.
        at: seconds into the video.
        matrix: the clip's crop; the face's own alignment if left out.
    """
    from fenshen.faces.align import align, alignment
    from fenshen.faces.judge import BLURRED, judge
    from fenshen.faces.measure import measure

    height = face.size * scale
    if height < settings.min_face:
        detail = f"{height:.0f} pixels high; {settings.min_face} wanted"
        return Refusal(item.source, Reason.TOO_SMALL, detail, at)
    size = settings.size
    matrix = alignment(face.landmarks, size) if matrix is None else matrix
    portrait = align(picture, matrix, size)
    quality = judge(portrait, face, matrix=matrix, shape=picture.shape)
    if quality.sharpness < BLURRED:
        detail = f"sharpness {quality.sharpness:.2f}; {BLURRED:.2f} wanted"
        return Refusal(item.source, Reason.BLURRED, detail, at)
    row = row_of(item, portrait, sha256, at)
    points = face.landmarks.astype(np.float64)
    shrink = math.hypot(matrix[0, 0], matrix[1, 0]) / size
    placed = np.column_stack(
        [(points[:, :2] @ matrix[:, :2].T + matrix[:, 2] + 0.5) / size, points[:, 2] * shrink]
    )
    row |= {
        "box": face.box * np.float32(scale),
        "landmarks": placed.astype(np.float32).ravel(),
        "signature": duplicates.signature(portrait, placed),
        "controls": measure(face, matrix, size),
        "face_size": height,
        "occluded": quality.occluded,
        "extreme_pose": quality.extreme_pose,
        "sharpness": quality.sharpness,
        "exposure": quality.exposure,
    }
    return row


def _human(item: Item, settings: Settings) -> Row:
    """A drawn human, with labels that nobody had to measure."""
    from fenshen import controls
    from fenshen.faces.judge import FAR_ASIDE, FAR_UP_OR_DOWN
    from fenshen.humans import sample
    from fenshen.humans.human import read
    from fenshen.humans.render import render
    from fenshen.humans.sampler import sample_camera, sample_controls

    seed, number = int(item.path) if item.path.isdigit() else 0, int(item.inner)
    human = sample(seed) if item.path.isdigit() else read(item.path)
    camera = sample_camera(seed, number)
    frame = render(human, sample_controls(seed, number), camera, settings.size)
    points = frame.landmarks[:, :2] * settings.size
    yaw, pitch = (float(frame.controls[controls.INDEX[name]]) for name in ("yaw", "pitch"))
    return row_of(item, frame.picture, hashlib.sha256(frame.picture.tobytes()).hexdigest()) | {
        "box": np.concatenate([points.min(0), points.max(0)]).astype(np.float32),
        "landmarks": frame.landmarks.astype(np.float32).ravel(),
        "controls": frame.controls,
        "face_size": float(np.ptp(points[:, 1])),
        "occluded": False,
        "extreme_pose": abs(yaw) > FAR_ASIDE or abs(pitch) > FAR_UP_OR_DOWN,
        "human": frame.human.model_dump_json(),
        "camera": [camera.azimuth, camera.elevation, camera.distance],
    }


def row_of(item: Item, portrait: UInt8[ndarray, "S S 3"], sha256: str, at: float | None = None) -> Row:
    """What is known of any portrait; that of a face knows more."""
    from fenshen.faces.judge import exposure, sharpness

    return {
        "source": item.source,
        "timestamp": at,
        "sha256": sha256,
        "subject": item.subject,
        "kind": item.kind,
        "phash": duplicates.perceptual_hash(portrait),
        "signature": duplicates.signature(portrait),
        "sharpness": sharpness(portrait),
        "exposure": exposure(portrait),
        "portrait": np.ascontiguousarray(portrait).tobytes(),
    }


def _embed(rows: list[Row], size: int) -> None:
    """Whose face each portrait shows, as an embedding."""
    from fenshen.faces.identity import embed

    with_faces = [row for row in rows if row.get("landmarks") is not None]
    if not with_faces:
        return
    pixels = np.stack([np.frombuffer(row["portrait"], dtype=np.uint8) for row in with_faces])
    landmarks = np.stack([row["landmarks"] for row in with_faces]).reshape(len(with_faces), -1, 3)
    found = embed(pixels.reshape(-1, size, size, 3), landmarks)
    for row, embedding in zip(with_faces, found, strict=True):
        row["embedding"] = embedding


def _bytes(item: Item) -> bytes:
    """What the file or the zip member holds.

    Raises:
        OSError: it cannot be read; for a member, whatever its decompressor says of it.
    """
    if item.kind != "member":
        return Path(item.path).read_bytes()
    try:
        return _archive(item.path, item.state).read(item.inner)
    except OSError:
        raise
    except Exception as error:  # BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, ...
        raise OSError(str(error) or type(error).__name__) from error


@lru_cache(maxsize=2)
def _archive(path: str, state: str) -> zipfile.ZipFile:
    """An open archive; reading its directory anew for every member would take longer than the pictures."""
    return zipfile.ZipFile(path)


@lru_cache(maxsize=64)
def _file_hash(path: str, state: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


_finders: dict[int, FaceFinder] = {}  # one a thread


def _finder() -> FaceFinder:
    from fenshen.faces.detect import FaceFinder

    thread = threading.get_ident()
    if thread not in _finders:
        _finders[thread] = FaceFinder()
    return _finders[thread]

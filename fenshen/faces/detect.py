"""Find faces: MediaPipe's Face Landmarker first, MTCNN where it may miss small ones.

MediaPipe's detector looks at the whole picture through 128 pixels, so it misses faces that are small in the
picture. For these, MTCNN (Zhang et al. 2016) proposes boxes, each box is cut out and enlarged, and the
landmarker looks again; only what has landmarks is a face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen.faces.landmarker import Landmarker, Landmarks
from fenshen.faces.mtcnn import MTCNN
from fenshen.faces.pose import head_frame
from fenshen.landmarks import CHIN, FOREHEAD

# The landmarker works on faces of about 170 px, so a picture whose face stays larger than _ENOUGH after
# reduction to _WORKING_SIDE loses nothing; smaller faces are looked at again in the full picture.
_WORKING_SIDE = 640
_ENOUGH = 128
_CUT_SIDE = 320  # of a cut-out around one face

# A face at least this share of the picture's longer side is what the picture is about: no need to search for
# smaller ones.
_PORTRAIT = 0.2
_SMALLEST = 24  # px: smaller faces hold too little detail to learn from
_MTCNN_SIDE = 1280

_SAME_FACE = 0.4  # intersection over union above which two boxes are one face


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture.

    Attributes:
        box: left, top, right, bottom of the landmarks, in source pixels; may extend beyond the picture.
        landmarks: x right and y down in source pixels, z into the scene in the same unit; see
            :mod:`fenshen.landmarks`.
        blendshapes: scores in [0, 1] in the order of :data:`fenshen.controls.BLENDSHAPES`; tongueOut is not
            measured and stays 0.
        rotation: rotation from the upright, frontal face to this one; x to the viewer's right, y up, z to the viewer.
    """

    box: Float[ndarray, "4"]
    landmarks: Float[ndarray, "478 3"]
    blendshapes: Float[ndarray, "52"]
    rotation: Float[ndarray, "3 3"]

    @cached_property
    def size(self) -> float:
        """Height of the face, forehead to chin, in source pixels, whichever way it is turned."""
        return float(np.linalg.norm(self.landmarks[FOREHEAD] - self.landmarks[CHIN]))


class FaceFinder:
    """Finds faces in pictures. One per process is enough: it starts in a third of a second and takes 105 MB.

    Args:
        max_faces: maximum number of faces to return per picture.

    Raises:
        FenshenError: mediapipe or the system libraries it needs cannot be loaded.
    """

    def __init__(self, *, max_faces: int = 10) -> None:
        self._max_faces = max_faces
        self._landmarker = Landmarker(max_faces)

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks; a second call does nothing."""
        self._landmarker.close()

    def find(self, picture: UInt8[ndarray, "H W 3"]) -> list[Face]:
        """The faces of an RGB picture, largest first; an empty list where there is none."""
        faces = self._landmarks_in(picture)
        longer = max(picture.shape[:2])
        if not faces or max(face.size for face in faces) < _PORTRAIT * longer:
            faces = self._with_small_ones(picture, faces)
        faces.sort(key=lambda face: -face.size)
        return faces[: self._max_faces]

    @cached_property
    def _mtcnn(self) -> MTCNN:
        return MTCNN()

    def _landmarks_in(self, picture: UInt8[ndarray, "H W 3"]) -> list[Face]:
        reduced, scale = _reduced(picture, _WORKING_SIDE)
        faces = list(_faces_of(self._landmarker.detect(reduced), reduced.shape, scale, np.zeros(2)))
        if scale == 1:
            return faces
        return [
            face if face.size * scale >= _ENOUGH else self._look_closer(picture, face.box) or face
            for face in faces
        ]

    def _with_small_ones(self, picture: UInt8[ndarray, "H W 3"], faces: list[Face]) -> list[Face]:
        reduced, scale = _reduced(picture, _MTCNN_SIDE)
        found = list(faces)
        for box in self._mtcnn.find(reduced, smallest=_SMALLEST) / scale:
            if any(_overlap(box, face.box) > _SAME_FACE for face in found):
                continue
            face = self._look_closer(picture, box)
            if face is not None and all(_overlap(face.box, other.box) <= _SAME_FACE for other in found):
                found.append(face)
        return found

    def _look_closer(self, picture: UInt8[ndarray, "H W 3"], box: Float[ndarray, "4"]) -> Face | None:
        """Cut out a square of twice the box's size, scale it to a good size, and detect again."""
        import cv2

        centre = (box[:2] + box[2:]) / 2
        half = float((box[2:] - box[:2]).max())
        corner = np.floor(centre - half).astype(int)
        side = int(np.ceil(2 * half))
        cut = _cut_out(picture, corner, side)
        method = cv2.INTER_AREA if side > _CUT_SIDE else cv2.INTER_CUBIC
        cut = cv2.resize(cut, (_CUT_SIDE, _CUT_SIDE), interpolation=method)
        scale = _CUT_SIDE / side
        faces = _faces_of(self._landmarker.detect(cut), cut.shape, scale, corner.astype(np.float64))
        return min(faces, key=lambda face: float(np.abs(_middle(face) - centre).max()), default=None)


def _faces_of(
    found: Landmarks, shape: tuple[int, ...], scale: float, corner: Float[ndarray, "2"]
) -> Iterator[Face]:
    """What the landmarker found, in source pixels; it saw the part at ``corner``, scaled by ``scale``."""
    height, width = shape[:2]
    for points, blendshapes in zip(*found, strict=True):
        landmarks = points.astype(np.float64) * (width, height, width) / scale
        landmarks[:, :2] += corner
        box = np.concatenate([landmarks[:, :2].min(0), landmarks[:, :2].max(0)])
        yield Face(
            box=box.astype(np.float32),
            landmarks=landmarks.astype(np.float32),
            blendshapes=blendshapes,
            rotation=head_frame(landmarks).rotation.astype(np.float32),
        )


def _reduced(picture: UInt8[ndarray, "H W 3"], side: int) -> tuple[UInt8[ndarray, "h w 3"], float]:
    """The picture with its longer side reduced to ``side``, and the scale; smaller pictures are unchanged."""
    import cv2

    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture, 1.0
    height, width = (max(1, round(n * scale)) for n in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), scale


def _cut_out(picture: UInt8[ndarray, "H W 3"], corner: ndarray, side: int) -> UInt8[ndarray, "side side 3"]:
    """A square cut out of the picture; parts outside it repeat the edge."""
    height, width = picture.shape[:2]
    columns = np.clip(np.arange(corner[0], corner[0] + side), 0, width - 1)
    rows = np.clip(np.arange(corner[1], corner[1] + side), 0, height - 1)
    return picture[rows[:, None], columns]


def _middle(face: Face) -> Float[ndarray, "2"]:
    return (face.box[:2] + face.box[2:]) / 2


def _overlap(a: Float[ndarray, "4"], b: Float[ndarray, "4"]) -> float:
    """Intersection over union of two boxes."""
    inner = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    outer = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
    return float(inner / outer) if outer > 0 else 0.0

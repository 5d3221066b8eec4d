"""The process that MediaPipe runs in, a script for :class:`fenshen.companion.Companion`.

Its arguments are our module search path, the model's file, the most faces to find, and the blendshapes' names, as JSON
where they are not plain words. A request without ``shape`` says whether MediaPipe works here; one with ``shape`` brings
the bytes of an RGB picture of that height and width. The answer is, for each face, the points as fractions of the
picture (x, y, z), then the blendshapes' scores, all float32.
"""

from __future__ import annotations

import json
import os
import sys
from types import ModuleType
from typing import Any, BinaryIO

# Libraries that MediaPipe imports, to draw and to record with: half of the time and memory of a start.
_UNUSED = ("cv2", "matplotlib", "matplotlib.pyplot", "sounddevice")


class _Unused(ModuleType):
    """Stands for one of them, or for anything in it."""

    def __getattr__(self, name: str) -> object:
        return _Unused(name)


def main() -> None:
    """Answer until the other side closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not do so into an answer
    path, model, max_faces, names = sys.argv[1:]
    sys.path[:] = json.loads(path)
    sys.modules |= {name: _Unused(name) for name in _UNUSED}
    landmarker = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["bytes"])
        try:
            landmarker = landmarker or _created(model, int(max_faces))
            found = _found(landmarker, data, request.get("shape", (64, 64)), json.loads(names))
        except Exception as error:
            kind = next(kind for kind in (ImportError, OSError, Exception) if isinstance(error, kind))
            _answer(answers, {"error": str(error), "kind": kind.__name__}, b"")
        else:
            _answer(answers, {"bytes": len(found)}, found)
    os._exit(0)  # MediaPipe's own way out takes its time, and a traceback


def _created(model: str, max_faces: int) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    class Options(BaseOptions):  # type: ignore[misc]
        def to_ctypes(self) -> Any:
            options = super().to_ctypes()
            options.ca_bundle_path = os.devnull.encode()
            return options

    return vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=Options(model_asset_path=model, delegate=BaseOptions.Delegate.CPU),
            num_faces=max_faces,
            output_face_blendshapes=True,
        )
    )


def _found(landmarker: Any, data: bytes, shape: tuple[int, int], names: list[str]) -> bytes:
    """The faces of a picture; of a black one where there are no bytes."""
    import mediapipe as mp
    import numpy as np

    picture = np.frombuffer(data or bytes(3 * shape[0] * shape[1]), dtype=np.uint8).reshape(*shape, 3)
    result = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=picture))
    numbers: list[float] = []
    for points, scores in zip(result.face_landmarks, result.face_blendshapes, strict=True):
        named = {score.category_name: score.score for score in scores}
        numbers += [value for point in points for value in (point.x, point.y, point.z)]
        numbers += [named.get(name, 0.0) for name in names]
    return np.array(numbers, dtype=np.float32).tobytes()


def _answer(answers: BinaryIO, head: dict[str, Any], data: bytes) -> None:
    answers.write(json.dumps(head).encode() + b"\n" + data)
    answers.flush()


if __name__ == "__main__":
    main()

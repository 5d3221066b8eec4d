"""MediaPipe's Face Landmarker, in a process of its own: nothing it does reaches the network, the terminal or us.

mediapipe 1.2 writes log lines to standard error and a traceback at exit; and once a minute, and when a landmarker is
closed, it posts usage statistics to a Google host through libcurl, with no option to stop it. Fenshen promises that
nothing leaves the machine. Only libcurl's environment can keep it in, and that would be ours, too, in our own process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import assets
from fenshen.companion import Companion, CompanionError
from fenshen.controls import BLENDSHAPES
from fenshen.errors import FenshenError
from fenshen.landmarks import COUNT

MODEL = "face_landmarker.task"
_SCRIPT = Path(__file__).with_name("landmarker_process.py")
# libcurl reads the lower-case names first. It refuses this scheme before it asks a name server or opens a socket; were
# it to get past that, it would trust no certificate.
_OFFLINE = {
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"), "none://nowhere"),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
    **dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"), os.devnull),
}
_KEYS = {"ImportError": "faces.no_mediapipe", "OSError": "faces.no_libraries"}


class Landmarks(NamedTuple):
    """What MediaPipe finds in one picture, one row per face.

    Attributes:
        points: x and y as fractions of the picture's width and height, z as a fraction of its width.
        blendshapes: scores in [0, 1] in the order of :data:`fenshen.controls.BLENDSHAPES`.
    """

    points: Float[ndarray, "faces 478 3"]
    blendshapes: Float[ndarray, "faces 52"]


class Landmarker:
    """MediaPipe's landmarker for single pictures. Its process ends with ``close``, or with ours.

    Args:
        max_faces: maximum number of faces to look for.

    Raises:
        FenshenError: mediapipe, or a system library it needs, cannot be loaded.
    """

    def __init__(self, max_faces: int) -> None:
        self._max_faces = max_faces
        self._companion = Companion(self._command, environment=_OFFLINE)
        self._ask({}, b"")

    def detect(self, picture: UInt8[ndarray, "H W 3"]) -> Landmarks:
        """The faces of one RGB picture.

        Raises:
            FenshenError: MediaPipe fails on this picture.
        """
        answer = self._ask({"shape": picture.shape[:2]}, np.ascontiguousarray(picture).data.cast("B"))
        rows = np.frombuffer(answer, dtype=np.float32).reshape(-1, 3 * COUNT + len(BLENDSHAPES))
        return Landmarks(rows[:, : 3 * COUNT].reshape(-1, COUNT, 3), rows[:, 3 * COUNT :])

    def close(self) -> None:
        """End the process; a second call does nothing."""
        self._companion.close()

    def _command(self) -> list[str]:
        model = str(assets.path(MODEL))
        return [str(_SCRIPT), json.dumps(sys.path), model, str(self._max_faces), json.dumps(BLENDSHAPES)]

    def _ask(self, request: dict[str, object], data: bytes | memoryview) -> bytes:
        try:
            return self._companion.ask(request, data)[1]
        except CompanionError as error:
            shared = ".so" in str(error) and "faces.no_libraries"
            raise FenshenError(shared or _KEYS.get(error.kind, "faces.not_started"), why=error) from error

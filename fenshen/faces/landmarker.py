"""MediaPipe's Face Landmarker, made quiet: no log lines, no traceback at exit, no message to anyone's server.

Three habits of mediapipe 1.2 are kept from the user here. Its C++ side writes log lines to file descriptor 2
while a landmarker is made and used for the first time. Its ``__del__`` raises at interpreter exit. And when a
landmarker is closed, it posts usage statistics to a Google host through libcurl, with no option to stop it:
Fenshen promises that nothing leaves the machine, so the post is sent to a proxy that cannot exist.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from fenshen import assets
from fenshen.errors import FenshenError

MODEL = "face_landmarker.task"

# libcurl refuses this scheme before it opens a socket or asks a name server.
_NO_PROXY_AT_ALL = "none://nowhere"

# Log levels of the C++ libraries: errors only. Read when they are loaded.
_QUIET = {"GLOG_minloglevel": "2", "TF_CPP_MIN_LOG_LEVEL": "2", "GOOGLE_STDERRTHRESHOLD": "2"}

_stderr_lock = threading.Lock()


class Landmarker:
    """MediaPipe's landmarker for single pictures; close it, or leave that to the interpreter's exit.

    Args:
        max_faces: how many faces to look for in a picture.

    Raises:
        FenshenError: mediapipe or the system libraries it needs cannot be loaded.
    """

    def __init__(self, max_faces: int) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        model = assets.path(MODEL)
        try:
            with _silent_stderr():
                self._landmarker = _create(str(model), max_faces)
                self._detect(np.zeros((64, 64, 3), dtype=np.uint8))  # the first use logs too
        except ImportError as error:
            raise FenshenError("faces.no_mediapipe", why=error) from error
        except OSError as error:
            raise FenshenError("faces.no_libraries", why=error) from error
        except RuntimeError as error:
            raise FenshenError("faces.not_started", why=error) from error
        atexit.register(self.close)

    def detect(self, picture: UInt8[ndarray, "H W 3"]) -> Any:
        """MediaPipe's own result object for one RGB picture."""
        return self._detect(picture)

    def close(self) -> None:
        """Free the landmarker; a second call does nothing."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            with _unreachable_internet():
                landmarker.close()
            atexit.unregister(self.close)

    def _detect(self, picture: UInt8[ndarray, "H W 3"]) -> Any:
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        return self._landmarker.detect(image)


def _create(model: str, max_faces: int) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=model, delegate=BaseOptions.Delegate.CPU),
        num_faces=max_faces,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    return vision.FaceLandmarker.create_from_options(options)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere; Python's own ``sys.stderr`` is flushed first."""
    with _stderr_lock:
        sys.stderr.flush()
        try:
            kept = os.dup(2)
        except OSError:  # a process without standard error has nothing to silence
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


@contextmanager
def _unreachable_internet() -> Iterator[None]:
    """Point libcurl's proxy variables at nothing for a moment (curl reads the lower-case names first)."""
    ours = {"https_proxy": _NO_PROXY_AT_ALL, "no_proxy": "localhost"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

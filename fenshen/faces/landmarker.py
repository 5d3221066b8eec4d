"""MediaPipe's Face Landmarker, made quiet: no log lines, no traceback at exit, no message to anyone's server.

Three habits of mediapipe 1.2 are kept from the user here. Its C++ side writes log lines to file descriptor 2
when a landmarker is made and first used. Its ``__del__`` raises at interpreter exit. And once a minute, and
when a landmarker is closed, it posts usage statistics to a Google host through libcurl, with no option to
stop it. Fenshen promises that nothing leaves the machine: while mediapipe's code runs, libcurl is given a
proxy that cannot exist, so that it gives up before it even asks a name server; and were it to get past
that, a list of trusted certificates that is empty, so that it could say nothing to anyone.
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

# Log levels of the C++ libraries, read when they are loaded: errors only.
_QUIET = {"GLOG_minloglevel": "2", "TF_CPP_MIN_LOG_LEVEL": "2", "GOOGLE_STDERRTHRESHOLD": "2"}

# libcurl reads the lower-case names first, and refuses this scheme before it opens a socket.
_OFFLINE = {"https_proxy": "none://nowhere", "no_proxy": "localhost"}

_lock = threading.Lock()
_inside = 0  # how many threads are in mediapipe's code
_before: dict[str, str | None] = {}


class Landmarker:
    """MediaPipe's landmarker for single pictures. Close it, or leave that to the interpreter's exit.

    Args:
        max_faces: how many faces to look for in a picture.

    Raises:
        FenshenError: mediapipe, or a system library it needs, cannot be loaded.
    """

    def __init__(self, max_faces: int) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        model = assets.path(MODEL)
        self._landmarker: Any = None
        try:
            with _silent_stderr():
                with _offline():
                    self._landmarker = _create(str(model), max_faces)
                self.detect(np.zeros((64, 64, 3), dtype=np.uint8))  # the first use logs, too
        except (ImportError, OSError) as error:
            shared = isinstance(error, OSError) or ".so" in str(error)
            raise FenshenError("faces.no_libraries" if shared else "faces.no_mediapipe", why=error) from error
        except RuntimeError as error:
            raise FenshenError("faces.not_started", why=error) from error
        atexit.register(self._let_go)

    def detect(self, picture: UInt8[ndarray, "H W 3"]) -> Any:
        """MediaPipe's own result object for one RGB picture."""
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        with _offline():
            return self._landmarker.detect(image)

    def close(self) -> None:
        """Free the landmarker; a second call does nothing."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            atexit.unregister(self._let_go)
            with _offline():
                landmarker.close()

    def _let_go(self) -> None:
        """At exit the threads that mediapipe closes with are gone: the process ends it instead."""
        if self._landmarker is not None:
            self._landmarker._handle = None  # what its __del__ looks at


def _create(model: str, max_faces: int) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    class Options(BaseOptions):  # type: ignore[misc]
        def to_ctypes(self) -> Any:
            options = super().to_ctypes()
            options.ca_bundle_path = os.devnull.encode()
            return options

    options = vision.FaceLandmarkerOptions(
        base_options=Options(model_asset_path=model, delegate=BaseOptions.Delegate.CPU),
        num_faces=max_faces,
        output_face_blendshapes=True,
    )
    return vision.FaceLandmarker.create_from_options(options)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment."""
    if sys.stderr is not None:
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
def _offline() -> Iterator[None]:
    """Keep libcurl from the network while any thread is inside; the user's own settings come back after."""
    global _inside
    with _lock:
        if _inside == 0:
            _before.update((name, os.environ.get(name)) for name in _OFFLINE)
            os.environ.update(_OFFLINE)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for name, value in _before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value

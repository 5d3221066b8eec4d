"""MediaPipe in a process of its own: it reaches no one, changes nothing here, and may die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
import trapped

from fenshen.errors import FenshenError
from fenshen.faces import landmarker
from fenshen.faces.detect import FaceFinder

BLACK = np.zeros((64, 64, 3), np.uint8)
needs_trap = pytest.mark.skipif(not trapped.possible(), reason="needs seccomp")

# A landmarker that is closed in an ordinary way, which is when MediaPipe posts its statistics.
CLOSING = """
import os, sys, time
import trapped
from fenshen import assets
from fenshen.faces import landmarker, landmarker_process

trapped.trap()
if sys.argv[1] == "offline":
    os.environ.update(landmarker._OFFLINE)
made = landmarker_process._created(str(assets.path(landmarker.MODEL)), 1)
landmarker_process._found(made, b"", (64, 64), [])
made.close()
for _ in range(20 if sys.argv[1] == "offline" else 600):
    time.sleep(0.1)
os._exit(0)
"""


def run(code: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | environment | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_trap
def test_its_statistics_reach_no_one() -> None:
    """No name is looked up and nothing is sent; without our environment, the trap finds that it tries to."""
    offline, plain = run(CLOSING, "offline"), run(CLOSING, "plain")
    assert offline.returncode == 0, offline.stderr
    assert plain.returncode == -signal.SIGSYS, "MediaPipe posts no more, or the trap is broken: look again"


@needs_trap
@pytest.mark.parametrize("ending", ["finder.close()", "", "del finder", "os.kill(os.getpid(), 9)"])
def test_finding_faces_is_silent_and_reaches_no_one(ending: str) -> None:
    """Neither log lines nor a traceback at exit; by a user's proxy, which is no excuse, neither."""
    code = (
        "import os, sys, trapped\n"
        "trapped.trap()\n"
        "import numpy as np\n"
        "from fenshen.faces.detect import FaceFinder\n"
        "finder = FaceFinder()\n"
        "assert finder.find(np.zeros((64, 64, 3), np.uint8)) == []\n"
        "assert not {'mediapipe', 'matplotlib'} & sys.modules.keys()\n"
        f"{ending}\n"
    )
    proxy = "http://127.0.0.1:9"
    done = run(code, https_proxy=proxy, HTTPS_PROXY=proxy, all_proxy=proxy, no_proxy="*")
    assert (done.stdout, done.stderr) == ("", "")
    assert done.returncode == (-signal.SIGKILL if "kill" in ending else 0)


def test_requests_of_other_threads_go_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """While faces are found, HTTPS goes to the user's own proxy, and the environment is the user's."""
    done, found, asked = threading.Event(), [], []

    def search() -> None:
        with FaceFinder() as finder:
            while not done.is_set():
                found.append(finder.find(BLACK))

    def refuse(server: socket.socket) -> None:
        while not done.is_set():
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000).split()[:2])
                connection.sendall(b"HTTP/1.1 403 no\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        threading.Thread(target=refuse, args=[server], daemon=True).start()
        before, threads = dict(os.environ), cv2.getNumThreads()
        searching = threading.Thread(target=search)
        searching.start()
        try:
            while len(found) < 20 and searching.is_alive():
                with pytest.raises(OSError, match="403"):
                    urllib.request.urlopen("https://speech.invalid/v1", timeout=10)
                assert dict(os.environ) == before
        finally:
            done.set()
            searching.join()
    assert len(found) >= 20
    assert cv2.getNumThreads() == threads
    assert {tuple(words) for words in asked} == {(b"CONNECT", b"speech.invalid:443")}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_it_is_started_again_when_it_was_killed() -> None:
    with FaceFinder() as finder:
        first = finder._landmarker._companion.pid
        os.kill(first, signal.SIGKILL)
        assert finder.find(BLACK) == []
        assert finder._landmarker._companion.pid != first


@pytest.mark.parametrize(
    ("error", "key"),
    [
        ("OSError('libEGL.so.1: cannot open shared object file')", "faces.no_libraries"),
        ("ImportError('libGLESv2.so.2: cannot open shared object file')", "faces.no_libraries"),
        ("ModuleNotFoundError('No module named flatbuffers')", "faces.no_mediapipe"),
        ("RuntimeError('no delegate')", "faces.not_started"),
    ],
)
def test_what_is_missing_is_named(
    error: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mediapipe").mkdir()
    (tmp_path / "mediapipe" / "__init__.py").write_text(f"raise {error}")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FenshenError) as caught:
        FaceFinder()
    assert caught.value.key == key
    assert error.split("'")[1] in str(caught.value)


def test_a_process_that_cannot_run_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarker, "_SCRIPT", tmp_path / "none.py")
    with pytest.raises(FenshenError, match="code 2") as caught:
        FaceFinder()
    assert caught.value.key == "faces.not_started"

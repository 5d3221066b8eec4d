"""What a process is tuned to, by one call and by nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


def run(code: str, **environment: str) -> dict[str, object]:
    """What a fresh interpreter prints as JSON; it must say nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_start_loads_nothing_and_keeps_what_the_user_has_set() -> None:
    code = (
        "import json, os, sys\n"
        "from fenshen import machine\n"
        "machine.start()\n"
        "machine.start(worker=True)\n"
        "heavy = sorted(sys.modules.keys() & {'torch', 'cv2', 'mediapipe', 'lightning', 'numpy'})\n"
        "print(json.dumps({'heavy': heavy, **os.environ}))"
    )
    plain = run(code)
    assert plain["heavy"] == []
    assert (plain["GOMP_SPINCOUNT"], plain["OPENCV_FOR_THREADS_NUM"]) == ("10000", "1")
    assert run(code, GOMP_SPINCOUNT="5")["GOMP_SPINCOUNT"] == "5"
    assert "GOMP_SPINCOUNT" not in run(code, OMP_WAIT_POLICY="ACTIVE")


@pytest.mark.parametrize("late", [False, True])
def test_libraries_follow(late: bool) -> None:
    load = "import cv2, lightning.fabric\n"
    start = "from fenshen import machine\nmachine.start(worker=True)\n"
    code = (
        f"{load + start if late else start + load}"
        "import json, logging\n"
        "from lightning.fabric.utilities.rank_zero import rank_zero_info\n"
        "rank_zero_info('which precision is used')\n"  # on standard error, if anywhere
        "print(json.dumps({'threads': cv2.getNumThreads()}))"
    )
    assert run(code) == {"threads": 1}


def test_nothing_else_changes_the_process() -> None:
    """Getters, constructors and finding a face leave the environment, threads, loggers and handlers as they are."""
    code = (
        "import atexit, json, logging, os, signal\n"
        "import cv2, numpy as np, torch, lightning.fabric\n"
        "def state():\n"
        "    loggers = {n: (l.level, len(l.filters)) for n, l in sorted(logging.root.manager.loggerDict.items())\n"
        "               if isinstance(l, logging.Logger) and 'lightning' in n}\n"
        "    return [dict(os.environ), cv2.getNumThreads(), torch.get_num_threads(), loggers, atexit._ncallbacks(),\n"
        "            [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)]]\n"
        "from fenshen import machine\n"
        "from fenshen.faces.detect import FaceFinder\n"
        "before = state()\n"
        "machine.torch_device('cpu'), machine.fabric('cpu', 1, 1, 'float32')\n"
        "finder = FaceFinder()\n"
        "finder.find(np.zeros((800, 64, 3), np.uint8))\n"
        "print(json.dumps(before == state()))"
    )
    assert run(code) is True

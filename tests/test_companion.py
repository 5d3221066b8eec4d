"""A process of its own: it answers, ends with us, and is started again when it has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fenshen.companion import Companion, CompanionError

SCRIPT = """
import json, os, sys
for line in sys.stdin.buffer:
    request = json.loads(line)
    data = sys.stdin.buffer.read(request["bytes"])
    if request.get("end") and not os.path.exists(request["end"]):
        if os.path.isdir(os.path.dirname(request["end"])):
            open(request["end"], "w").close()
        os._exit(3)
    if request.get("fail"):
        head, data = {"error": "no such thing", "kind": "LookupError"}, b""
    else:
        head = {"bytes": len(data), "pid": os.getpid(), "word": os.environ.get("WORD")}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\\n" + data[::-1])
    sys.stdout.buffer.flush()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def ended(process: int, seconds: float = 10.0) -> bool:
    """Whether a process that is not our child ends within that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_it_answers_with_an_environment_of_its_own(script: Path) -> None:
    companion = Companion(lambda: [str(script)], environment={"WORD": "secret"})
    assert companion.pid is None
    data = bytes(range(256)) * 4096  # more than a pipe holds
    head, answer = companion.ask({}, data)
    assert answer == data[::-1]
    assert head["word"] == "secret"
    assert "WORD" not in os.environ
    with pytest.raises(CompanionError, match="no such thing") as caught:
        companion.ask({"fail": True}, b"unread")
    assert caught.value.kind == "LookupError"
    assert companion.ask({})[0]["pid"] == companion.pid == head["pid"]  # an error does not end it
    companion.close()
    companion.close()


def test_it_is_asked_once_more_when_it_ends_and_no_oftener(script: Path, tmp_path: Path) -> None:
    companion = Companion(lambda: [str(script)])
    first = companion.ask({})[0]["pid"]
    assert companion.ask({"end": str(tmp_path / "once")}, b"abc")[1] == b"cba"
    assert companion.pid != first
    with pytest.raises(CompanionError, match="code 3"):
        companion.ask({"end": str(tmp_path / "no" / "such")})
    companion.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_us_and_not_by_an_interrupt(script: Path, number: int) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from fenshen.companion import Companion\n"
        f"companion = Companion(lambda: [{str(script)!r}])\n"
        "companion.ask({})\n"
        "try:\n"
        "    print(companion.pid, flush=True)\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    assert companion.ask({}, b'ab')[0]['pid'] == companion.pid\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        companion = int(process.stdout.readline())
        os.killpg(process.pid, number)  # as a terminal does: to the whole group
        errors = process.communicate()[1]
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0), errors
    assert errors == b""
    assert ended(companion)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_starts_one_of_its_own(script: Path) -> None:
    companion = Companion(lambda: [str(script)])
    ours = companion.ask({})[0]["pid"]
    copy = os.fork()
    if copy == 0:
        theirs = companion.ask({}, b"xy")[0]["pid"]
        companion.close()
        os._exit(0 if theirs != ours else 1)
    assert os.waitpid(copy, 0)[1] == 0
    assert companion.ask({})[0]["pid"] == ours
    companion.close()

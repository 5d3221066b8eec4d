"""Two at work on one thing: the second is told at once, and a dead process holds nobody up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from preparing import folder_of, make

import fenshen
from fenshen import machine
from fenshen.doubles.store import SUFFIX
from fenshen.errors import FenshenError
from fenshen.locks import at_work

HOLDER = (
    "import sys; from fenshen.locks import at_work\n"
    "with at_work(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path):
    """Another process at work on ``tmp_path / "new" / "thing"``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "new" / "thing")],
        env=dict(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_is_refused_under_any_name_and_told_who_is_first(holder, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "new")
    for name in ("new/thing", "new/../new/thing", "link/thing"):
        with pytest.raises(FenshenError, match=str(holder.pid)), at_work(tmp_path / name):
            pass
    with at_work(tmp_path / "new" / "other"):
        pass


def test_the_first_is_named_although_it_writes_its_name_late(tmp_path):
    with at_work(tmp_path / "thing"):
        (file,) = tmp_path.glob(".*lock")
        name = file.read_text()
        file.write_text("")
        late = threading.Timer(0.1, lambda: file.write_text(name))
        late.start()
        with pytest.raises(FenshenError, match=str(os.getpid())), at_work(tmp_path / "thing"):
            pass
        late.join()


def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert list((tmp_path / "new").iterdir())
    with (
        at_work(tmp_path / "new" / "thing"),
        pytest.raises(FenshenError),
        at_work(tmp_path / "new" / "thing"),
    ):
        pass
    assert not list((tmp_path / "new").iterdir())


def test_nothing_is_left_where_nothing_was_made(holder, tmp_path):
    holder.communicate("")
    assert not list(tmp_path.iterdir())


def test_every_verb_that_works_long_takes_the_lock(drawings, tmp_path):
    pictures, out = folder_of(tmp_path / "pictures", 3), tmp_path / f"out{SUFFIX}"
    with at_work(out):
        for work in (
            lambda: make([pictures], out, force=True),
            lambda: fenshen.train(drawings, out=out, force=True),
            lambda: fenshen.double([pictures / "000.png"], name="me", consent="self", out=out, force=True),
        ):
            with pytest.raises(FenshenError) as caught:
                work()
            assert caught.value.key == "files.at_work"
    assert not out.exists()


def test_of_several_processes_of_one_training_the_first_is_the_main_one(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert machine.is_main_process()
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        with monkeypatch.context() as context:
            context.setenv(name, "1")
            assert not machine.is_main_process()

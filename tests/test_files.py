"""Writing beside the place and moving there: what is there is whole, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fenshen import files
from fenshen.errors import FenshenError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "note.txt"
    files.write_text(target, "first")
    with pytest.raises(ZeroDivisionError), files.writing(target) as part:
        assert part.suffix == ".txt"
        part.write_text("half of the sec")
        raise ZeroDivisionError
    assert target.read_text() == "first"
    files.write_text(target, "second")
    assert target.read_text() == "second"
    assert [file.name for file in target.parent.iterdir()] == ["note.txt"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "run"
    for content in ("first", "second"):
        with files.writing_folder(target) as part:
            (part / "inside").mkdir()
            (part / "inside" / content).write_text(content)
    with pytest.raises(ZeroDivisionError), files.writing_folder(target) as part:
        (part / "third").write_text("third")
        raise ZeroDivisionError
    assert [file.name for file in target.rglob("*")] == ["inside", "second"]
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_an_error_of_the_system_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (files.writing, files.writing_folder):
        with pytest.raises(FenshenError, match="Cannot write"), write(tmp_path / "file" / "below"):
            pass


def test_what_a_killed_process_left_is_removed(tmp_path):
    script = (
        "import os, sys; from fenshen import files\n"
        "with files.writing(sys.argv[1]) as part: part.write_text('half'); os._exit(9)"
    )
    target = tmp_path / "note.txt"
    subprocess.run([sys.executable, "-c", script, str(target)], env=dict(os.environ), check=False)
    assert [file.suffix for file in tmp_path.iterdir()] == [".txt"]
    assert not target.exists()
    files.write_text(target, "whole")
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]

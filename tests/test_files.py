"""Writing beside the place and moving there: what is there is whole, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from fenshen import files
from fenshen.errors import FenshenError, UsageError


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


def test_threads_may_write_the_same_file(tmp_path):
    target = tmp_path / "note.txt"
    texts = [str(number) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: files.write_text(target, text), texts * 5))
    assert target.read_text() in texts
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_followed_and_permissions_stay(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    secret = tmp_path / "real" / "secret.txt"
    secret.touch()
    secret.chmod(0o600)
    (tmp_path / "secret.txt").symlink_to(secret)
    files.write_text(tmp_path / "secret.txt", "new")
    assert secret.read_text() == "new"
    assert secret.stat().st_mode & 0o777 == 0o600
    with files.writing_folder(tmp_path / "link") as part:
        (part / "inside").touch()
    assert [file.name for file in (tmp_path / "real").iterdir()] == ["inside"]
    assert (tmp_path / "link").is_symlink()


def test_files_that_join_a_folder(tmp_path):
    target = tmp_path / "frames"
    for name in ("first", "second"):
        with files.writing_folder(target, keep=True) as part:
            files.write_text(part / name, name)
            files.write_text(part / "below" / name, name)
    found = sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file())
    assert found == ["below/first", "below/second", "first", "second"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_whose_replacement_was_killed_comes_back(tmp_path):
    script = (
        "import os, sys; from fenshen import files\n"
        "rename, done = os.replace, []\n"
        "def dying(*names):\n"
        "    if done: os._exit(9)\n"
        "    done.append(rename(*names))\n"
        "with files.writing_folder(sys.argv[1]) as part:\n"
        "    os.replace = dying"
    )
    target = tmp_path / "run"
    with files.writing_folder(target) as part:
        (part / "first").touch()
    subprocess.run([sys.executable, "-c", script, str(target)], env=dict(os.environ), check=False)
    assert not target.exists()
    with pytest.raises(ZeroDivisionError), files.writing_folder(target):
        raise ZeroDivisionError
    assert [file.name for file in target.iterdir()] == ["first"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["分" * 83 + ".txt", "1." + "分" * 82, "😀" * 61 + ".double", "x" * 255])
def test_the_longest_names_can_be_written(name, tmp_path):
    target = tmp_path / name
    for text in ("first", "second"):
        files.write_text(target, text)
        assert target.read_text() == text
    with files.writing_folder(tmp_path / "in" / name) as part:
        (part / "inside").touch()
    beside = files.beside(target, "units")
    beside.mkdir()
    assert beside != files.beside(tmp_path / (name[:-1] + "y"), "units")
    assert {file.name for file in tmp_path.iterdir()} == {name, "in", beside.name}


def test_a_file_for_a_folder_and_the_reverse_are_refused(tmp_path):
    (tmp_path / "file").touch()
    files.must_be_file(tmp_path / "file", "files.recording")
    files.must_be_folder(tmp_path, "files.output")
    for check, wrong in ((files.must_be_file, tmp_path), (files.must_be_folder, tmp_path / "file")):
        with pytest.raises(UsageError, match=str(wrong)):
            check(wrong, "files.recording")
        check(tmp_path / "absent", "files.recording")


def test_errors_name_what_the_user_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for write, name in ((files.writing, "folder"), (files.writing_folder, "file")):
        with pytest.raises(FenshenError) as caught, write(tmp_path / name):
            raise AssertionError("nothing is done in vain")
        assert caught.value.values["path"] == tmp_path / name
    with (
        pytest.raises(FenshenError) as caught,
        files.writing_folder(tmp_path / "run") as part,
        files.writing(part / "inner", ZeroDivisionError),
    ):
        raise ZeroDivisionError("no space left")
    assert caught.value.values == {"path": tmp_path / "run", "why": "no space left"}

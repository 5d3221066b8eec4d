"""The command line end to end: what it prints where, exit codes, help in both languages; and that verbs compose."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import typer

import fenshen
from fenshen import OutputOptions, cli, commands, messages, portraits
from fenshen.commands import Word
from fenshen.tour.parts import PARTS

QUICK = ["steps=2", "batch_size=8", "size=32", "width=8", "evaluate_every=0", "minutes=5"]
SET = [word for setting in QUICK for word in ("--set", setting)]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run ``fenshen`` with some words in this process: exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["fenshen", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    yield run
    messages.use(None)


@pytest.fixture(scope="module")
def trained(drawings, tmp_path_factory):
    run = tmp_path_factory.mktemp("cli") / "run"
    return fenshen.train(drawings, out=run, recipe="dcgan-64", settings=QUICK, progress=False)


def test_every_command_prints_one_json_value(run, drawings, trained, someone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fenshen.tour.parts.PICTURES", 40)
    quick = [part for part in PARTS if part.name in ("film", "generator")]  # test_tour.py has the others
    monkeypatch.setattr("fenshen.tour.demo.PARTS", quick)
    calls = {
        "demo": ["--minutes", "0.05", "--out", "demo"],
        "doctor": [],
        "prepare": ["avatars:lorelei:8", "--size", "32", "--out", "data"],
        "humans": ["--report", "20"],
        "train": [drawings, "--recipe", "dcgan-64", *SET, "--out", "run"],
        "generate": [trained.path, "--seeds", "1-2", "--out", "sheet.png"],
        "evaluate": [trained.path, drawings, "--count", "16", "--out", "report"],
        "double": ["--consent-template"],
        "edit": [someone, "--set", "smile=0.5", "--out", "edited.png"],
        "animate": [someone, "--idle", "0.2", "--out", "idle.mp4"],
        "say": [someone, "Hi.", "--engine", "espeak", "--scale", "1", "--out", "said.mp4"],
        "restore": ["edited.png", "--task", "jpeg", "--out", "mended.png"],
        "stylize": ["edited.png", "--out", "toon.png"],
        "explain": [trained.path, "--count", "64", "--out", "explained"],
        "verify": ["edited.png"],
    }
    assert set(calls) == set(cli.COMMANDS)
    if importlib.util.find_spec("espeakng_loader") is None:
        calls["say"] = ["--list-voices"]
    for command, words in calls.items():
        code, out, _ = run(command, *words, "--json")
        assert code == 0, command
        assert json.loads(out), command
        assert out.count("\n") == 1, command


def test_results_are_words_without_json(run, trained, tmp_path):
    code, out, _ = run("generate", trained.path, "--seeds", "1", "--out", tmp_path / "one.png")
    assert (code, out) == (0, f"Wrote {tmp_path / 'one.png'}\n")
    assert "Kokoro" in run("doctor")[1]


def test_paths_of_every_option_may_begin_at_home(run, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(trained.path)
    code, out, _ = run("generate", "~/run", "--seeds", "1", "--out=~/one.png")
    assert (code, out) == (0, f"Wrote {tmp_path / 'one.png'}\n")
    code, out, error = run("prepare", "~/run/samples", "--out=~/data", "--crop", "none", "--size", "32")
    assert code == 0, error
    assert {file.name for file in tmp_path.glob("[!.]*")} == {"run", "one.png", "data"}
    code, _, error = run("generate", "~/run", "--out", f"{'分' * 86}.png")
    assert (code, "too long" in error) == (2, True)


def test_wrong_words_are_2_and_failed_work_is_1_in_one_sentence(run, tmp_path):
    code, out, error = run("generate", "humans", "--set", "smil=1", "--out", tmp_path / "x.png")
    assert (code, out) == (2, "")
    assert "did you mean 'smile'" in error
    assert run("generate", "--unknown")[0] == 2
    assert run("say")[0] == 2
    code, out, error = run("evaluate", tmp_path, tmp_path, "--out", tmp_path / "report")
    assert (code, out) == (1, "")
    assert error.count("\n") == 1
    assert "not a dataset" in error


def test_debug_shows_a_traceback(monkeypatch, tmp_path):
    words = ["fenshen", "verify", str(tmp_path / "absent.png"), "--debug"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(fenshen.errors.FenshenError, match="absent"):
        cli.main()


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_an_interrupt_is_130_and_the_same_command_continues(drawings, tmp_path):
    words = [sys.executable, "-m", "fenshen", "train", str(drawings), "--recipe", "dcgan-64", *SET]
    words += ["--set", "steps=100000", "--out", str(tmp_path / "run"), "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "checkpoints" / "step-00000000").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert "everything is saved" in error
    again = fenshen.train(drawings, out=tmp_path / "run", settings=["steps=1"], progress=False)
    assert again.report["steps"] >= 1


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize(
    ("seconds", "number"), [(1.0, signal.SIGINT), (3.0, signal.SIGINT), (4.0, signal.SIGTERM)]
)
def test_an_interrupt_is_one_sentence_and_leaves_nothing(seconds, number, someone, tmp_path):
    words = ["animate", str(someone), "--idle", "600", "--out", str(tmp_path / "idle.mp4")]
    process = subprocess.Popen([sys.executable, "-m", "fenshen", *words], stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(number)
    _, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (130, "Stopped. No half-written file was left.\n")
    assert not list(tmp_path.iterdir())


def test_an_interrupt_that_a_library_renames_is_still_one(run, monkeypatch):
    def loading(target):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise ImportError("cannot load module more than once per process")

    monkeypatch.setattr(commands, "load", loading)
    assert run("doctor")[::2] == (130, "Stopped. No half-written file was left.\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(os.name == "nt", reason="needs pipes that break")
@pytest.mark.parametrize(
    ("words", "code"),
    [("doctor", 0), ("doctor --json", 0), ("humans --report 20", 0), ("verify {plain}", 1), ("--help", 1)],
)
def test_a_closed_pipe_ends_a_command_quietly(words, code, tmp_path):
    portraits.write(tmp_path / "plain.png", np.zeros((64, 64, 3), np.uint8))
    reading, writing = os.pipe()
    os.close(reading)
    said = [word.format(plain=tmp_path / "plain.png") for word in words.split()]
    done = subprocess.run(
        [sys.executable, "-m", "fenshen", *said], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_output_that_is_full_is_said_and_output_that_is_closed_is_none(tmp_path):
    portraits.write(tmp_path / "plain.png", np.zeros((64, 64, 3), np.uint8))
    verify = f'"{sys.executable}" -m fenshen verify "{tmp_path / "plain.png"}"'
    full, closed, all_closed = (
        subprocess.run(f"{verify} {ends}", shell=True, capture_output=True, text=True, check=False)
        for ends in (">/dev/full", ">&-", ">&- 2>&-")
    )
    assert full.stderr.startswith("Standard output cannot be written: No space left")
    assert closed.stderr == all_closed.stderr == ""
    assert {full.returncode, closed.returncode, all_closed.returncode} == {1}


@pytest.mark.parametrize("words", ["--help", "verify --help"])
def test_help_on_a_terminal_of_ascii_is_ascii(words):
    done = subprocess.run(
        [sys.executable, "-m", "fenshen", *words.split(), "--lang", "zh"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"???" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "gbk", "ascii"])
def test_a_terminal_shows_what_it_can(encoding, tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    words = [
        "prepare",
        "avatars:lorelei:6",
        "--size",
        "32",
        "--out",
        str(tmp_path / "照片😀"),
        "--lang",
        "zh",
    ]
    for more in ([], ["--force", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "fenshen", *words, *more],
            env=environment,
            capture_output=True,
            encoding=encoding,
            check=True,
        )
        assert "32" in done.stdout
    assert json.loads(done.stdout)["path"] == str(tmp_path / "照片😀")


def test_a_folder_is_no_file_to_verify(run, tmp_path):
    code, out, error = run("verify", tmp_path)
    assert (code, out) == (2, "")
    assert "is a folder" in error


def test_only_a_valid_file_verifies(run, someone, tmp_path):
    picture = tmp_path / "edited.png"
    assert run("edit", someone, "--out", picture)[0] == 0
    assert run("verify", picture)[0] == 0
    (tmp_path / "changed.png").write_bytes(picture.read_bytes().replace(b"IDAT", b"IDAX"))
    portraits.write(tmp_path / "stripped.png", fenshen.portraits.read(picture))
    portraits.write(tmp_path / "nothing.png", np.zeros((64, 64, 3), np.uint8))
    for status in ("changed", "stripped", "nothing"):
        code, out, _ = run("verify", tmp_path / f"{status}.png", "--json")
        assert (code, json.loads(out)["status"]) == (1, status)
        assert run("verify", tmp_path / f"{status}.png")[0] == 1


def test_help_stands_in_both_languages_for_everything_that_can_be_said(run):
    everything = cli.COMMANDS | {}
    for name, target in everything.items():
        function = commands.load(target)
        said = {parameter.name for parameter in commands.parameters(function)}
        messages.use("en")
        assert set(commands.help_of(name, function)) - {"progress"} == said, name
        assert set(commands.chinese()[name]) == said, name
        assert all(commands.help_of(name, function).values()), name
        code, out, _ = run("--lang", "zh", name, "--help")
        assert code == 0
        assert all(line[:4] in out for line in map(str.strip, commands.chinese()[name].values())), name


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from fenshen import cli; sys.argv = ['fenshen', *sys.argv[1:], '--help']\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'cv2', 'av', 'mediapipe', 'lightning') if name in sys.modules])"
    )
    for words in ([], *([name] for name in cli.COMMANDS)):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
        assert done.stdout.endswith("[]\n"), words


def test_a_function_becomes_a_command():
    def paint(
        what: str,
        *,
        colours: Annotated[list[str], Word("--colour")] = (),  # type: ignore[assignment]
        bright: bool = True,
        output: OutputOptions = OutputOptions(),
    ) -> str:
        """Paint.

        Args:
            what: the thing to paint
            colours: a colour; can be repeated
            bright: in bright light
            output: how it is finished
        """
        return f"{what} {','.join(colours)} {bright} {output.scale}"

    app = typer.Typer()
    app.command("paint")(cli.command("paint", paint))
    said = {p.name: p for p in commands.parameters(paint)}
    assert said["what"].spellings == []
    assert said["colours"].spellings == ["--colour"]
    assert said["bright"].spellings == ["--bright/--no-bright"]
    assert said["scale"].within == "output"
    from typer.testing import CliRunner

    words = ["door", "--colour", "red", "--colour", "blue", "--no-bright", "--scale", "3"]
    assert CliRunner().invoke(app, words).output == "door red,blue False 3.0\n"


@pytest.mark.parametrize(
    "text", ["-5℃", "- 你好", "--你好", "-hello", "-our plan", "-", "-o-o 啊", "——", "--5 and more"]
)
def test_a_text_may_begin_with_a_minus(text):
    def speak(
        who: str, text: str, *, out: Annotated[str, Word()] = "", seed: int = 0, bright: bool = True
    ) -> str:
        """Speak.

        Args:
            who: somebody
            text: what to say
            out: the film
            seed: a number
            bright: in bright light
        """
        return f"{who}|{text}|{out}|{seed}|{bright}"

    from typer.testing import CliRunner

    app = typer.Typer()
    app.command("speak", cls=cli.TextCommand)(cli.command("speak", speak))
    for words in (
        ["me", text, "--out", "-", "--seed=-3", "--no-bright"],
        ["--seed", "-3", "me", "--no-bright", text, "-o", "-"],
        ["-o-", "--no-bright", "--seed", "-3", "--", "me", text],
    ):
        assert CliRunner().invoke(app, words).output == f"me|{text}|-|-3|False\n"
    wrong = CliRunner().invoke(app, ["me", text, "--sede", "3"])
    assert wrong.exit_code == 2
    assert "--sede" in wrong.output


def test_verbs_take_what_verbs_return(tmp_path):
    data = fenshen.prepare(["avatars:lorelei:16"], tmp_path / "data", size=32, progress=False)
    assert data.report.kept == len(data) == 16
    run = fenshen.train(data, out=tmp_path / "run", recipe="dcgan-64", settings=QUICK, progress=False)
    assert (run.recipe.family, run.report["steps"]) == ("dcgan", 2)
    (sheet,) = fenshen.generate(run, out=tmp_path / "a.png", seeds="3")
    (again,) = fenshen.generate(run.model(), out=tmp_path / "b.png", seeds="3")
    assert np.array_equal(fenshen.portraits.read(sheet), fenshen.portraits.read(again))
    report = fenshen.evaluate(run, data, tmp_path / "report", count=8, progress=False)
    assert report.generated == 8
    assert Path(run) == tmp_path / "run"


def test_an_opened_double_is_edited(someone, tmp_path):
    double = fenshen.Double.open(someone)
    options = OutputOptions(scale=1, label=False)
    picture = fenshen.edit(double, settings=["smile=0.8"], out=tmp_path / "a.png", output=options)
    assert fenshen.verify(picture).double == "someone"
    from_path = fenshen.edit(someone, settings=["smile=0.8"], out=tmp_path / "b.png", output=options)
    pictures = [np.asarray(fenshen.portraits.read(path)) for path in (picture, from_path)]
    assert np.array_equal(*pictures)


def test_type_checkers_see_the_verbs(tmp_path):
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        "import fenshen\n"
        "reveal_type(fenshen.edit(fenshen.Double.open('me.double'), settings=['smile=1']))\n"
        "reveal_type(fenshen.train('faces', out='run').report)\n"
    )
    words = [
        sys.executable,
        "-m",
        "mypy",
        "--follow-imports=silent",
        "--ignore-missing-imports",
        str(snippet),
    ]
    found = subprocess.run(
        words, capture_output=True, text=True, cwd=Path(fenshen.__file__).parents[1]
    ).stdout
    assert 'Revealed type is "pathlib.Path"' in found
    assert 'Revealed type is "dict[str, Any]"' in found or "builtins.dict[builtins.str, Any]" in found
    assert (Path(fenshen.__file__).parent / "py.typed").is_file()
    assert set(fenshen.__all__) - {"__version__"} == set(fenshen._PLACES)
    assert all(
        inspect.isclass(x) or callable(x) for x in (getattr(fenshen, name) for name in fenshen._PLACES)
    )

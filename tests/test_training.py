"""Training as a whole, on 96 drawings of 32 px: every recipe, every way out, every way back."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from preparing import folder_of, make
from safetensors.torch import load_file

import fenshen
from fenshen import controls, machine, portraits
from fenshen import model as models
from fenshen.dataset import Batches, Dataset, Labels
from fenshen.doubles.keyframes import choose
from fenshen.errors import FenshenError, Interrupted, UsageError
from fenshen.keyframes import FOLDER
from fenshen.model import Model
from fenshen.training import checkpoint, loop, progress
from fenshen.training import recipe as recipes
from fenshen.training.feed import Feed
from fenshen.training.game import Game
from fenshen.training.labels import labels

SMALL = (
    "size=32",
    "width=8",
    "max_width=32",
    "batch_size=8",
    "evaluate_every=0",
    "sample_every=1000",
    "checkpoint_every=1000",
    "precision=float32",
)
GROUPS = ("minutes", "hours", "people", "papers")
DRAWING = [
    n for n in recipes.shipped() if recipes.load(n).group in GROUPS and n != "grey"
]  # see test_greys.py
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "FENSHEN_LANG": "en"}


def train(data, run, *settings, recipe=None):
    return fenshen.train(
        data, out=run, recipe=recipe, settings=(*SMALL, *settings), device="cpu", progress=False
    ).path


def rows(run, name="loss_g"):
    return [row for row in progress.rows(run) if name in row]


def last_state(run):
    return load_file(checkpoint.folders(run)[-1] / "state.safetensors")


def command(data, run, *settings, recipe="fast-64", more=()):
    words = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
    start = [sys.executable, "-m", "fenshen", "train", str(data), "--out", str(run)]
    return [*start, "--recipe", recipe, "--device", "cpu", *more, *words]


@pytest.fixture(scope="module")
def trained(drawings, tmp_path_factory):
    """A run of 12 steps with a checkpoint every 4."""
    run = tmp_path_factory.mktemp("runs") / "trained"
    return train(drawings, run, "steps=12", "checkpoint_every=4", "log_every=4", recipe="fast-64")


@pytest.fixture
def run_copy(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def test_a_run_with_nothing_left_says_so(drawings, run_copy):
    for steps, words in ((8, "Nothing was trained"), (12, "12 steps already"), (13, "Trained.")):
        run = fenshen.train(drawings, out=run_copy, settings=(*SMALL, f"steps={steps}"), progress=False)
        assert words in run.text
    assert "Trained" in fenshen.training.run.Run(run_copy).text


def test_a_batch_has_some_pictures_of_each_set():
    dark, light = (np.full((5, 32, 32, 3), value, np.uint8) for value in (0, 255))
    sets = [
        Batches(pixels, np.arange(5), Labels(np.full((5, controls.COUNT), i, np.float32)), share, seed=0)
        for i, (pixels, share) in enumerate(((dark, 6), (light, 2)))
    ]
    recipe = recipes.load("fast-64", ["size=32", "batch_size=8", "accumulate=2"])
    feed = Feed(recipe, sets, machine.fabric("cpu", 1, 1, "32-true"))
    one, two = feed.move(3, 32)
    assert [float(x.mean()) for x in one.pictures] == [-1] * 4
    assert [float(x.mean()) for x in two.pictures] == [-1, -1, 1, 1]
    assert two.controls[0].eq(0).all()
    assert not two.controls[-1].eq(0).any()


def test_schedules_end_with_the_minutes(drawings, tmp_path, monkeypatch):
    # A clock that ticks each time it is read, so that a busy machine changes nothing.
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    words = ("steps=1000000", "minutes=1", "log_every=1", "lr_schedule.kind=linear", "lr_schedule.end=0")
    run = train(drawings, tmp_path / "run", *words, recipe="dcgan-64")
    rates = [row["lr_g"] for row in rows(run, "lr_g")]
    assert 5 < len(rates) < 60
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] / 2


# ---- recipes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWING)
def test_every_shipped_recipe_trains(name, drawings, cast, tmp_path):
    paired = recipes.load(name).paired
    more = ["adversarial_from=10", "start=null"] if paired else []
    data = cast if paired else drawings
    if recipes.load(name).keyframes:
        with pytest.raises(UsageError, match="keyframes"):
            train(data, tmp_path / "run", "fine=null", recipe=name)
        more += ["fine=32", "unfilmed=0"]
        data = Dataset(shutil.copytree(cast, tmp_path / "data"))
        choose(data, recipes.load(name).keyframes).write(data.path / FOLDER)
    run = train(data, tmp_path / "run", "steps=30", "log_every=10", *more, recipe=name)
    logged = rows(run, "images")
    assert [row["step"] for row in logged] == [10, 20, 30]
    assert all(math.isfinite(v) for row in logged for v in row.values() if isinstance(v, float))
    assert "exploded" not in [row["finding"] for row in rows(run, "finding")]
    assert json.loads((run / "report.json").read_text())["pictures_seen"] == 30 * 8
    assert (run / "samples" / "step-00000030.png").is_file()
    before, after = checkpoint.folders(run)[0], checkpoint.folders(run)[-1]
    weights, start = load_file(after / models.WEIGHTS), load_file(before / models.WEIGHTS)
    assert any(not torch.equal(weights[key], start[key]) for key in weights)
    assert Model.load(run).sample([0]).shape == (1, 32, 32, 3)


def test_recipes_say_what_they_are_in_both_languages():
    for name in recipes.shipped():
        recipe = recipes.load(name)
        assert recipe.name == name
        assert set(recipe.summary) == {"en", "zh"}
        assert recipes.build(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("batchsize=8", "batch_size"),
        ("lr_schedule.knd=cosine", "kind"),
        ("loss=hing", "loss"),
        ("size=48", "power of two"),
        ("steps", "steps"),
        ("matching=1", "fast"),
        ("spectral_norm=true", "style"),
        ("lr_g=nan", "finite"),
        ("betas=[0.5,1.5]", "less than 1"),
        ("batch_size=1000000000", "at most"),
        ("steps.kind=cosine", "no part"),
    ],
)
def test_a_bad_setting_is_refused_by_name(setting, sentence):
    with pytest.raises(UsageError, match=sentence):
        recipes.load("style-64", [setting])


def test_a_mistyped_recipe_names_the_nearest():
    with pytest.raises(UsageError, match="fast-64"):
        recipes.load("fats-64")


def test_settings_may_be_small_numbers_and_reach_inside():
    recipe = recipes.load("fast-64", ["lr_g=1e-4", "lr_schedule.kind=linear", "lr_schedule.end=0"])
    assert recipe.lr_g == 1e-4
    assert [recipe.lr_schedule.factor(step, 100) for step in (0, 50, 100)] == [1.0, 0.5, 0.0]


def test_a_paired_recipe_learns_to_draw_what_it_is_asked_for(cast, tmp_path):
    settings = ("steps=40", "log_every=10", "adversarial_from=30", "batch_size=16", "lr_schedule.warmup=0")
    run = train(cast, tmp_path / "run", *settings, recipe="humans-128")
    errors = [row["reconstruction"] for row in rows(run, "reconstruction")]
    assert errors[-1] < 0.8 * errors[0]
    assert ["loss_d" in row for row in rows(run, "images")] == [False, False, False, True]
    assert Model.load(run).card.told == "human"
    data = Dataset(cast)
    asked = labels(data, recipes.load("humans-128"))
    train_rows = np.flatnonzero(np.array(data.records["split"].to_pylist()) == "train")

    def errors_of(folder):
        """Mean absolute error of what is drawn: against the pictures asked for, and against all others."""
        codes = torch.from_numpy(asked.codes[train_rows])
        drawn = Model.load(folder).draw(codes, controls=asked.controls[train_rows]).astype(float)
        apart = np.abs(drawn[:, None] - data.pixels[train_rows].astype(float)).mean((2, 3, 4))
        own = np.eye(len(apart), dtype=bool)
        return apart[own].mean(), apart[~own].mean()

    before, after = (errors_of(checkpoint.folders(run)[index]) for index in (0, -1))
    assert after[0] < 0.8 * before[0]
    assert after[0] < 0.85 * after[1]  # nearer to what was asked for than to what others asked for
    assert before[0] > 0.95 * before[1]


def test_a_paired_recipe_wants_to_know_who_is_seen(drawings, cast, tmp_path):
    with pytest.raises(UsageError, match="controls"):
        train(drawings, tmp_path / "run", "steps=1", recipe="humans-128")
    with pytest.raises(UsageError, match="192"):
        train(cast, tmp_path / "run", "steps=1", "latent=64", recipe="humans-128")
    with pytest.raises(UsageError, match="mirror"):
        recipes.load("humans-128", ["mirror=true"])
    with pytest.raises(UsageError, match="paired"):
        recipes.load("fast-64", ["reconstruction=1"])


def test_conditional_training_wants_controls(drawings, tmp_path):
    with pytest.raises(UsageError, match="controls"):
        train(drawings, tmp_path / "run", "conditional=true", "steps=1", recipe="style-64")


# ---- going on ------------------------------------------------------------------------------------


def interrupt_after(monkeypatch, step):
    train_step = Game.train_step

    def stepped(self, now, at):
        if now + 1 == step:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(self, now, at)

    monkeypatch.setattr(Game, "train_step", stepped)


@pytest.mark.parametrize("name", ["fast-64", "style-64", "seed-dcgan"])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(name, drawings, tmp_path, monkeypatch):
    settings = (
        "steps=12",
        "log_every=3",
        "penalty_every=2",
        "augment_target=0.6",
        "augment=[colour,geometry]",
    )
    straight = train(drawings, tmp_path / "straight", *settings, recipe=name)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 6)
        with pytest.raises(Interrupted) as stopped:
            train(drawings, tmp_path / "resumed", *settings, recipe=name)
    assert stopped.value.exit_code == 130
    resumed = train(drawings, tmp_path / "resumed", *settings)
    one, other = last_state(straight), last_state(resumed)
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
    clocks = ("time", "images_per_second")
    assert [{k: v for k, v in row.items() if k not in clocks} for row in rows(straight)] == [
        {k: v for k, v in row.items() if k not in clocks} for row in rows(resumed)
    ]


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_was_ended_goes_on(number, drawings, tmp_path):
    run = tmp_path / "run"
    words = command(drawings, run, "steps=100000", "checkpoint_every=5")
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        wait_for(lambda: len(checkpoint.folders(run)) >= 2, process)
        with pytest.raises(FenshenError, match=f"Another process .*{process.pid}.* is at work"):
            train(drawings, run, "steps=3", recipe="fast-64")
        assert Model.load(run).sample([0]).shape == (1, 32, 32, 3)  # readers need not wait
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in said
    found = checkpoint.latest(run)
    assert found is not None
    assert found[0] >= 5
    train(drawings, run, f"steps={found[0] + 3}")
    assert checkpoint.latest(run)[0] == found[0] + 3


def test_two_processes_see_the_numbers_of_one(drawings, tmp_path):
    settings = ("steps=6", "log_every=1", "penalty_every=2")
    words = command(drawings, tmp_path / "two", *settings, recipe="style-64", more=("--devices", "2"))
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    one = rows(train(drawings, tmp_path / "one", *settings, recipe="style-64"))
    two = rows(tmp_path / "two")
    assert len(one) == len(two) == 6
    for a, b in zip(one, two, strict=True):
        for name in ("loss_g", "loss_d", "real_score", "fake_score", "total"):
            assert a[name] == pytest.approx(b[name], rel=1e-3), (a["step"], name)


def test_a_run_keeps_what_its_weights_hang_on(drawings, run_copy):
    with pytest.raises(UsageError, match="width"):
        train(drawings, run_copy, "width=16", "steps=20")
    with pytest.raises(UsageError, match="style-64"):
        train(drawings, run_copy, recipe="style-64")


def test_another_dataset_is_refused(run_copy, tmp_path):
    other = tmp_path / "other"
    fenshen.prepare(["avatars:lorelei:16"], other, size=32, progress=False, seed=1)
    with pytest.raises(UsageError, match="other"):
        train(other, run_copy, "steps=20")


@pytest.mark.parametrize(
    ("count", "settings"), [(1, []), (4, []), (8, ["conditional=true"]), (8, ["start=nowhere"])]
)
def test_what_cannot_be_trained_leaves_no_run(count, settings, tmp_path):
    make([folder_of(tmp_path / "pictures", count)], tmp_path / "data")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FenshenError):
        train(tmp_path / "data", tmp_path / "runs" / "run", *settings, recipe="style-64")
    assert sorted(tmp_path.iterdir()) == before


def test_the_fewest_pictures_that_are_taken_can_be_measured(tmp_path):
    make([folder_of(tmp_path / "pictures", 5)], tmp_path / "data")
    run = train(tmp_path / "data", tmp_path / "run", "steps=2", "evaluate_every=2", recipe="fast-64")
    assert math.isfinite(rows(run, "kid")[0]["kid"])


def test_a_folder_that_is_no_run_is_left_alone(drawings, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(UsageError):
            fenshen.train(drawings, out=tmp_path, settings=SMALL, force=force, progress=False)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# ---- what goes wrong -----------------------------------------------------------------------------


def break_loss(monkeypatch, broken):
    """Make the generator and its loss NaN after the steps that ``broken`` says."""
    train_step = Game.train_step

    def stepped(self, step, at):
        scalars = train_step(self, step, at)
        if broken(step):
            scalars["loss_g"] = scalars["loss_g"] * math.nan
            with torch.no_grad():
                next(self.generator.parameters()).fill_(math.nan)
        return scalars

    monkeypatch.setattr(Game, "train_step", stepped)


def test_a_loss_that_is_no_number_is_rolled_back_once(drawings, tmp_path, monkeypatch):
    left = [7]
    break_loss(monkeypatch, lambda step: step in left and left.pop() == step)
    run = train(drawings, tmp_path / "run", "steps=12", "log_every=2", "checkpoint_every=4", recipe="fast-64")
    (finding,) = rows(run, "finding")
    assert (finding["finding"], finding["step"]) == ("exploded", 8)
    assert finding["text"]
    assert rows(run)[-1]["lr_g"] == recipes.load("fast-64").lr_g / 2
    assert checkpoint.is_finite(last_state(run))
    assert [row["step"] for row in rows(run, "loss_d")].count(6) == 2  # steps 5 and 6 were played again


def test_a_loss_that_stays_no_number_ends_the_run(drawings, tmp_path, monkeypatch):
    break_loss(monkeypatch, lambda step: step >= 3)
    with pytest.raises(FenshenError, match="run"):
        train(drawings, tmp_path / "run", "steps=40", "log_every=2", "checkpoint_every=2", recipe="fast-64")
    assert len(rows(tmp_path / "run", "finding")) == 4
    assert checkpoint.is_finite(last_state(tmp_path / "run"))


def test_a_full_disk_leaves_the_old_checkpoints(drawings, run_copy, monkeypatch):
    before = checkpoint.folders(run_copy)

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(FenshenError, match="No space left"):
        train(drawings, run_copy, "steps=16")
    assert checkpoint.folders(run_copy) == before
    assert checkpoint.latest(run_copy)[0] == 12
    assert not list((run_copy / "checkpoints").glob(".*"))


@pytest.mark.parametrize("file", ["state.safetensors", "state.json"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(file, drawings, run_copy):
    newest = checkpoint.folders(run_copy)[-1] / file
    newest.write_bytes(newest.read_bytes()[:-100])
    assert checkpoint.latest(run_copy)[0] == 8
    train(drawings, run_copy, "steps=12")
    assert checkpoint.latest(run_copy)[0] == 12


def test_three_checkpoints_and_the_best_are_kept(tmp_path):
    def write(kid):
        return lambda folder: (folder / models.CARD).write_text(json.dumps({"metrics": {"kid": kid}}))

    for step, kid in enumerate([0.9, 0.1, 0.5, 0.6, 0.7, 0.8]):
        checkpoint.save(tmp_path, step, {"x": torch.zeros(1)}, write(kid))
    assert [int(f.name.removeprefix("step-")) for f in checkpoint.folders(tmp_path)] == [1, 3, 4, 5]


def test_state_comes_back_as_it_was(tmp_path):
    state = {"a": torch.arange(3), "b": {0: {"s": 1.5}, 1: [torch.ones(2), None]}, "c": (1, "x"), "d": []}
    checkpoint.save(tmp_path, 3, state, lambda folder: None)
    step, found = checkpoint.latest(tmp_path)
    assert step == 3
    assert torch.equal(found["a"], state["a"])
    assert found["b"][0] == {"s": 1.5}
    assert torch.equal(found["b"][1][0], torch.ones(2))
    assert (found["c"], found["d"], found["b"][1][1]) == ((1, "x"), [], None)


# ---- the model -----------------------------------------------------------------------------------


def test_a_seed_is_the_same_picture_in_any_company(trained):
    model = Model.load(trained)
    many = model.sample(range(20))
    for seeds in ([3], [3, 17], [17, 3, 4, 5, 6, 7, 8, 9, 10]):
        drawn = model.sample(seeds)
        assert all(np.array_equal(drawn[i], many[seed]) for i, seed in enumerate(seeds))
    assert np.array_equal(model.sample([1], truncation=0.0), model.sample([2], truncation=0.0))


def test_pictures_say_where_they_come_from(trained, tmp_path):
    from PIL import Image

    (file,) = fenshen.generate(trained, out=tmp_path / "one.png", seeds="7", truncation=0.8, device="cpu")
    text = Image.open(file).text
    assert "AI-generated" in text["Source"]
    assert text["Seed"] == "7"
    assert text["Truncation"] == "0.8"
    assert text["Model"] == f"sha256:{Model.load(trained).digest}"
    assert text["Software"].startswith("Fenshen")
    assert text["License"]
    assert np.array_equal(portraits.read(file), Model.load(trained).sample([7], truncation=0.8)[0])
    singles = fenshen.generate(trained, out=tmp_path / "many", seeds="5-8", device="cpu")
    assert [f.name for f in singles] == [f"seed-{i:06d}.png" for i in (5, 6, 7, 8)]


@pytest.mark.parametrize("file", [models.WEIGHTS, models.CARD])
def test_a_damaged_model_is_refused_in_a_sentence(file, run_copy):
    folder = models.find(run_copy)
    (folder / file).write_bytes((folder / file).read_bytes()[:-40])
    with pytest.raises(FenshenError, match=re.escape(file)) as refused:
        Model.load(folder)
    assert "\n" not in str(refused.value)


def test_weights_of_another_network_are_refused(run_copy):
    folder = models.find(run_copy)
    card = json.loads((folder / models.CARD).read_text())
    card["network"]["width"] = 16
    (folder / models.CARD).write_text(json.dumps(card))
    with pytest.raises(FenshenError, match=re.escape(models.WEIGHTS)):
        Model.load(folder)


def test_nothing_is_pickled(trained):
    for file in trained.rglob("*"):
        assert file.suffix not in (".pt", ".pth", ".pkl", ".ckpt")
    loads = re.compile(r"\bpickle\b|torch\.(save|load)\(|allow_pickle=True")
    for file in Path(fenshen.__file__).parent.rglob("*.py"):
        assert not loads.search(file.read_text(encoding="utf-8")), file


def test_a_picture_is_shown_in_the_terminals_characters() -> None:
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:32], picture[32:, 32:] = (255, 0, 0), (0, 0, 255)
    text = progress.in_blocks(picture, side=4)
    assert text.plain == "▀▀▀▀\n▀▀▀▀"
    first, last = text.spans[0].style, text.spans[-1].style
    assert first.color.triplet == (255, 0, 0)  # the upper left corner
    assert last.bgcolor.triplet == (0, 0, 255)  # the lower right one

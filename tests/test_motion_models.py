"""Movement that is learnt: windows of tracks, a generator that goes on from any frame, a double that it moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fenshen
from fenshen import controls as control_space
from fenshen.controls import COUNT, NEUTRAL
from fenshen.data import open_data
from fenshen.data import tracks as data
from fenshen.doubles.options import OutputOptions
from fenshen.errors import FenshenError, FenshenWarning, UsageError
from fenshen.metrics.motion import habits, told_apart
from fenshen.model import Model
from fenshen.motion import drive
from fenshen.motion import track as tracks
from fenshen.motion.idle import idle
from fenshen.motion.learnt import learnt
from fenshen.motion.track import Track
from fenshen.networks import NetworkConfig, build_discriminator, build_generator
from fenshen.training import checkpoint, progress
from fenshen.training.measuring import tracks as measuring

SMALL = ("width=8", "batch_size=4", "log_every=10", "evaluate_every=30", "sample_every=30")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Six clips of ten seconds."""
    folder = tmp_path_factory.mktemp("clips")
    for seed in range(6):
        idle(11, 30, seed).save(folder / f"clip{seed}.track.parquet")
    return folder


@pytest.fixture(scope="module")
def run(clips, tmp_path_factory):
    """Thirty steps, in one go and in two."""
    folder = tmp_path_factory.mktemp("runs")

    patched = pytest.MonkeyPatch()
    patched.setattr(measuring, "_COMPARED", 16)

    def train(name, steps):
        words = (*SMALL, f"steps={steps}", "lr_schedule.kind=constant")
        fenshen.train(f"tracks:{clips}", out=folder / name, settings=words, device="cpu", progress=False)
        return load_file(checkpoint.folders(folder / name)[-1] / "state.safetensors")

    train("parts", 15)
    parts, whole = train("parts", 30), train("whole", 30)
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[key], whole[key]) for key in whole)
    patched.undo()
    return folder / "whole"


@pytest.fixture(scope="module")
def model(run):
    return Model.load(run)


def test_windows_are_pieces_of_clips_and_clips_are_held_out_whole(clips):
    known = open_data(f"tracks:{clips}")
    long = [np.asarray(clip.controls) for clip in known.clips]
    ends = np.cumsum([0, *map(len, long)])
    sides = [
        set(np.searchsorted(ends, known.indices(split), side="right")) for split in ("train", "held_out")
    ]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 6
    for row in (*known.indices("train")[[0, -1]], *known.indices("held_out")[[0, -1]]):
        clip = np.searchsorted(ends, row, side="right") - 1
        first = row - ends[clip]
        assert np.array_equal(known.samples[row], long[clip][first : first + data.STEPS])
        assert np.array_equal(known.controls[row], known.samples[row, 0])


def test_of_a_single_clip_the_end_is_held_out_away_from_the_rest(tmp_path):
    idle(20, 25, 0).save(tmp_path / "one.track.parquet")
    with pytest.warns(FenshenWarning, match="too little"):
        known = open_data(f"tracks:{tmp_path / 'one.track.parquet'}")
    last, first = known.indices("train").max() + data.STEPS - 1, known.indices("held_out").min()
    assert first - last > data.STEPS


def test_what_cannot_be_learnt_from_is_said(tmp_path):
    with pytest.raises(FenshenError, match="no films"):
        open_data(f"tracks:{tmp_path}")
    with pytest.raises(FenshenError, match="no track"):
        open_data(f"tracks:{tmp_path / 'none'}")
    idle(1, 25, 0).save(tmp_path / "short.track.parquet")
    with pytest.raises(FenshenError, match=r"2\.6 s"):
        open_data(f"tracks:{tmp_path}")


def test_films_are_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FENSHEN_CACHE", str(tmp_path / "cache"))
    asked = []

    def measure(path):
        asked.append(path)
        return idle(70, 25, 3)

    monkeypatch.setattr(drive, "from_video", measure)
    film = tmp_path / "films" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(b"a film")
    measured = open_data(f"tracks:{film}")
    assert (
        open_data(f"tracks:{film.parent}").fingerprint == measured.fingerprint
    )  # by its content, not its name
    assert asked == [film]
    film.write_bytes(b"another film")
    open_data(f"tracks:{film}")
    assert len(asked) == 2


def test_networks_see_controls_and_give_them_back():
    numbers = np.random.default_rng(0)
    controls = numbers.uniform(control_space.LOW, control_space.HIGH, (3, 8, COUNT)).astype(np.float32)
    assert np.allclose(data.decode(data.encode(controls)), controls, atol=1e-4)
    assert np.array_equal(data.encode(np.zeros((1, 1, COUNT), np.float32)), np.zeros((1, 1, COUNT)))


def test_the_first_frame_is_the_given_one_and_the_past_does_not_know_the_future():
    torch.manual_seed(0)
    config = NetworkConfig(
        family="next-frame", size=64, dimensions=COUNT, latent=512, width=8, conditional=True
    )
    generator, discriminator = build_generator(config), build_discriminator(config)
    frames = torch.rand(2, COUNT)
    latents = torch.randn(2, 512)
    drawn = generator(latents, frames)
    assert drawn.shape == (2, 64, COUNT)
    assert torch.equal(drawn[:, 0], data.squeezed(frames))
    changed = latents.clone()
    changed[:, -16 * 4 :] += 1  # the noise of the last four blocks
    other = generator(changed, frames)
    assert torch.equal(other[:, : 64 - 16], drawn[:, : 64 - 16])
    assert not torch.equal(other[:, -8:], drawn[:, -8:])
    late, early = generator.draw(latents, frames).pictures  # half of them as they are long after
    assert torch.allclose(early, drawn[1], atol=1e-5)
    assert not torch.allclose(late[0], drawn[0, 0], atol=0.01)
    assert torch.allclose(late[-1], drawn[0, -1], atol=0.01)
    assert discriminator((drawn,), frames).shape == (2, 1)


def test_a_run_is_measured_looked_at_and_written_as_a_track(run, tmp_path):
    (measured,) = [row for row in progress.rows(run) if "energy" in row]
    assert np.isfinite(measured["energy"])
    (picture,) = fenshen.generate(run, seeds="0-3", settings=["yaw=20"], out=tmp_path / "movement.png")
    assert picture.is_file()
    (written,) = fenshen.generate(run, seeds="4", settings=["yaw=20"], out=tmp_path / "one.track.parquet")
    known = tracks.load(written)
    assert known.controls.shape == (data.STEPS, COUNT)
    assert data.along(known.controls[0], "yaw") == pytest.approx(20, abs=1e-3)
    with pytest.raises(UsageError, match="one seed"):
        fenshen.generate(run, seeds="0-3", out=tmp_path / "more.track.parquet")
    with pytest.raises(UsageError, match="ends with"):
        fenshen.generate(run, seeds="0", out=tmp_path / "one.parquet")


def test_a_longer_track_begins_with_the_shorter_one_and_stays_in_range(model):
    start = control_space.vector(jawOpen=0.5, yaw=0.3)
    short, long = learnt(model, 3, 7, start=start), learnt(model, 60, 7, start=start)
    assert len(long) == 1500
    assert np.array_equal(long.controls[: len(short)], short.controls)
    assert np.allclose(long.controls[0], start)
    assert not np.array_equal(learnt(model, 3, 8, start=start).controls, short.controls)
    control_space.check(long.controls)
    assert np.array_equal(learnt(model, 1, 7).controls[0], NEUTRAL)


def test_what_is_no_possible_control_is_begun_with_and_fades(model):
    start = NEUTRAL.copy()
    start[:3] = -0.2  # an offset from a face whose lids are half shut
    begun, rest = (learnt(model, 4, 1, start=frame).controls for frame in (start, NEUTRAL))
    assert np.allclose(begun[0], start)
    assert np.abs(begun[-1] - rest[-1]).max() < 0.01


def test_a_double_is_moved_from_a_seed_frame_on(someone, run, tmp_path):
    small = OutputOptions(scale=1)
    seed = fenshen.edit(someone, settings=["yaw=15", "jaw=0.5"], out=tmp_path / "seed.png", output=small)
    still = Track(control_space.vector(jawOpen=0.4, yaw=0.2)[None], 25.0)
    still.save(tmp_path / "still.track.parquet")
    begun = fenshen.animate(
        someone,
        drive=run,
        seconds=0.2,
        start=tmp_path / "still.track.parquet",
        out=tmp_path / "a",
        output=small,
    )
    same = fenshen.animate(someone, drive=tmp_path / "still.track.parquet", out=tmp_path / "b", output=small)
    from fenshen import portraits

    first, wanted = (portraits.read(sorted(folder.iterdir())[0]).astype(int) for folder in (begun, same))
    assert np.abs(first - wanted).mean() < 1
    assert len(list(begun.glob("*.png"))) == 5
    assert fenshen.animate(someone, drive=run, seconds=0.2, start=seed, out=tmp_path / "c.gif").is_file()
    with pytest.raises(UsageError, match="--from"):
        fenshen.animate(someone, idle=1, start=seed, out=tmp_path / "d.gif")
    with pytest.raises(FenshenError, match="no movement"):
        learnt(Model.load("faces-64"), 1, 0)


def test_a_classifier_guesses_where_movements_are_alike_and_knows_where_not():
    clips = [idle(12, 25, seed) for seed in range(8)]
    frozen = [Track(clip.controls * 0.2, clip.rate) for clip in clips[4:]]
    guessed, known = (told_apart(clips[:4], other, folds=2, steps=60) for other in (clips[4:], frozen))
    assert guessed < 0.7
    assert known > 0.8
    with pytest.raises(ValueError, match="two clips"):
        told_apart(clips[:1], clips[1:], steps=1)


def test_habits_are_counted():
    lids = np.zeros((250, COUNT), np.float32)
    for begin in (20, 100, 200):
        lids[begin : begin + 4] = control_space.vector(eyeBlinkLeft=1, eyeBlinkRight=1)
    lids[:, control_space.INDEX["yaw"]] = np.radians(10) * np.sin(np.arange(250) / 25 * 2 * np.pi * 0.2)
    found = habits([Track(lids, 25.0)] * 6)
    assert found.blinks == pytest.approx(18)
    assert found.turn == pytest.approx(10 / np.sqrt(2), rel=0.02)
    assert found.slow > 0.99
    assert found.speed == pytest.approx(found.turn * 2 * np.pi * 0.2, rel=0.05)

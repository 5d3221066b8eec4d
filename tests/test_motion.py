"""Movement over time: tracks and their files, smoothing, driving videos, idle life, sounds that are read."""

from __future__ import annotations

import json
import os
from itertools import pairwise, takewhile

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from people import photograph
from sounding import film, saved, tone

from fenshen import audio, controls, video
from fenshen.controls import INDEX, NAMES
from fenshen.errors import FenshenError, FenshenWarning, UsageError
from fenshen.motion import drive
from fenshen.motion.idle import blinks, idle, noise
from fenshen.motion.smooth import one_euro, smooth
from fenshen.motion.talk import talk_audio
from fenshen.motion.track import MAX_FRAMES, Track, joined, load, still

unit = arrays(np.float32, st.tuples(st.integers(2, 9), st.just(58)), elements=st.floats(0, 1, width=32))
tracks = st.builds(
    lambda u, rate: Track((controls.LOW + u * (controls.HIGH - controls.LOW)).astype(np.float32), rate),
    unit,
    st.sampled_from([24.0, 25.0, 30.0, 59.94]),
)


def wave(seconds: float = 4.0, rate: float = 25.0) -> Track:
    """Every control in slow motion over half its range."""
    phase = np.sin(2 * np.pi * 0.5 * np.arange(round(seconds * rate)) / rate)[:, None]
    middle, span = (controls.LOW + controls.HIGH) / 2, (controls.HIGH - controls.LOW) / 4
    return Track((middle + span * phase).astype(np.float32), rate)


@given(tracks)
def test_a_track_comes_back_from_its_file(tmp_path_factory, track):
    path = tmp_path_factory.mktemp("tracks") / "t.track.parquet"
    track.save(path)
    back = load(path)
    assert back.rate == track.rate
    assert np.array_equal(back.controls, track.controls)
    assert pq.read_schema(path).names == list(NAMES)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@given(tracks)
def test_the_algebra_holds(track):
    assert np.array_equal(track.mirrored().mirrored().controls, track.controls)
    np.testing.assert_allclose(((track + track) * 0.5).controls, track.controls, rtol=1e-6)
    assert not (track - track).controls.any()
    halves = joined([track.between(0, 2 / track.rate), track.between(2 / track.rate)])
    if len(track) > 2:
        assert np.array_equal(halves.controls, track.controls)
    controls.check((track * 3).clipped().controls)
    offset = controls.vector(yaw=0.1)
    np.testing.assert_allclose((track + offset - offset).controls, track.controls, atol=1e-6)


@given(tracks, st.sampled_from([12.5, 25.0, 30.0, 60.0]))
def test_another_rate_is_the_same_movement(track, rate):
    other = track.resampled(rate)
    assert abs(other.seconds - track.seconds) <= 1 / min(rate, track.rate)
    assert (other.controls >= track.controls.min(0) - 1e-6).all()
    assert (other.controls <= track.controls.max(0) + 1e-6).all()


def test_a_slow_movement_survives_a_change_of_rate():
    track = wave()
    back = track.resampled(60.0).resampled(25.0)
    assert np.abs(back.controls - track.controls)[:-2].max() < 0.02


def test_a_shorter_offset_ends_in_nothing():
    track, offset = still(controls.NEUTRAL, 2.0, 25.0), still(controls.vector(yaw=0.2), 1.0, 50.0)
    moved = (track + offset).controls[:, INDEX["yaw"]]
    assert np.allclose(moved[:25], 0.2)
    assert not moved[25:].any()


def written(path, columns, metadata=b'{"rate": 25}'):
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata({b"fenshen": metadata} if metadata else None), path)
    return path


def test_columns_that_are_missing_stay_neutral_and_strange_ones_are_not_read(tmp_path):
    path = written(tmp_path / "t.track.parquet", {"jawOpen": [0.1, 0.5], "name": ["a", "b"], "yaw": [0, 1]})
    track = load(path)
    assert np.allclose(track.controls[:, INDEX["jawOpen"]], [0.1, 0.5])
    assert np.allclose(track.controls[:, INDEX["yaw"]], [0, 1])
    assert np.count_nonzero(track.controls.any(0)) == 2


@pytest.mark.parametrize(
    ("columns", "metadata", "key"),
    [
        ({"name": ["a"]}, b'{"rate": 25}', "motion.not_a_track"),
        ({"jawOpen": pa.array([], pa.float32())}, b'{"rate": 25}', "motion.not_a_track"),
        ({"jawOpen": ["wide"]}, b'{"rate": 25}', "motion.not_a_track"),
        ({"jawOpen": [[0.1]]}, b'{"rate": 25}', "motion.not_a_track"),
        ({"jawOpen": [0.1, float("nan")]}, b'{"rate": 25}', "motion.bad_value"),
        ({"jawOpen": [0.1, None]}, b'{"rate": 25}', "motion.bad_value"),
        ({"jawOpen": [7.0]}, b'{"rate": 25}', "motion.bad_value"),
        ({"yaw": [float("inf")]}, b'{"rate": 25}', "motion.bad_value"),
        ({"jawOpen": [0.1]}, b'{"rate": 1e9}', "motion.no_rate"),
        ({"jawOpen": [0.1]}, b'{"rate": NaN}', "motion.no_rate"),
        ({"jawOpen": [0.1]}, b"[" * 100_000, "motion.no_rate"),
        ({"jawOpen": [0.1]}, None, "motion.no_rate"),
    ],
)
def test_files_of_strangers_are_refused_in_a_sentence(tmp_path, columns, metadata, key):
    path = written(tmp_path / "t.track.parquet", columns, metadata)
    with pytest.raises(FenshenError) as caught:
        load(path)
    assert caught.value.key == key
    assert str(path) in str(caught.value)


def test_absurd_lengths_and_broken_bytes_are_refused(tmp_path):
    long = written(tmp_path / "long", {"jawOpen": pa.array(np.zeros(MAX_FRAMES + 1, np.float32))})
    assert long.stat().st_size < 100_000  # a small file with much in it
    whole = tmp_path / "whole"
    wave().save(whole)
    cut, text = tmp_path / "cut", tmp_path / "text"
    cut.write_bytes(whole.read_bytes()[:-40])
    text.write_text(json.dumps({"jawOpen": [1]}))
    for path, key in (
        (long, "motion.too_long"),
        (cut, "motion.not_a_track"),
        (text, "motion.not_a_track"),
        (tmp_path / "none", "motion.missing"),
    ):
        with pytest.raises(FenshenError) as caught:
            load(path)
        assert caught.value.key == key


@pytest.mark.parametrize("rate", [0.0, -25.0, 1000.0, float("nan")])
def test_impossible_rates_are_usage_errors(rate):
    with pytest.raises(UsageError):
        idle(1.0, rate, 0)


def test_the_filter_keeps_what_stands_still_and_follows_what_moves():
    random = np.random.default_rng(0)
    ones = np.ones(1)
    level = np.full((200, 1), 0.4)
    assert np.allclose(one_euro(level, 25.0, ones, ones), 0.4)
    noisy = (level + random.normal(0, 0.03, level.shape)).astype(np.float32)
    assert one_euro(noisy, 25.0, ones, ones)[50:].std() < noisy.std() / 2
    step = np.repeat([0.0, 1.0], 100)[:, None]
    assert one_euro(step, 25.0, ones, ones * 3)[103, 0] > 0.85  # within 0.15 s
    followed = one_euro(step, 25.0, ones, ones)
    assert (np.diff(followed[:, 0]) >= 0).all()  # and without overshoot
    assert followed.max() <= 1


def test_smoothing_keeps_blinks_and_calms_the_head():
    values = np.zeros((100, 58), dtype=np.float32)
    blink = INDEX["eyeBlinkLeft"]
    values[50:54, blink] = (0.6, 1.0, 0.9, 0.4)
    random = np.random.default_rng(0)
    values[:, INDEX["yaw"]] = random.normal(0, 0.02, 100)
    calm = smooth(Track(values, 25.0)).controls
    assert calm[:, blink].max() > 0.75
    assert abs(int(calm[:, blink].argmax()) - 51) <= 1
    assert calm[20:, INDEX["yaw"]].std() < 0.008
    assert smooth(Track(values, 25.0), strength=0).controls is values


def test_blinks_come_at_human_intervals():
    times = list(takewhile(lambda time: time < 3600, blinks(0)))
    waits = np.array([b - a for a, b in pairwise(times)])
    single = waits[waits > 0.6]
    assert 12 < len(times) / 60 < 24  # a minute
    assert 2.5 < np.median(single) < 4.5
    assert np.mean((single > 1.8) & (single < 6.5)) > 0.75
    assert single.max() < 12
    assert 0.06 < np.mean(waits < 0.6) < 0.2  # double blinks


def test_lids_close_faster_than_they_open():
    track = idle(30.0, 200.0, 1)
    lids = track.controls[:, INDEX["eyeBlinkLeft"]]
    begin = round(next(blinks(1)) * 200)
    shut = begin + int(lids[begin : begin + 60].argmax())
    opened = shut + int((lids[shut : shut + 100] < 0.05).argmax())
    assert lids[shut] > 0.85
    assert 0.05 < (shut - begin) / 200 < 0.13
    assert 0.15 < (opened - shut) / 200 < 0.3


def test_idle_life_is_small_seeded_and_continuous():
    track = idle(60.0, 25.0, 3)
    controls.check(track.controls)
    assert np.array_equal(track.controls, idle(60.0, 25.0, 3).controls)
    for other in (4, -3, 2**70):
        assert not np.array_equal(track.controls, idle(60.0, 25.0, other).controls)
    assert np.allclose(track.controls[:250], idle(10.0, 25.0, 3).controls, atol=1e-6)
    assert np.allclose(track.controls[250:500], idle(10.0, 25.0, 3, start=10.0).controls, atol=1e-5)
    yaw = track.controls[:, INDEX["yaw"]]
    assert 0.01 < yaw.std() < 0.06
    assert np.abs(np.diff(yaw)).max() < 0.01  # no jerk
    assert track.controls[:, INDEX["jawOpen"]].max() < 0.02
    assert np.ptp(track.controls[:, INDEX["y"]]) > 0.004  # it breathes


def test_noise_has_unit_spread_and_stays_in_its_band():
    rate = 20.0
    values = noise(np.arange(40_000) / rate, np.random.default_rng(0), (0.1, 0.5))
    assert 0.9 < values.std() < 1.1
    power = np.abs(np.fft.rfft(values)) ** 2
    frequencies = np.fft.rfftfreq(len(values), 1 / rate)
    assert power[(frequencies > 0.09) & (frequencies < 0.55)].sum() > 0.98 * power[1:].sum()


def test_a_strangers_rest_does_not_leak():
    rest = controls.vector(
        eyeBlinkLeft=0.2, mouthSmileLeft=0.3, eyeLookOutLeft=0.25, yaw=0.1, browDownLeft=0.4
    )
    values = np.tile(rest, (200, 1))
    values[50:54, INDEX["eyeBlinkLeft"]] = 1.0
    values[100:130, INDEX["jawOpen"]] = 0.6
    values[150:170, INDEX["eyeLookOutLeft"]] = 0.0  # looks the other way from rest
    values[150:170, INDEX["eyeLookInLeft"]] = 0.2
    moved = drive.without_neutral(Track(values, 25.0)).controls
    assert np.abs(moved[:40]).max() < 1e-5
    assert np.allclose(moved[50:54, INDEX["eyeBlinkLeft"]], 1.0)
    assert np.allclose(moved[110, INDEX["jawOpen"]], 0.6)
    assert np.allclose(moved[160, INDEX["eyeLookInLeft"]], 0.45)


def test_rest_is_taken_from_frames_that_were_measured():
    """A title card before and after the face fills most of the film with rows that nobody measured."""
    values = np.full((300, 58), np.nan, dtype=np.float32)
    face = np.zeros((80, 58), dtype=np.float32)
    face[:, INDEX["jawOpen"]] = 0.3 + 0.1 * np.sin(np.arange(80))
    face[:, INDEX["browInnerUp"]] = 0.2
    values[120:200] = face
    track, seen = Track(drive._filled(values, 25.0), 25.0), np.isfinite(values[:, 0])
    assert np.allclose(drive.neutral_of(track, seen), drive.neutral_of(Track(face, 25.0)), atol=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_movement_keeps_its_own_time_at_a_variable_rate(seed):
    """Of 25 frames a second some are dropped and one second is held; what is left is where it was."""
    draw = np.random.default_rng(seed)
    times = np.arange(150) / 25
    keep = (draw.random(150) > 0.3) & ~((times > 2.0) & (times < 3.0))
    keep[[0, -1]] = True
    true = np.sin(2 * np.pi * times)[:, None] * np.ones(58)
    shown = times[keep]
    jittered = shown + draw.uniform(-0.008, 0.008, len(shown))
    assert drive._rate_of(list(jittered)) == pytest.approx(27, abs=3)
    rate = drive._rate_of(list(shown))
    assert rate == pytest.approx(25)
    rows = drive._at_rate(true[keep].astype(np.float32), list(shown), rate)
    assert len(rows) == 150
    still = (times > 2.04) & (times < 2.92)
    assert np.ptp(rows[still], axis=0).max() < 1e-3, "a held frame holds"
    assert np.abs(rows - true)[keep].max() < 0.05, "what was filmed is where it was filmed"


def test_short_gaps_are_bridged_and_in_long_ones_the_face_rests():
    values = np.zeros((100, 58), dtype=np.float32)
    yaw = INDEX["yaw"]
    values[:, yaw] = np.linspace(-0.5, 0.5, 100)
    seen = values.copy()
    seen[20:25] = seen[50:95] = np.nan
    filled = drive._filled(seen, 25.0)
    assert np.isfinite(filled).all()
    assert np.allclose(filled[20:25, yaw], values[20:25, yaw], atol=1e-3)
    assert np.allclose(filled[70, yaw], np.nanmedian(seen[:, yaw]), atol=1e-3)
    assert np.abs(np.diff(filled[:, yaw])).max() < 0.11  # eased there and back
    known = np.isfinite(seen[:, 0])
    assert np.array_equal(filled[known], seen[known])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A real face that appears after half a second and drifts to the right; in a square and in a tall film."""
    face = np.ascontiguousarray(photograph()[:320, 60:380])
    pictures = [np.full_like(face, 128)] * 14 + [np.roll(face, 2 * i, axis=1) for i in range(12)]
    folder = tmp_path_factory.mktemp("drive")
    video.write(folder / "clip.mp4", pictures, 25)
    tall = [np.pad(picture, ((160, 160), (0, 0), (0, 0)), mode="edge") for picture in pictures]
    video.write(folder / "tall.mp4", tall, 25)
    return folder


@pytest.mark.parametrize("name", ["clip.mp4", "tall.mp4"])
def test_a_video_becomes_a_track(clip, name):
    seen = []
    track = drive.from_video(clip / name, progress=seen.append)
    assert (len(track), track.rate) == (26, 25.0)
    assert len(seen) == 26
    controls.check(track.controls)
    x = track.controls[:, INDEX["x"]]
    assert x[-1] - x[15] > 0.02  # drifts to the right
    assert np.abs(track.controls[:, INDEX["yaw"]]).max() < 0.1  # relative to its own pose
    assert track.controls[:, : len(controls.BLENDSHAPES)].max() < 0.4


def test_a_film_becomes_the_movement_it_was_drawn_with(talking):
    track = drive.from_video(talking.film)
    assert len(track) == len(talking.track)
    for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "yaw"):
        found, true = (each.controls[:, INDEX[name]] for each in (track, talking.track))
        assert np.corrcoef(found, true)[0, 1] > 0.85, name
        assert np.ptp(found) == pytest.approx(np.ptp(true), rel=0.4), name


def test_videos_without_a_face_are_refused(tmp_path):
    video.write(tmp_path / "grey.mp4", [np.full((96, 96, 3), 128, np.uint8)] * 5, 25)
    with pytest.raises(FenshenError, match="No face") as caught:
        drive.from_video(tmp_path / "grey.mp4")
    assert caught.value.key == "motion.no_face"
    (tmp_path / "bad.mp4").write_bytes(b"\0" * 1000)
    with pytest.raises(FenshenError) as caught:
        drive.from_video(tmp_path / "bad.mp4")
    assert caught.value.key == "video.not_a_video"


@pytest.mark.parametrize(
    ("suffix", "rate", "layout"),
    [
        (".wav", 44100, "stereo"),
        (".wav", 8000, "mono"),
        (".flac", 48000, "stereo"),
        (".mp3", 44100, "stereo"),
    ],
)
def test_any_sound_is_read_as_mono(tmp_path, suffix, rate, layout):
    path = saved(tmp_path / f"a{suffix}", tone(1.0, rate), rate, layout)
    samples = audio.read(path)
    assert abs(len(samples) / audio.RATE - 1) < 0.06
    middle = samples[4000:20000]
    assert abs(np.abs(middle).max() - 0.3) < 0.02
    peak = np.abs(np.fft.rfft(middle)).argmax() * audio.RATE / len(middle)
    assert abs(peak - 220) < 3
    assert np.array_equal(audio.read(path.read_bytes()), samples)


def parts_heard(samples, rate, step=0.1):
    """Which tenths of a second hold sound."""
    pieces = np.abs(samples[: len(samples) // round(rate * step) * round(rate * step)])
    return pieces.reshape(-1, round(rate * step)).mean(1) > 0.02


def test_sound_stays_where_the_picture_is(tmp_path):
    """Sound that begins late, and again after a gap, on the clock of frames that begin at half a second."""
    sound = np.tile(tone(0.5, 48000), (2, 1))
    path = film(tmp_path / "late.mkv", times=np.arange(0.5, 3.0, 0.04), sound=[(1.0, sound), (2.0, sound)])
    seen = video.probe(path)
    assert seen.start == pytest.approx(0.5, abs=0.002)
    kept = audio.of_film(path, seen.start)
    samples = np.concatenate(list(kept.pieces))
    assert (kept.rate, samples.shape[1]) == (48000, 2)
    expected = [0.5 <= t < 1.0 or 1.5 <= t < 2.0 for t in (np.arange(20) + 0.5) / 10]
    assert parts_heard(samples[:, 0], 48000).tolist() == expected
    measured = audio.read(path, seen.start)
    assert parts_heard(measured, audio.RATE).tolist() == expected
    early = film(tmp_path / "early.mkv", times=np.arange(0.5, 1.5, 0.04), sound=[(0.0, sound)])
    assert len(audio.read(tmp_path / "early.mkv")) == 0.5 * audio.RATE
    assert not len(np.concatenate(list(audio.of_film(early, 0.5).pieces) or [np.zeros(0)]))


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "5.1(side)", "7.1"])
def test_a_voice_is_as_loud_wherever_it_is_mixed(tmp_path, layout):
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    voice = tone(0.5, 48000)
    for wanted in ({"FC"}, {"FL", "FR"}, {"FL"}):
        planes = np.stack([voice * (name in wanted) for name in names])
        if not planes.any():
            continue
        path = film(tmp_path / "voice.mkv", times=[0, 0.04], sound=[(0, planes)], layout=layout)
        level = np.std(audio.read(path)) / np.std(voice)
        assert 20 * np.log10(level) > -6.1, wanted


def test_sides_that_cancel_out_are_noticed(tmp_path):
    voice = tone(0.5, 48000)
    path = film(tmp_path / "opposed.mkv", times=[0, 0.04], sound=[(0, np.stack([voice, -0.9 * voice]))])
    with pytest.warns(FenshenWarning, match="cancel"):
        samples = audio.read(path)
    assert np.std(samples) == pytest.approx(np.std(voice), rel=0.05)


def test_a_track_that_cannot_be_decoded_is_replaced_or_left_out(tmp_path):
    voice = tone(0.5, 48000)
    path = film(tmp_path / "voice.mkv", times=[0, 0.04], sound=[(0, np.stack([voice, voice]))])
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XYZ/INT/LIT"))
    with pytest.warns(FenshenWarning, match="decoded"):
        assert audio.of_film(broken, 0.0) is None
    with pytest.raises(FenshenError, match="read as sound"), pytest.warns(FenshenWarning):
        audio.read(broken)
    planes = [(0, np.stack([voice, voice]))]
    both = film(tmp_path / "both.mkv", times=[0, 0.04], sound=planes, codecs=("flac", "pcm_s16le"))
    both.write_bytes(both.read_bytes().replace(b"A_FLAC", b"A_XYZW"))
    with pytest.warns(FenshenWarning, match="track 2"):
        samples = audio.read(both)
    assert np.std(samples) == pytest.approx(np.std(voice), rel=0.05)


def test_a_voice_in_any_order_of_packets_has_one_length(tmp_path):
    """Containers round times: packets a few milliseconds off neither gap nor overlap."""
    voice = np.tile(tone(0.1, 48000), (2, 1))
    parts = [(0.1 * i + (0.004 if i % 2 else 0.0), voice) for i in range(10)]
    path = film(tmp_path / "rounded.mkv", times=[0, 0.04], sound=parts)
    assert abs(len(audio.read(path)) - audio.RATE) < 0.01 * audio.RATE


def test_what_is_no_sound_is_refused(tmp_path):
    (tmp_path / "noise.wav").write_bytes(os.urandom(2000))
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    video.write(tmp_path / "mute.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3, 25)
    for name, key in (
        ("noise.wav", "audio.not_a_sound"),
        ("empty.wav", "audio.not_a_sound"),
        ("list.m3u8", "audio.not_a_sound"),
        ("mute.mp4", "audio.no_sound"),
        ("none.wav", "audio.missing"),
    ):
        with pytest.raises(FenshenError) as caught:
            audio.read(tmp_path / name)
        assert caught.value.key == key, name


def test_to_silence_the_face_idles(tmp_path):
    path = saved(tmp_path / "silent.wav", np.zeros(24000 * 2, np.float32), 24000)
    with pytest.warns(FenshenWarning, match="silent"):
        speech_, track = talk_audio(path, rate=25.0, seed=5)
    assert len(track) == round(speech_.seconds * 25) == 50
    assert np.array_equal(track.controls, idle(2.0, 25.0, 5).controls)


def test_speech_is_brought_to_one_level():
    words = np.concatenate([tone(1.0, loud=0.02), np.zeros(12000, np.float32)])
    loud = audio.normalised(words, 24000)
    assert abs(np.sqrt(np.mean(loud[:20000] ** 2)) - audio._LEVEL) < 0.01
    assert not audio.normalised(np.zeros(24000, np.float32), 24000).any()
    assert np.abs(audio.normalised(np.eye(1, 24000, 500, dtype=np.float32)[0], 24000)).max() <= 1

"""Sound tracks as films have them: damaged ones, and channels in any order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from sounding import film, tone

from fenshen import audio
from fenshen.errors import FenshenWarning


def test_a_damaged_track_gives_way_to_a_whole_one(tmp_path: Path) -> None:
    voice = np.tile(tone(2.0, 48000), (2, 1))
    path = film(tmp_path / "both.mkv", times=[0, 0.04], sound=[(0, voice)], codecs=("mp2", "mp2"))
    damaged = tmp_path / "damaged.mkv"
    noise = np.random.default_rng(0)
    with av.open(path) as source, av.open(damaged, "w") as container:
        tracks = {stream.index: container.add_stream_from_template(stream) for stream in source.streams}
        for number, packet in enumerate(source.demux()):
            if packet.dts is None:
                continue
            spoilt = packet.stream_index == 1 and number % 6
            copy = av.Packet(noise.bytes(packet.size) if spoilt else bytes(packet))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.stream = tracks[packet.stream_index]
            container.mux(copy)
    with pytest.warns(FenshenWarning, match="track 2"):
        samples = audio.read(damaged)
    assert len(samples) == pytest.approx(2 * audio.RATE, rel=0.03)
    assert np.std(samples) == pytest.approx(np.std(voice), rel=0.05)


def test_channels_in_an_order_of_their_own_are_read(tmp_path: Path) -> None:
    """In a process of its own, which a layout that is freed twice would end."""
    planes = np.zeros((7, 48000), np.float32)
    planes[2] = tone(1.0, 48000)
    path = film(tmp_path / "seven.mov", times=[0, 0.04], sound=[(0, planes)], layout="6.1")
    usual, own = bytes.fromhex("00010000 0000070f"), bytes.fromhex("007d0007 00000000")  # MPEG 6.1 A
    assert usual in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"chan" + bytes(4) + usual, b"chan" + bytes(4) + own))
    code = (
        "import sys; from fenshen import audio; import numpy as np; x = audio.read(sys.argv[1])\n"
        "pieces = np.concatenate(list(audio.of_film(sys.argv[1], 0.0).pieces))\n"
        "print(len(x), np.std(x), pieces.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    count, level, shape = done.stdout.split(maxsplit=2)
    assert int(count) == audio.RATE
    assert float(level) == pytest.approx(0.7071 * np.std(planes[2]), rel=0.05)
    assert shape.strip() == "(48000, 2)"


@pytest.mark.parametrize("channel", [0, 2, 5, 11, 14])
def test_no_channel_is_lost(tmp_path: Path, channel: int) -> None:
    planes = np.zeros((16, 24000), np.float32)
    planes[channel] = tone(0.5, 48000)
    path = film(tmp_path / "round.mov", times=[0, 0.04], sound=[(0, planes)], layout="hexadecagonal")
    assert np.std(audio.read(path)) > 0.04 * np.std(planes[channel])

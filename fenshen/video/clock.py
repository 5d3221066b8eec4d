"""One clock for a film's pictures and sound, whatever its time stamps do.

Recordings that were put together (``cat a.ts b.ts``, a camera's 4 GB parts, a stream that was taken up again) start
their stamps anew in the middle; AVI numbers packets and never says when a frame is shown; damaged films show frames
out of order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

_BACK = 0.3  # seconds; packets are in the order of their decoding, so that time going back is a new start
_AHEAD = 10.0  # seconds by which all streams of a broadcast must leap for it to be a new start, not a pause
_BROADCAST = ("mpegts", "mpeg")  # their stamps need not be continuous
_NEAR = 2.0  # seconds between a frame's time and that of the packet that a new start is known by

Starts = list[
    tuple[Fraction, Fraction]
]  # where a stream's stamps start anew, and the seconds to add from there on


class Clock:
    """Seconds of the frames of one stream, in the order in which they are shown.

    Args:
        starts: finds where the stamps start anew; asked once they do.
    """

    def __init__(self, container: Any, stream: Any, starts: Callable[[], Starts]) -> None:
        self._unit, self._starts = stream.time_base, starts
        self._ahead = _AHEAD - _NEAR if container.format.name in _BROADCAST else math.inf
        # AVI: the first frame shown is due at the start, though decoding may have taken in several by then.
        numbered = container.format.name == "avi" and stream.type == "video"
        self._begin = (stream.start_time or 0) if numbered else None
        self._delay: int | None = None
        self._left: Starts | None = None
        self._stamp: Fraction | None = None  # of the frame before
        self._add = Fraction(0)

    def time(self, frame: Any) -> Fraction | None:
        """Seconds; None where the frame does not say."""
        stamp = self._shown(frame)
        if stamp is None:
            return None
        seconds = stamp * self._unit
        if self._stamp is not None and not self._stamp - _BACK <= seconds <= self._stamp + self._ahead:
            if self._left is None:
                self._left = list(self._starts())
            if self._left and seconds > self._left[0][0] - _NEAR:
                self._add = self._left.pop(0)[1]
        self._stamp = seconds
        return seconds + self._add

    def _shown(self, frame: Any) -> int | None:
        if self._begin is None or frame.dts is None:
            return frame.pts if self._begin is None else None
        if self._delay is None:
            self._delay = frame.dts - self._begin
        return frame.dts - self._delay


@lru_cache(maxsize=4)
def new_starts(path: Path, size: int, changed: int) -> dict[int, Starts]:
    """Where each stream's stamps start anew, by its number; all streams of a part are moved together.

    Args:
        size, changed: of the file, so that another one of this name is read again.
    """
    import av
    from av.error import FFmpegError

    parts: dict[int, list[list[Fraction]]] = {}  # of each stream: first and end of each part
    latest: Fraction | float = -math.inf
    try:
        with (
            path.open("rb") as file,
            av.open(file, options={"protocol_whitelist": "none"}, metadata_errors="ignore") as container,
        ):
            broadcast = container.format.name in _BROADCAST
            for packet in container.demux(*container.streams.video, *container.streams.audio):
                if packet.dts is None or not packet.size:
                    continue
                seconds = packet.dts * packet.time_base
                end = seconds + (packet.duration or 0) * packet.time_base
                own = parts.setdefault(packet.stream_index, [[seconds, end]])
                # A still picture may rest for long while its sound goes on.
                leaps = seconds > latest + _AHEAD or len(own) < max(map(len, parts.values()))
                ahead = broadcast and leaps and seconds > own[-1][1] + _AHEAD
                if seconds < own[-1][1] - _BACK or ahead:
                    own.append([seconds, end])
                    latest = seconds
                own[-1][1] = max(own[-1][1], end)
                latest = max(latest, seconds)
    except (FFmpegError, OSError, ValueError):
        pass
    return _moved(parts)


def _moved(parts: dict[int, list[list[Fraction]]]) -> dict[int, Starts]:
    starts: dict[int, Starts] = {number: [] for number in parts}
    add = Fraction(0)
    for part in range(1, max(map(len, parts.values()), default=0)):
        there = [number for number in parts if len(parts[number]) > part]
        end = max(parts[number][part - 1][1] for number in there) + add
        add = end - min(parts[number][part][0] for number in there)
        for number in there:
            starts[number].append((parts[number][part][0], add))
    return starts

"""Controls over time: a track, its algebra, and its file.

A track may hold offsets as well as controls, so its numbers may leave their ranges while it is worked on; they are
moved back into them when it is written, and by :meth:`Track.clipped` before it is drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import cards, files
from fenshen import controls as control_space
from fenshen.controls import NAMES
from fenshen.errors import FenshenError, UsageError

SUFFIX = ".track.parquet"
LOWEST_RATE, HIGHEST_RATE = 1.0, 240.0
MAX_FRAMES = 2_000_000  # of a file: nine hours at 60 frames a second, 464 MB
_MAX_BYTES = 2 * 8 * MAX_FRAMES * len(NAMES)  # decompressed, by the file's own word
_METADATA = b"fenshen"


@dataclass(frozen=True, eq=False)
class Track:
    """Controls (or offsets to them) at a steady rate; frame ``i`` is shown from ``i / rate`` seconds on.

    Attributes:
        controls: one finite row per frame, at least one.
        rate: frames a second, from 1 to 240.

    Raises:
        ValueError: there is no frame, a number that is not finite, or a rate out of bounds.
    """

    controls: Float[ndarray, "T 58"]
    rate: float

    def __post_init__(self) -> None:
        check_rate(self.rate)
        if not len(self.controls):
            raise ValueError("a track has at least one frame")
        if not np.isfinite(self.controls).all():
            raise ValueError("a track holds finite numbers only")

    def __len__(self) -> int:
        return len(self.controls)

    @property
    def seconds(self) -> float:
        """The track's duration."""
        return len(self) / self.rate

    def between(self, start: float, stop: float | None = None) -> Track:
        """The frames seen from ``start`` to ``stop`` seconds; at least one, the last where ``start`` is late."""
        last = len(self) if stop is None else min(len(self), round(stop * self.rate))
        first = min(max(0, round(start * self.rate)), len(self) - 1)
        return replace(self, controls=self.controls[first : max(last, first + 1)])

    def resampled(self, rate: float) -> Track:
        """The same movement at another rate, interpolated linearly; its length changes by less than a frame."""
        if rate == self.rate:
            return self
        check_rate(rate)
        count = max(1, round(len(self) * rate / self.rate))
        return Track(at(self.controls, np.arange(count) * (self.rate / rate)), rate)

    def __add__(self, other: Track | Float[ndarray, "58"]) -> Track:
        """Add one offset or a track of offsets; another rate is resampled, a shorter track is padded with zeros."""
        return replace(self, controls=(self.controls + self._like(other)).astype(np.float32))

    def __sub__(self, other: Track | Float[ndarray, "58"]) -> Track:
        return replace(self, controls=(self.controls - self._like(other)).astype(np.float32))

    def __mul__(self, factor: float | Float[ndarray, "58"]) -> Track:
        """Scale all controls by one factor, or each by its own."""
        return replace(self, controls=(self.controls * factor).astype(np.float32))

    def mirrored(self) -> Track:
        """The mirrored movement."""
        return replace(self, controls=control_space.mirror(self.controls).astype(np.float32))

    def clipped(self) -> Track:
        """Moved into the controls' ranges."""
        return replace(self, controls=control_space.clip(self.controls))

    def save(self, path: Path | str) -> None:
        """Write the track, clipped, as Parquet: a float32 column a control, the rate in the metadata.

        Raises:
            FenshenError: the file cannot be written.
        """
        import pyarrow as pa

        columns = [pa.array(column) for column in control_space.clip(self.controls).T]
        metadata = {_METADATA: json.dumps({"rate": self.rate}).encode()}
        schema = pa.schema([(name, pa.float32()) for name in NAMES], metadata=metadata)
        with files.writing(path, pa.ArrowException) as part:
            files.write_table(part, pa.Table.from_arrays(columns, schema=schema))

    def _like(self, other: Track | Float[ndarray, "58"]) -> Float[ndarray, "..."]:
        if not isinstance(other, Track):
            return other
        moved = other.resampled(self.rate).controls[: len(self)]
        return np.pad(moved, ((0, len(self) - len(moved)), (0, 0)))


def still(controls: Float[ndarray, "58"], seconds: float, rate: float) -> Track:
    """One vector held for this long, at least one frame."""
    return Track(np.tile(controls, (frames_of(seconds, rate), 1)), rate)


def joined(tracks: Sequence[Track]) -> Track:
    """One track after another, at the rate of the first.

    Raises:
        ValueError: there is none.
    """
    if not tracks:
        raise ValueError("there is no track to join")
    rate = tracks[0].rate
    return Track(np.concatenate([track.resampled(rate).controls for track in tracks]), rate)


def frames_of(seconds: float, rate: float) -> int:
    """How many frames cover this many seconds, the last one whole."""
    return max(1, math.ceil(seconds * rate - 1e-6))


def at(controls: Float[ndarray, "T C"], places: Float[ndarray, "n"]) -> Float[ndarray, "n C"]:
    """Linear interpolation between rows: ``places`` are frame numbers and may be fractional; ends are held."""
    places = np.clip(places, 0, len(controls) - 1)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, len(controls) - 1)
    share = (places - before)[:, None]
    return (controls[before] * (1 - share) + controls[after] * share).astype(np.float32)


def check_rate(rate: float) -> None:
    """Refuse a frame rate out of range.

    Raises:
        UsageError: it is not from 1 to 240.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:  # NaN compares false
        raise UsageError("motion.rate", rate=rate, low=LOWEST_RATE, high=HIGHEST_RATE)


def load(path: Path | str) -> Track:
    """Read a track file. A control that it has no column for stays neutral; columns of other names are not read.

    Raises:
        FenshenError: the file is missing, not a track, too long, or holds invalid controls.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if not path.is_file():
        raise FenshenError("motion.missing", path=path)
    try:
        # The header is read first: a small file can claim, and decompress to, any number of rows.
        with (
            files.refusals(path),
            path.open("rb") as opened,  # by a path, PyArrow only takes names in UTF-8
            pq.ParquetFile(
                opened, thrift_string_size_limit=1 << 20, thrift_container_size_limit=1 << 20
            ) as file,
        ):
            rate = _rate(file.metadata.metadata, path)
            frames = file.metadata.num_rows
            claimed = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            known = [name for name in file.schema_arrow.names if name in control_space.INDEX]
            if not known or not frames:
                raise FenshenError("motion.not_a_track", path=path, why="no controls")
            if len(known) > len(set(known)):
                raise FenshenError("motion.not_a_track", path=path, why="a column twice")
            if frames > MAX_FRAMES or claimed > _MAX_BYTES:
                raise FenshenError("motion.too_long", path=path, frames=frames, most=MAX_FRAMES)
            table = file.read(columns=known)
        values = np.zeros((frames, len(NAMES)), dtype=np.float32)
        for name in known:
            column = table[name].cast(pa.float64())
            values[:, control_space.INDEX[name]] = column.to_numpy()  # a null becomes NaN
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise FenshenError("motion.not_a_track", path=path, why=_first_line(error)) from error
    try:
        control_space.check(values)
    except ValueError as error:
        raise FenshenError("motion.bad_value", path=path, why=error) from error
    return Track(control_space.clip(values), rate)


def _rate(metadata: dict[bytes, bytes] | None, path: Path) -> float:
    try:
        said: Any = json.loads((metadata or {})[_METADATA])
        cards.check(said, path, 1)
        rate = float(said["rate"])
        check_rate(rate)
    except (KeyError, TypeError, ValueError, RecursionError, UsageError) as error:
        raise FenshenError("motion.no_rate", path=path) from error
    return rate


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]

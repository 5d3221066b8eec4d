"""Puts the frames of a double together at full size: moved keyframes, the background, and what the network drew.

The network says at 64 px where every keyframe moves and at 128 px what counts where; here that is carried out on the
person's own pixels. It is what :func:`fenshen.networks.mover.put_together` does, to two levels of 255, but takes only
the keyframes that are seen, only where they are seen, in bytes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.doubles.framing import Held
from fenshen.keyframes import Keyframes
from fenshen.media import to_pixels
from fenshen.model import Model
from fenshen.networks import mover
from fenshen.player import Player, together

# What the network draws, and motion and weights as in :class:`fenshen.networks.mover.Parts`; of one frame.
Layers = tuple[UInt8[ndarray, "s s 3"], Float[ndarray, "K 2 f f"], Float[ndarray, "L s s"]]
_UNSEEN = 1 / 512  # a share below which a layer changes no pixel
_STRIPS = 8  # of a frame, of which each layer is seen in a part


class KeyframePlayer(Player):
    """A double with keyframes that draws frames at their size.

    Args:
        model: that moves keyframes.
        latent: of all frames.
        held: let the edges rest as they are in the keyframes' whole frame, so that pictures fit into it.
    """

    def __init__(
        self, model: Model, latent: Float[ndarray, "Z"], keyframes: Keyframes, *, held: bool = False
    ) -> None:
        super().__init__(model, latent)
        self._compositor = Compositor(keyframes)
        self._held = Held(keyframes.whole) if held and keyframes.whole is not None else None

    def drawn(self, latent: Float[ndarray, "Z"], controls: Float[ndarray, "58"]) -> UInt8[ndarray, "S S 3"]:
        """A picture by the network alone, enlarged: of somebody whom the keyframes do not show."""
        import cv2

        size = (self._compositor.size, self._compositor.size)
        (small,) = to_pixels(
            self._parts(torch.from_numpy(latent)[None].to(self.device), controls[None]).drawn
        )
        return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)

    def film(self, controls: Float[ndarray, "T 58"]) -> Iterator[UInt8[ndarray, "S S 3"]]:
        """As :meth:`Player.film`; every thread draws frames of its own."""
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as drawers:
            begun: deque[Future[UInt8[ndarray, "n S S 3"]]] = deque()
            try:
                for some in together(controls):
                    begun.append(drawers.submit(self._draw, some))
                    if len(begun) > threads:
                        yield from begun.popleft().result()
                while begun:
                    yield from begun.popleft().result()
            finally:
                for one in begun:
                    one.cancel()
                torch.set_num_threads(threads)

    def _draw(self, controls: Float[ndarray, "n 58"]) -> UInt8[ndarray, "n S S 3"]:
        return np.stack([self._compositor.frame(*one) for one in self._layers(controls)])

    @torch.inference_mode()
    def _layers(self, controls: Float[ndarray, "n 58"]) -> Iterable[Layers]:
        parts = self._parts(self.latent.expand(len(controls), -1), controls)
        drawn = to_pixels(parts.drawn)
        motion, weights = parts.motion.float(), parts.weights.float()
        if self._held is not None:
            motion, weights = self._held(motion, weights)
        return zip(drawn, motion.cpu().numpy(), weights.cpu().numpy(), strict=True)

    @torch.inference_mode()
    def _parts(self, latents: Float[torch.Tensor, "n Z"], controls: Float[ndarray, "n 58"]) -> mover.Parts:
        told = torch.from_numpy(control_space.normalise(controls)).to(self.device)
        generator = self.generator
        assert isinstance(generator, mover.Generator)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return generator.parts(latents, told, few=True)


class Compositor:
    """Puts frames together.

    Args:
        keyframes: at the size of the frames.
    """

    def __init__(self, keyframes: Keyframes) -> None:
        self._pictures = [np.ascontiguousarray(picture) for picture in keyframes.pictures]
        self._plate = np.ascontiguousarray(keyframes.plate[..., :3])
        self.size = keyframes.size
        steps = np.arange(self.size, dtype=np.float32)
        self._here = np.dstack(np.meshgrid(steps, steps))

    def frame(
        self,
        drawn: UInt8[ndarray, "s s 3"],
        motion: Float[ndarray, "K 2 f f"],
        weights: Float[ndarray, "L s s"],
    ) -> UInt8[ndarray, "S S 3"]:
        """One frame from what the network gives, see :class:`fenshen.networks.mover.Parts`."""
        import cv2

        count = len(motion)
        frame = self._plate.copy()
        total = cv2.resize(weights[count], (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        moves = np.ascontiguousarray(self.size * motion.transpose(0, 2, 3, 1))
        for k, area in areas(weights, motion.shape[-1], self.size):
            if k == count:
                continue  # the plate, which lies below all
            box, share = area.box, area.enlarged(weights[k])
            if k < count:
                there = cv2.add(self._here[box], area.enlarged(moves[k]))
                layer = cv2.remap(
                    self._pictures[k], there, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
                )
            else:
                layer = area.enlarged(drawn)
            cv2.blendLinear(frame[box], layer, total[box], share, frame[box])
            cv2.add(total[box], share, total[box])
        return frame


class Area(NamedTuple):
    """Where a layer is seen, in cells of the coarsest map.

    Attributes:
        rows, columns: first and after the last.
        cells: of that map's side.
        size: of the frame in pixels.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    cells: int
    size: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        return self._of(self.size, 0)

    def enlarged(self, maps: Any) -> Any:
        """The area of a map, at the frame's size."""
        import cv2

        each = self.size // self.cells
        part = maps[self._of(len(maps), 1)]  # enlarging looks a little beyond
        far = len(maps) // self.cells
        large = cv2.resize(
            part, (part.shape[1] * each // far, part.shape[0] * each // far), interpolation=cv2.INTER_LINEAR
        )
        (top, bottom), (left, right) = (
            (each * min(low, 1), each * (min(low, 1) + high - low)) for low, high in (self.rows, self.columns)
        )
        return large[top:bottom, left:right]

    def _of(self, side: int, more: int) -> tuple[slice, slice]:
        each = side // self.cells
        rows, columns = (
            slice(each * max(low - more, 0), each * min(high + more, self.cells))
            for low, high in (self.rows, self.columns)
        )
        return rows, columns


def areas(weights: Float[ndarray, "L s s"], cells: int, size: int) -> Iterator[tuple[int, Area]]:
    """Where layers are seen: a part of each strip of the picture, layer by layer.

    Args:
        weights: of the layers.
        cells: side of the coarsest map.
        size: side of the frame.
    """
    cells = math.gcd(size, cells)  # whole pixels
    strips, each = math.gcd(cells, _STRIPS), weights.shape[1] // cells
    fine = weights > _UNSEEN
    seen = np.logical_or.reduce([fine[:, i::each, j::each] for i in range(each) for j in range(each)])
    for axis in (1, 2):  # enlarging reaches neighbours
        before, after = np.split(seen, [1], axis)[1], np.split(seen, [cells - 1], axis)[0]
        edge = np.zeros_like(np.take(seen, [0], axis))
        seen = seen | np.concatenate([before, edge], axis) | np.concatenate([edge, after], axis)
    bands = seen.reshape(len(seen), strips, -1, cells)
    by_row, by_column = bands.any(3), bands.any(2)
    for layer, band in np.argwhere(by_row.any(2)).tolist():
        (top, bottom), columns = (_extent(found[layer, band]) for found in (by_row, by_column))
        start = band * (cells // strips)
        yield layer, Area((start + top, start + bottom), columns, cells, size)


def _extent(found: Bool[ndarray, "n"]) -> tuple[int, int]:
    """First and after the last."""
    return int(found.argmax()), len(found) - int(found[::-1].argmax())

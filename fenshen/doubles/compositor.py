"""Puts the frames of a double together at full size: moved keyframes, the background, and what the network drew.

The network says at 64 px where every keyframe moves and at 128 px what counts where; here that is carried out on the
person's own pixels. It is what :func:`fenshen.networks.mover.put_together` does, to two levels of 255, but takes only
the keyframes that are seen, only where they are seen, in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.ahead import ahead
from fenshen.doubles.framing import Held
from fenshen.keyframes import Keyframes
from fenshen.model import Model, to_pixels
from fenshen.networks import mover
from fenshen.player import TOGETHER, Player, together

# What the network draws, and motion and weights as in :class:`fenshen.networks.mover.Parts`; of one frame.
Layers = tuple[UInt8[ndarray, "s s 3"], Float[ndarray, "K 2 f f"], Float[ndarray, "L s s"]]
_UNSEEN = 1 / 512  # a share below which a layer changes no pixel
_EDGE = 2  # places of the maps around a layer's box, which enlarging reaches


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
        """As :meth:`Player.film`; the network works while frames before are put together."""
        return (self._compositor.frame(*one) for one in ahead(self._layers_of(controls), 2 * TOGETHER))

    def _layers_of(self, controls: Float[ndarray, "T 58"]) -> Iterator[Layers]:
        threads = torch.get_num_threads()
        torch.set_num_threads(max(threads - 1, 1))  # the others put frames together, and encode
        try:
            for some in together(controls):
                yield from self._layers(some)
        finally:
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
            return generator.parts(latents, told)


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

        count, size = len(motion), self.size
        frame, sum_of = self._plate.copy(), self._large(weights[count])
        for k in (*range(count), count + 1):
            box = self._box(weights[k])
            if box is None:
                continue
            share = self._large(weights[k])[box]
            if k < count:
                bent = cv2.resize(
                    np.ascontiguousarray(motion[k].transpose(1, 2, 0)),
                    (size, size),
                    interpolation=cv2.INTER_LINEAR,
                )[box]
                places = self._here[box] + size * bent
                layer = cv2.remap(
                    self._pictures[k], places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
                )
            else:
                layer = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_LINEAR)[box]
            below, total = frame[box], sum_of[box]
            frame[box] = cv2.blendLinear(
                np.ascontiguousarray(below),
                np.ascontiguousarray(layer),
                np.ascontiguousarray(total),
                np.ascontiguousarray(share),
            )
            sum_of[box] = total + share
        return frame

    def _large(self, weights: Float[ndarray, "s s"]) -> Float[ndarray, "S S"]:
        import cv2

        return cv2.resize(weights, (self.size, self.size), interpolation=cv2.INTER_LINEAR)

    def _box(self, weights: Float[ndarray, "s s"]) -> tuple[slice, slice] | None:
        """Where a layer is seen; None if nowhere."""
        seen, factor = weights > _UNSEEN, self.size / len(weights)
        if not seen.any():
            return None
        spans = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
        rows, columns = (
            slice(max(int((span[0] - _EDGE) * factor), 0), int(np.ceil((span[-1] + 1 + _EDGE) * factor)))
            for span in spans
        )
        return rows, columns

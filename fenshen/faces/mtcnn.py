"""MTCNN: face boxes by three small networks in a row, run by OpenCV.

Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
IEEE Signal Processing Letters 23(10), 2016. The proposal network (P) slides over a pyramid of the picture,
the refinement network (R) and the output network (O) look at what is left. The weights take pictures
transposed (width before height), NHWC, scaled to [-1, 1].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from fenshen import assets

_CELL, _STRIDE = 12, 2  # of the proposal network, in pixels of its pyramid level
_PYRAMID = 0.709  # from one level to the next: half the area
_P, _R, _O = 0.6, 0.7, 0.8  # least scores; O's is above the paper's 0.7, for what follows costs 10 ms a box
_MOST_PROPOSALS = 500


class MTCNN:
    """The three networks; about 40 ms for a picture of 640 px and faces from 24 px."""

    def __init__(self) -> None:
        import cv2

        self._p, self._r, self._o = (
            cv2.dnn.readNetFromONNX(str(assets.path(f"mtcnn_{name}.onnx")))
            for name in ("pnet", "rnet", "onet")
        )

    def find(self, picture: UInt8[ndarray, "H W 3"], *, smallest: int) -> Float[ndarray, "N 4"]:
        """Boxes (left, top, right, bottom) of faces at least ``smallest`` pixels high, best first."""
        boxes = self._propose(picture, smallest)
        boxes = self._refine(picture, boxes, self._r, ["dense_2", "softmax_1"], 24, _R)
        boxes = self._refine(picture, boxes, self._o, ["dense_5", "softmax_2", "dense_6"], 48, _O)
        return boxes[np.argsort(-boxes[:, 4]), :4]

    def _propose(self, picture: UInt8[ndarray, "H W 3"], smallest: int) -> Float[ndarray, "N 5"]:
        import cv2

        height, width = picture.shape[:2]
        scale = _CELL / smallest
        found = [np.empty((0, 5))]
        while min(height, width) * scale >= _CELL:
            size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
            level = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            self._p.setInput(_input(level[None]))
            offsets, scores = self._p.forward(["conv2d_4", "softmax"])
            found.append(_suppress(_cells(offsets[0], scores[0, ..., 1], scale), 0.5))
            scale *= _PYRAMID
        return _suppress(np.concatenate(found), 0.7)[:_MOST_PROPOSALS]

    def _refine(
        self,
        picture: UInt8[ndarray, "H W 3"],
        boxes: Float[ndarray, "N 5"],
        network: object,
        outputs: list[str],
        side: int,
        least: float,
    ) -> Float[ndarray, "M 5"]:
        """Run the next network on each box; keep those it scores highly, shifted by its regression."""
        if not len(boxes):
            return boxes
        squares = _squared(boxes[:, :4])
        cuts = np.stack([_cut(picture, square, side) for square in squares])
        network.setInput(_input(cuts))  # type: ignore[attr-defined]
        offsets, scores, *_ = network.forward(outputs)  # type: ignore[attr-defined]
        good = scores[:, 1] > least
        moved = _moved(squares[good], offsets[good])
        return _suppress(np.concatenate([moved, scores[good, 1:]], axis=1), 0.7)


def _input(pictures: UInt8[ndarray, "N H W 3"]) -> Float[ndarray, "N W H 3"]:
    return np.ascontiguousarray((pictures.astype(np.float32) - 127.5).transpose(0, 2, 1, 3) / 128)


def _cells(
    offsets: Float[ndarray, "w h 4"], scores: Float[ndarray, "w h"], scale: float
) -> Float[ndarray, "N 5"]:
    """The boxes of the pyramid cells that score highly, in pixels of the picture."""
    x, y = np.nonzero(scores >= _P)
    corner = np.stack([x, y], axis=1) * _STRIDE
    boxes = np.concatenate([corner, corner + _CELL], axis=1) / scale
    return np.concatenate([_moved(boxes, offsets[x, y]), scores[x, y, None]], axis=1)


def _moved(boxes: Float[ndarray, "N 4"], offsets: Float[ndarray, "N 4"]) -> Float[ndarray, "N 4"]:
    """Each edge moved by a fraction of its box's width or height."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def _squared(boxes: Float[ndarray, "N 4"]) -> Float[ndarray, "N 4"]:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _cut(
    picture: UInt8[ndarray, "H W 3"], square: Float[ndarray, "4"], side: int
) -> UInt8[ndarray, "side side 3"]:
    """The square scaled to ``side`` pixels; parts outside the picture are black, as in training."""
    import cv2

    left, top, right, bottom = np.round(square).astype(int)
    height, width = picture.shape[:2]
    cut = np.zeros((max(bottom - top, 1), max(right - left, 1), 3), dtype=np.uint8)
    inside = picture[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    if inside.size:
        y, x = max(-top, 0), max(-left, 0)
        cut[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)


def _suppress(boxes: Float[ndarray, "N 5"], most: float) -> Float[ndarray, "M 5"]:
    """Greedy non-maximum suppression: of boxes that overlap by more than ``most``, only the best is kept."""
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    kept = []
    left = np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:4], boxes[left, 2:4])
        inner = np.clip(high - low, 0, None).prod(axis=1)
        left = left[inner <= most * (areas[best] + areas[left] - inner)]
    return boxes[kept]

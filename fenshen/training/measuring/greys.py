"""Measuring grey pictures of 16 bits, as a network sees them that knows 8."""

from __future__ import annotations

from jaxtyping import UInt8
from numpy import ndarray

from fenshen import greys
from fenshen.greys import Greys
from fenshen.training.measuring import MEASURING
from fenshen.training.measuring.pictures import PictureMeasuring


@MEASURING.register("greys")
class GreyMeasuring(PictureMeasuring):
    """KID and copies, over the range of the training pictures."""

    def seen(self, samples: Greys) -> UInt8[ndarray, "N H W 3"]:
        return greys.seen(samples)

"""Film colours: every frame becomes BT.709, eight bits, full range, as pictures have it.

HDR (HLG, PQ) and wide-gamut films (BT.2020, Display P3) are converted in linear light. Reference white is 203 nits
(ITU-R BT.2408), so faces look as an SDR camera would have shown them; highlights are rolled off. FFmpeg's filters for
the same::

    zscale=t=linear:npl=203:agamma=false,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0:peak=4.926,
    zscale=t=bt709:m=bt709:agamma=false
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from numpy import ndarray

_HIGH_DEFINITION = 720  # rows from which an unlabelled film is BT.709, below BT.601
_WHITE = 203.0  # nits
_PEAK = 1000.0  # nits: the nominal peak of HLG, and of PQ that does not say its own; brighter is white
_PEAKS = (300.0, 10000.0)  # nits that a film's own word is kept within
_KNEE = 0.3  # of reference white: what is darker is left as it is
_LEVELS = 1 << 16

# FFmpeg's numbers (ITU-T H.273) for what a frame says about itself.
_MATRIX_UNKNOWN = 2
_PQ, _HLG, _LINEAR, _SRGB, _GAMMA_22, _GAMMA_28 = 16, 18, 8, 13, 4, 5
# Chromaticities (x, y) of red, green and blue; white is D65 for all. What is not listed counts as BT.709.
_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_WIDE = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_D65 = (0.3127, 0.3290)

Curve = Callable[[Float[ndarray, "*n"]], Float[ndarray, "*n"]]


def rgb(frame: Any, transfer: int, primaries: int) -> UInt8[ndarray, "H W 3"]:
    """The pixels of a decoded frame as BT.709.

    Args:
        frame: an ``av.VideoFrame``.
        transfer, primaries: characteristics of the stream (H.273), for frames that do not say.
    """
    from av.video.reformatter import Colorspace

    matrix = None
    if int(frame.colorspace) == _MATRIX_UNKNOWN:
        matrix = Colorspace.ITU709 if frame.height >= _HIGH_DEFINITION else Colorspace.ITU601
    transfer, primaries = _said(frame.color_trc, transfer), _said(frame.color_primaries, primaries)
    if transfer not in (_PQ, _HLG, _LINEAR) and primaries not in _WIDE:
        return frame.to_ndarray(format="rgb24", src_colorspace=matrix)
    peak = _peak(frame) if transfer == _PQ else _PEAK
    return converted(frame.to_ndarray(format="rgb48le", src_colorspace=matrix), transfer, primaries, peak)


def _said(frame: int, stream: int) -> int:
    return int(stream if int(frame) in (0, 2) else frame)


def _peak(frame: Any) -> float:
    """Nits of the brightest pixel of a film as it says: of its content (MaxCLL), or of the display it was made on."""
    content = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    display = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    nits = 0.0
    if (
        display is not None
    ):  # ten fractions, the last one the most light; whether there are primaries, and light
        *_, numerator, denominator, _, known = struct.unpack_from("=22i", bytes(display))
        nits = numerator / denominator if known and denominator else 0.0
    if content is not None:
        nits = float(struct.unpack_from("=I", bytes(content))[0]) or nits
    return min(max(nits, _PEAKS[0]), _PEAKS[1]) if nits > 0 else _PEAK


def converted(
    codes: UInt16[ndarray, "H W 3"], transfer: int, primaries: int, peak: float = _PEAK
) -> UInt8[ndarray, "H W 3"]:
    """Pixels of any transfer characteristics and primaries (H.273 numbers) as BT.709.

    Args:
        codes: RGB, full range.
        peak: nits of the brightest pixel of HDR films.
    """
    import cv2

    light = _to_light(transfer)[codes]
    if transfer == _HLG:
        # BT.2100, table 5: the opto-optical transfer of a display of 1000 nits brightens by luminance to the 0.2.
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= cv2.pow(luminance, 0.2)[..., None] * np.float32(_PEAK / _WHITE)
    if primaries in _WIDE:
        light = cv2.transform(light, _between(primaries))
    if transfer in (_PQ, _HLG):
        light = _rolled_off(light, peak / _WHITE)
    levels = np.clip(light * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.uint16)
    return _to_code(transfer)[levels]


def _rolled_off(light: Float[ndarray, "H W 3"], peak: float) -> Float[ndarray, "H W 3"]:
    """Highlights brought below 1 by the strongest of red, green and blue, which keeps the hue.

    The Möbius curve x -> s (x + a) / (x + b) touches the identity at the knee and takes the peak to 1.
    """
    knee = _KNEE
    a = -(knee**2) * (peak - 1) / (knee**2 - 2 * knee + peak)
    b = (knee**2 - 2 * knee * peak + peak) / (peak - 1)
    s = (b * b + 2 * b * knee + knee**2) / (b - a)
    strongest = np.maximum(light.max(-1), np.float32(knee))
    curved = np.float32(s) * (strongest + np.float32(a)) / (strongest + np.float32(b))
    return light * (curved / strongest)[..., None]


@cache
def _to_light(transfer: int) -> Float[ndarray, "65536"]:
    """Linear light of each code, 1 at reference white; for HLG light of the scene, 1 at the peak."""
    code = np.linspace(0, 1, _LEVELS)
    return _decoding(transfer)(code).astype(np.float32)


@cache
def _to_code(transfer: int) -> UInt8[ndarray, "65536"]:
    """Eight-bit code of each level of light. SDR keeps its own curve, so that greys stay what they are."""
    light = np.linspace(0, 1, _LEVELS)
    if transfer == _SRGB:
        code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    else:
        code = light ** (1 / {_GAMMA_22: 2.2, _GAMMA_28: 2.8}.get(transfer, 2.4))
    return np.round(255 * code).astype(np.uint8)


def _decoding(transfer: int) -> Curve:
    if transfer == _PQ:
        return _pq
    if transfer == _HLG:
        return _hlg
    if transfer == _LINEAR:
        return lambda code: code
    if transfer == _SRGB:
        return lambda code: np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    gamma = {_GAMMA_22: 2.2, _GAMMA_28: 2.8}.get(
        transfer, 2.4
    )  # BT.1886 for BT.709, BT.601, BT.2020 and unlabelled
    return lambda code: code**gamma


def _pq(code: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """SMPTE ST 2084, equation 4.1, in units of reference white."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = code ** (1 / m2)
    return 10000 / _WHITE * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg(code: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The inverse of HLG's opto-electronic transfer function, BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


@cache
def _between(primaries: int) -> Float[ndarray, "3 3"]:
    """The matrix from linear RGB of these primaries to that of BT.709 (SMPTE RP 177)."""
    return (np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(_WIDE[primaries])).astype(np.float32)


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> Float[ndarray, "3 3"]:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*primaries, _D65)]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])

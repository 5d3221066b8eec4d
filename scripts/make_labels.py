"""Draw the words of the visible label, and write ``fenshen/provenance/label-*.png``: their opacity.

A Chinese character is 128 pixels high; Latin letters reach below it.

The font is Noto Sans SC Bold (SIL Open Font License 1.1; the npm package @fontsource/noto-sans-sc). It is not part of
Fenshen, whose users need no Chinese font. Run it again to change the words:
``python scripts/make_labels.py files/noto-sans-sc-chinese-simplified-700-normal.woff``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import fenshen.provenance

_WORDS = {"zh": "AI 生成", "en": "AI-generated"}
_HEIGHT = 128  # pixels of a Chinese character


def draw(words: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """White words on black, from the top of a Chinese character to their own bottom."""
    _, top, _, foot = font.getbbox("生成")
    left, _, right, bottom = font.getbbox(words)
    bottom = max(bottom, foot)
    picture = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), words, 255, font)
    scale = _HEIGHT / (foot - top)
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    """Draw all of them."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    font = ImageFont.truetype(sys.argv[1], 2 * _HEIGHT)
    for name, words in _WORDS.items():
        target = Path(fenshen.provenance.__file__).with_name(f"label-{name}.png")
        draw(words, font).save(target, optimize=True)


if __name__ == "__main__":
    main()

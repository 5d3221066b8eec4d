"""Draw the words of the visible label, and write ``fenshen/provenance/label-*.png``: their opacity, 128 pixels high.

The font is Noto Sans SC Bold (SIL Open Font License 1.1; the npm package @fontsource/noto-sans-sc). It is not part of
Fenshen, whose users need no Chinese font. Run it again to change the words:
``python scripts/make_labels.py files/noto-sans-sc-chinese-simplified-700-normal.woff``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import fenshen.provenance

_WORDS = {"short": "AI", "zh": "AI 生成", "en": "AI-made"}
_HEIGHT = 128  # pixels of a Chinese character


def draw(words: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """White words on black, cut to a Chinese character's height, so that all labels have one line."""
    _, top, _, bottom = font.getbbox("生成")
    left, _, right, _ = font.getbbox(words)
    picture = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), words, 255, font)
    return picture.resize(
        (round(picture.width * _HEIGHT / picture.height), _HEIGHT), Image.Resampling.LANCZOS
    )


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

"""Texts as sequences of tokens: the medium, and lines of a file to train on.

A token is a word with the space before it, a sign, or a character of a script that has no spaces, so that a text is its
tokens put together again. ``lines:FILE`` are the lines of a text file in UTF-8.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt8
from numpy import ndarray
from torch import Tensor

from fenshen import files
from fenshen.data import KINDS, FormulaCard
from fenshen.errors import FenshenError
from fenshen.media import Medium

if TYPE_CHECKING:
    from PIL import ImageFont

    from fenshen.provenance.mark import Mark

LONGEST = 64  # tokens of a line: every one is a step of the networks
FEWEST = 50  # lines
_WORDS = 4000  # the commonest tokens; rarer ones are spelt
_HELD_OUT = 0.1
_SEED = 0
_LARGEST = 1 << 26  # bytes
_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf" ?(?:[^\W{_CJK}]+(?:['’-][^\W{_CJK}]+)*|[^\s])|\s")
_SHOWN, _SIZE, _GAP, _WIDTH, _CELL = 32, 18, 8, 900, 12  # lines of a sheet; px
_PAPER, _INK, _UNKNOWN = (250, 249, 246), (52, 56, 62), (206, 208, 212)
_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "msyh.ttc",
    "PingFang.ttc",
    "STHeiti Light.ttc",
    "wqy-microhei.ttc",
    "NotoSerifCJK-Regular.ttc",
)


def tokens(line: str) -> list[str]:
    """The tokens of a line, which put together are the line."""
    return _TOKEN.findall(line)


def vocabulary(lines: Iterable[str]) -> list[str]:
    """Every token that lines need, and first the empty one, which ends a line.

    Beyond the 4,000 commonest, tokens are spelt, and only their characters are in it.
    """
    counts = Counter(token for line in lines for token in tokens(line))
    words = {token for token, _ in counts.most_common(_WORDS)}
    letters = {char for token in counts.keys() - words for char in token}
    return ["", *sorted(words | letters)]


def numbered(lines: Sequence[str], words: Sequence[str]) -> list[list[int]]:
    """Each line as places in the vocabulary."""
    places = {token: place for place, token in enumerate(words)}
    return [
        [
            places[part]
            for token in tokens(line)
            for part in ([token] if token in places else token)
            if part in places
        ]
        for line in lines
    ]


def spelt(numbers: Int[ndarray, "N T"], words: Sequence[str]) -> Shaped[ndarray, "N"]:
    """The lines that rows of places in the vocabulary stand for, each up to its end."""
    rows = ([*row, 0] for row in numbers.tolist())
    return np.array(["".join(words[place] for place in row[: row.index(0)]) for row in rows], dtype=np.str_)


def written(samples: ndarray) -> list[str]:
    """Samples as lines of text; numbers, where there is no vocabulary, as the papers' files have them."""
    if samples.dtype.kind == "U":
        return [str(line) for line in samples]
    return [" ".join(map(str, row)) for row in samples.tolist()]


def encode(numbers: Int[ndarray, "B T"], device: torch.device | str = "cpu") -> Int[Tensor, "B T"]:
    """Places in the vocabulary, as they are."""
    return torch.from_numpy(numbers).to(device).long()


def decode(texts: Float[Tensor, "B T V"]) -> Int[ndarray, "B T"]:
    """The likeliest token of each step."""
    return texts.argmax(2).cpu().numpy()


def show(samples: ndarray, origin: Sequence[str]) -> UInt8[ndarray, "H W 3"]:
    """The first lines, written; tokens without words as rows of coloured cells."""
    return _page(written(samples[:_SHOWN])) if samples.dtype.kind == "U" else _cells(samples[:_SHOWN])


def _page(lines: Sequence[str]) -> UInt8[ndarray, "H W 3"]:
    from PIL import Image, ImageDraw

    font, known = _font("".join(lines))
    step = _SIZE + _GAP
    picture = Image.new("RGB", (_WIDTH, step * (len(lines) + 1) + 2 * _GAP), _PAPER)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        x = float(2 * _GAP)
        if known:
            draw.text((x, _GAP + step * row), line, _INK, font)
            continue
        for char in line:  # no font of this machine has such characters: boxes stand for them
            if ord(char) < 0x250:
                draw.text((x, _GAP + step * row), char, _INK, font)
                x += font.getlength(char)
            else:
                draw.rectangle((x + 1, _GAP + step * row + 2, x + _SIZE - 3, step * (row + 1) - 2), _UNKNOWN)
                x += _SIZE
    return np.asarray(picture)


def _font(text: str) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, bool]:
    """A font, and whether it has the characters of the text."""
    from PIL import ImageFont

    if all(ord(char) < 0x250 for char in text):
        return ImageFont.load_default(_SIZE), True
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _SIZE), True
        except OSError:
            continue
    return ImageFont.load_default(_SIZE), False


def _cells(numbers: Int[ndarray, "N T"]) -> UInt8[ndarray, "H W 3"]:
    """Every token a cell, in a colour that is its own."""
    colours = np.random.default_rng(_SEED).integers(60, 236, (int(numbers.max(initial=0)) + 1, 3), np.uint8)
    cells = colours[numbers].repeat(_CELL, 0).repeat(_CELL, 1)
    room = ((_GAP, _GAP + 3 * _CELL), (_GAP, _GAP), (0, 0))
    return np.pad(cells, room, constant_values=_PAPER[0])


def write_lines(samples: ndarray, origin: Sequence[str], path: Path, mark: Mark) -> None:
    """Samples as a text file, one a line, after a line that says that AI made them.

    Raises:
        FenshenError: the file cannot be written.
    """
    mark.text(path, written(samples))


TEXTS = Medium(
    "texts",
    lambda steps, words: (steps, words),
    encode,
    decode,
    show,
    {".txt": write_lines},
    discrete=True,
)


class Texts:
    """Training data of lines: each once, in an order of their own; a tenth of them are held out.

    Args:
        name: how a user names them.
        lines: as they come.
        licence: terms of their use, when known.
    """

    medium = TEXTS
    recipe = "lines"

    def __init__(self, name: str, lines: Iterable[str], licence: str | None) -> None:
        different = np.array(sorted(set(lines)), dtype=np.str_)
        self.lines = [str(line) for line in np.random.default_rng(_SEED).permutation(different)]
        self.vocabulary = vocabulary(self.lines)
        self._rows = numbered(self.lines, self.vocabulary)
        steps = max(map(len, self._rows))
        self.path = Path(name)
        self.card = FormulaCard([name], steps, licence, tuple(self.vocabulary))
        self.shape = {"size": steps, "dimensions": len(self.vocabulary)}
        self.fingerprint = hashlib.sha256("\n".join([name, *self.lines]).encode()).hexdigest()

    @cached_property
    def samples(self) -> Int[ndarray, "N T"]:
        """The lines as places in the vocabulary, ended by zeros."""
        samples = np.zeros((len(self._rows), self.shape["size"]), np.int64)
        for sample, row in zip(samples, self._rows, strict=True):
            sample[: len(row)] = row
        return samples

    def indices(self, split: Literal["train", "held_out"]) -> np.ndarray:
        """Positions of one split's lines."""
        kept = len(self.lines) - max(round(_HELD_OUT * len(self.lines)), 1)
        return np.arange(kept) if split == "train" else np.arange(kept, len(self.lines))

    def split(self, split: Literal["train", "held_out"]) -> list[str]:
        """One split's lines."""
        return [self.lines[place] for place in self.indices(split)]


@KINDS.register("lines")
def lines_of(name: str) -> Texts:
    """The lines of a text file, without those that are longer than 64 tokens.

    Args:
        name: of the file.

    Raises:
        UsageError: it is a folder.
        FenshenError: there is no such file, it is no text in UTF-8, or it has hardly any lines.
    """
    path = Path(name).expanduser()
    files.must_be_file(path, "files.lines")
    if not path.is_file():
        raise FenshenError("texts.missing", path=path)
    with files.reading_errors(path):
        if path.stat().st_size > _LARGEST:
            raise FenshenError("texts.large", path=path, megabytes=_LARGEST >> 20)
        raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FenshenError("texts.not_utf8", path=path, place=error.start) from error
    lines = {clean for line in text.splitlines() if (clean := _clean(line))}
    if not lines:
        raise FenshenError("texts.empty", path=path, least=FEWEST)
    short = [line for line in lines if len(tokens(line)) <= LONGEST]
    if len(short) < FEWEST:
        raise FenshenError("texts.few", path=path, count=len(short), most=LONGEST, least=FEWEST)
    data = Texts(f"lines:{name}", short, None)
    if data.card.size > LONGEST:  # some are longer once rare words are spelt
        fitting = [
            line
            for line, row in zip(data.lines, numbered(data.lines, data.vocabulary), strict=True)
            if len(row) <= LONGEST
        ]
        if len(fitting) < FEWEST:
            raise FenshenError("texts.few", path=path, count=len(fitting), most=LONGEST, least=FEWEST)
        data = Texts(f"lines:{name}", fitting, None)
    return data


def _clean(line: str) -> str:
    """The line with single spaces, composed characters and nothing that cannot be printed."""
    composed = unicodedata.normalize("NFC", " ".join(line.split()))
    return "".join(char for char in composed if char.isprintable()).strip()

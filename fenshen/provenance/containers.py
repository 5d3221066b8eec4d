"""Metadata in finished files whose encoders have no room for it: XMP in GIF, MP4 and MOV, and all of it in WAV.

A file has one implicit label. Where that is a tag of its own, the XMP packet only names the source type.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from fenshen.provenance.implicit import Said

_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"
# A reader that does not know XMP takes its bytes for lengths of blocks; from wherever it falls into these, it finds the
# end (Adobe XMP specification, part 3, 1.1.2).
_GIF_END = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_BOX_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # part 3, 1.2.7.1
_LARGEST = 1 << 20  # bytes of a packet


def describe(path: Path, said: Said) -> None:
    """Add metadata to a finished file, in place, where its encoder could not; other kinds of files stay as they are.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is not what its suffix says.
    """
    writer = {".gif": _gif, ".mp4": _boxes, ".mov": _boxes, ".wav": _riff}.get(path.suffix.lower())
    if writer is not None:
        with path.open("r+b") as file:
            writer(file, said)


def gif_packet(path: Path) -> bytes | None:
    """The XMP packet of a GIF."""
    data = path.read_bytes()
    start = data.find(_GIF_XMP)
    if start < 0:
        return None
    end = data.find(_GIF_END, start)
    return data[start + len(_GIF_XMP) : end] if start < end <= start + _LARGEST else None


def wav_packet(path: Path) -> bytes | None:
    """The XMP packet of a WAV file."""
    with path.open("rb") as file:
        for name, size in _chunks(file):
            if name == b"_PMX" and size <= _LARGEST:
                return file.read(size)
    return None


def _gif(file: BinaryIO, said: Said) -> None:
    file.seek(-1, os.SEEK_END)
    if file.read(1) != b"\x3b":
        raise ValueError("a GIF without an end")
    file.seek(-1, os.SEEK_END)
    file.write(_GIF_XMP + said.packet + _GIF_END + b"\x3b")


def _boxes(file: BinaryIO, said: Said) -> None:
    """Append a box, or put it before an index of fragments, which must be the last."""
    at = file.seek(0, os.SEEK_END)
    for name, start, _ in _top_boxes(file, at):
        if name == b"mfra":
            at = start
    file.seek(at)
    rest = file.read()
    file.seek(at)
    content = _BOX_XMP + replace(said, aigc=None).packet
    file.write(struct.pack(">I4s", 8 + len(content), b"uuid") + content + rest)


def _top_boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    start = 0
    while start + 8 <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        size = size or end - start
        if size < 8:
            raise ValueError("a box that is too small")
        yield name, start, size
        start += size


def _riff(file: BinaryIO, said: Said) -> None:
    end = file.seek(0, os.SEEK_END)
    added = b"".join(
        struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in ((b"ID3 ", _id3(said.tags)), (b"_PMX", replace(said, aigc=None).packet))
    )
    file.write(b"\0" * (end % 2) + added)
    size = file.tell() - 8
    file.seek(0)
    if file.read(4) != b"RIFF" or size >= 1 << 32:
        raise ValueError("not a WAV file of less than 4 GB")
    file.write(struct.pack("<I", size))


def _id3(tags: dict[str, str]) -> bytes:
    """An ID3v2.3 tag with a user-defined text frame (TXXX) for each tag, in Latin-1."""
    frames = b""
    for name, text in tags.items():
        content = b"\0" + name.encode("latin-1") + b"\0" + text.encode("latin-1")
        frames += struct.pack(">4sIH", b"TXXX", len(content), 0) + content
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))  # seven bits a byte
    return b"ID3\x03\0\0" + size + frames


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The chunks of a RIFF file; each may be read when it is given."""
    end = file.seek(0, os.SEEK_END)
    start = 12
    while start + 8 <= end:
        file.seek(start)
        name, size = struct.unpack("<4sI", file.read(8))
        yield name, size
        start += 8 + size + size % 2

"""What a file says about itself in its metadata: China's implicit label (GB 45438-2025) and IPTC's source type.

The label is one JSON object of seven strings under the name ``AIGC``: in an XMP packet (``TC260:AIGC``) of pictures, as
a tag of that name in films and sound. The standard and its practice guide (TC260-PG-20258A) could not be read for this;
names, order, namespace and escaping are what independent programs write and read: the guide's own example for pictures
as others quote it, the package cntc260, and ffmpeg's tags for films and sound. ``docs/en/files.md`` says what is where.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from fenshen.errors import FenshenError

TAG = "AIGC"
HEAD = "#"  # what the first line of a text begins with, which holds the label
SOURCE_TAG = "DIGITALSOURCETYPE"  # of films and sound, which may have no room for XMP
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED, COMPOSITE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
_NAMESPACES = {
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LARGEST = 1 << 20  # bytes of a packet that is read
_QUOTES = {'"': "&quot;"}


@dataclass(frozen=True)
class Aigc:
    """The implicit label.

    Attributes:
        Label: ``1``: is made by AI; ``2``: may be; ``3``: is suspected to be.
        ContentProducer: name or registered code of who made it.
        ProduceID: the producer's number for this file.
        ReservedCode1: for the producer's own protection; empty here: content credentials do that.
        ContentPropagator, PropagateID, ReservedCode2: the same of who spreads it.
    """

    Label: str = "1"
    ContentProducer: str = ""
    ProduceID: str = ""
    ReservedCode1: str = ""
    ContentPropagator: str = ""
    PropagateID: str = ""
    ReservedCode2: str = ""

    @classmethod
    def new(cls, producer: str) -> Aigc:
        """A label for a file that is being made, with a number of its own."""
        return cls(ContentProducer=producer, ProduceID=uuid.uuid4().hex)

    @property
    def fields(self) -> dict[str, str]:
        """The seven strings by their names, in the standard's order."""
        return asdict(self)

    @property
    def json(self) -> str:
        """The label as it stands in files: one line of ASCII, in the standard's order."""
        return json.dumps(self.fields, ensure_ascii=True, separators=(",", ":"))


@dataclass(frozen=True)
class Said:
    """What a file's metadata says of how it was made.

    Attributes:
        aigc: China's label.
        source_type: the last part of IPTC's address, such as ``trainedAlgorithmicMedia``.
    """

    aigc: Aigc | None = None
    source_type: str | None = None

    @property
    def generated(self) -> bool:
        """Whether it says that AI made it or a part of it."""
        said = self.aigc is not None and self.aigc.Label == "1"
        return said or (self.source_type or "").endswith("lgorithmicMedia")

    @property
    def packet(self) -> bytes:
        """As an XMP packet."""
        from fenshen.version import __version__

        rows = {"xmp:CreatorTool": f"Fenshen {__version__}"}
        if self.source_type:
            rows["Iptc4xmpExt:DigitalSourceType"] = SOURCE_TYPES + self.source_type
        if self.aigc:
            rows["TC260:AIGC"] = self.aigc.json
        inside = "".join(f"<{name}>{escape(text, _QUOTES)}</{name}>" for name, text in rows.items())
        spaces = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in _NAMESPACES.items())
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
            f'<rdf:Description rdf:about="" {spaces}>{inside}</rdf:Description>'
            '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
        ).encode()

    @property
    def tags(self) -> dict[str, str]:
        """As tags of a film or sound."""
        tags = {TAG: self.aigc.json} if self.aigc else {}
        return tags | ({SOURCE_TAG: SOURCE_TYPES + self.source_type} if self.source_type else {})


def read(path: Path) -> Said:
    """What a file's metadata says, whoever wrote it; empty where it says nothing or cannot be read."""
    from fenshen import portraits

    if path.suffix.lower() == ".txt":
        return _understood(_text_tags(path))
    try:
        tags = _film_tags(path) if path.suffix.lower() not in portraits.SUFFIXES else _picture_tags(path)
    except (OSError, ValueError, FenshenError):
        return Said()
    return _understood(tags)


def parse(text: object) -> Aigc | None:
    """The label in a string of JSON, alone or under the key ``AIGC``; None where there is none."""
    try:
        said = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict):
        named = {str(key).lower(): value for key, value in said.items()}
        said = named.get("aigc", said)
    if not isinstance(said, dict) or "Label" not in said:
        return None
    return Aigc(**{name: str(said.get(name, ""))[:1000] for name in Aigc.__dataclass_fields__})


def _understood(tags: dict[str, Any]) -> Said:
    """Of tags by lower-case name; an XMP packet is one of them."""
    properties = dict(_properties(tags.get("xmp") or b""))
    texts = (properties.get("AIGC"), tags.get("aigc"), tags.get("description"), tags.get("comment"))
    found = next((label for label in map(parse, texts) if label), None)
    source = properties.get("DigitalSourceType") or str(tags.get(SOURCE_TAG.lower()) or "")
    return Said(found, source.rstrip("/").rsplit("/", 1)[-1][:100] or None)


def _properties(packet: bytes | str) -> Iterator[tuple[str, str]]:
    """The simple properties of our namespaces in an XMP packet, as elements or attributes."""
    from xml.etree import ElementTree

    text = packet.encode() if isinstance(packet, str) else packet
    if not text or len(text) > _LARGEST or b"<!" in text:  # no document type: entities could grow without end
        return
    try:
        tree = ElementTree.fromstring(text.strip(b"\0 \n\r\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return
    ours = {f"{{{address}}}" for address in _NAMESPACES.values()}
    for part in tree.iter():
        for tag, value in ((part.tag, part.text), *part.attrib.items()):
            space, _, name = str(tag).rpartition("}")
            if space + "}" in ours and value:
                yield name, value


def _text_tags(path: Path) -> dict[str, Any]:
    """The label in the first line of a text."""
    try:
        with path.open("rb") as file:
            head = file.readline(_LARGEST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return {}
    _, colon, label = head.partition(f"{TAG}: ")
    return {TAG.lower(): label} if colon and head.startswith(HEAD) else {}


def _picture_tags(path: Path) -> dict[str, Any]:
    from PIL import ExifTags

    from fenshen.portraits import opened

    with opened(path) as picture:
        if picture.format == "PNG":
            picture.load()  # chunks may stand after the pixels
        tags = {str(key).lower(): value for key, value in picture.info.items()}
        exif = picture.getexif()
        tags["description"] = exif.get(ExifTags.Base.ImageDescription)
        tags["comment"] = _comment(exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment))
    if path.suffix.lower() == ".gif" or picture.format == "GIF":
        from fenshen.provenance import containers

        tags["xmp"] = containers.gif_packet(path)
    return tags


def _comment(said: object) -> object:
    """EXIF's user comment, whose first eight bytes name its encoding."""
    return said[8:].decode("utf-8", "replace").strip("\0 ") if isinstance(said, bytes) else said


def _film_tags(path: Path) -> dict[str, Any]:
    import av
    from av.error import FFmpegError

    # A hostile file may name others: none is opened but this one.
    options = {"protocol_whitelist": "none", "export_xmp": "1"}
    try:
        with (
            path.open("rb") as file,
            av.open(file, options=options, metadata_errors="ignore") as container,
        ):
            tags = {name.lower(): text for name, text in container.metadata.items()}
    except FFmpegError:
        return {}
    if path.suffix.lower() == ".wav":
        from fenshen.provenance import containers

        tags["xmp"] = containers.wav_packet(path)
    return tags

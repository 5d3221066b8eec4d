"""``explanation.html``: one file with its pictures and both languages; it loads nothing from a server."""

from __future__ import annotations

from jaxtyping import UInt8
from markupsafe import Markup, escape
from numpy import ndarray

from fenshen import pages
from fenshen.explanation.findings import Found
from fenshen.explanation.subject import Subject
from fenshen.messages import catalogue


def render(subject: Subject, found: Found) -> str:
    """The page."""

    def uris(pictures: UInt8[ndarray, "N H W 3"]) -> list[str]:
        return [pages.inlined(picture, subject.mark) for picture in pictures]

    looked_at, changed = found.looked_at, found.changed
    return pages.render(
        "fenshen.explanation",
        "page.html.jinja",
        "explain",
        found=found,
        label=subject.mark.implicit_label(),
        named=named,
        strips=[(one, uris(strip)) for one, strip in zip(found.directions, found.strips, strict=True)],
        looked_at=None if looked_at is None else list(zip(*map(uris, looked_at), strict=True)),
        changed=list(zip(*map(uris, changed), strict=True)),
        near=[(one, *uris(one.drawn[None]), pages.inlined(one.trained)) for one in found.near],
    )


def named(name: str) -> Markup:
    """An attribute in all languages; what has no words in the catalogue is called by its own name."""
    words = catalogue("explain")
    kind, _, rest = name.partition(".")
    if name.replace(".", "_") in words:
        return pages.spans(words[name.replace(".", "_")].items())
    prefix = pages.spans(words[f"kind_{kind}"].items())
    return prefix + Markup(" <code>{}</code>").format(escape(rest))

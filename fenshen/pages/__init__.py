"""Pages that Fenshen writes: one look, both languages in each, nothing loaded from a server."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup, escape
from numpy import ndarray

from fenshen.messages import LANGUAGES, catalogue, language

if TYPE_CHECKING:
    from fenshen.provenance.mark import Mark

_QUALITY = 95  # the watermark of 64 pixels is lost below


def render(package: str, template: str, section: str, **values: Any) -> str:
    """A page.

    Args:
        package: whose template it is, such as ``fenshen.metrics``.
        template: name of the template's file.
        section: of the catalogue, which its ``t('key')`` says in all languages.
        values: what the template shows.
    """
    page = _environment(package).get_template(template)
    return page.render(t=phrases(section), chosen=language(), languages=LANGUAGES, **values)


def phrases(section: str) -> Callable[..., Markup]:
    """A function that says a phrase of the catalogue in all languages; the page shows the selected one."""

    def both(key: str, **values: Any) -> Markup:
        words = catalogue(section)[key]
        return spans((name, words[name].format(**values)) for name in LANGUAGES)

    return both


def inlined(picture: UInt8[ndarray, "h w 3"], mark: Mark | None = None) -> str:
    """A picture as the address of an ``img``, as WebP within the page.

    Args:
        mark: of the model that made it; None if no model did.
    """
    if mark is not None:
        content = mark.inside(picture, _QUALITY)
    else:
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(picture)).save(stream, "WEBP", quality=_QUALITY, method=4)
        content = stream.getvalue()
    return "data:image/webp;base64," + base64.b64encode(content).decode("ascii")


def spans(said: Iterable[tuple[str, str]]) -> Markup:
    """Texts by language, of which a page shows one."""
    return Markup("").join(
        Markup('<span lang="{}">{}</span>').format(name, escape(text)) for name, text in said
    )


@cache
def _environment(package: str) -> Any:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    room, _, folder = package.rpartition(".")
    loaders = [PackageLoader(room, folder), PackageLoader("fenshen", "pages")]
    return Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

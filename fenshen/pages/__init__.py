"""Pages that Fenshen writes: one look, both languages in each, nothing loaded from a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from fenshen.messages import LANGUAGES, catalogue, language


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

"""The tour: what it makes, what it leaves out, and the page that shows it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import fenshen
from fenshen import messages
from fenshen.errors import FenshenError, UsageError
from fenshen.messages import catalogue
from fenshen.tour import demo, page, parts
from fenshen.tour.parts import PARTS, Stage

EMPTY = {"br", "img", "input", "meta"}


class Reader(HTMLParser):
    """The links of a page whose elements are all closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_page_shows_what_is_there_in_both_languages(tmp_path: Path, language: messages.Language) -> None:
    for name in [name for part in PARTS for name in part.makes]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    stage = Stage(tmp_path, 1.0, 0, "cpu", False)
    messages.use(language)
    try:
        text = page.write(stage, {"double": demo.Note(seconds=93)}).read_text(encoding="utf-8")
    finally:
        messages.use(None)
    links = Reader(text).links
    links = [link.split("#")[0] for link in links]
    assert {"film.mp4", "hello.mp4", "same.mp4", "moved.mp4", "sheet.png"} <= set(links)
    assert all((tmp_path / link).exists() for link in links)
    assert f'id="say-{language}" checked' in text
    for key in ("title", "yours_note", "hello_caption"):
        for words in catalogue("demo")[key].values():
            assert words in text
    assert "{" not in re.sub(r"<style>.*</style>|<meta[^>]*>", "", text, flags=re.DOTALL)


def test_what_cannot_be_made_is_told_and_the_rest_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(stage: Stage) -> None:
        raise FenshenError("humans.no_extra", package="anny")

    kept = {part.name: part for part in PARTS}
    plays = [
        kept["film"],
        parts.Part("double", ("her.double",), failing),
        kept["speech"],
        parts.Part("photograph", ("x",), failing, "missing"),
    ]
    monkeypatch.setattr(demo, "PARTS", plays)
    monkeypatch.setattr(demo, "has_extra", lambda name: name != "missing")
    made = fenshen.demo(tmp_path / "demo", progress=False)
    assert [name for name, note in made.notes.items() if note.left_out] == ["double", "speech", "photograph"]
    assert "fenshen[demo]" in made.text
    assert (tmp_path / "demo" / "film.mp4").exists()
    Reader(Path(made.page).read_text(encoding="utf-8"))
    # It goes on where it was, and replaces only what is its own.
    (tmp_path / "demo" / "film.mp4").write_bytes(b"mine")
    again = fenshen.demo(tmp_path / "demo", progress=False)
    assert (tmp_path / "demo" / "film.mp4").read_bytes() == b"mine"
    assert json.loads((tmp_path / "demo" / "demo.json").read_text())["film"]["left_out"] is None
    assert again.notes.keys() == made.notes.keys()
    fenshen.demo(tmp_path / "demo", force=True, progress=False)
    assert (tmp_path / "demo" / "film.mp4").read_bytes() != b"mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    with pytest.raises(UsageError, match="not a demo"):
        fenshen.demo(tmp_path / "other", force=True, progress=False)

"""The lessons of the school: both languages run the same code, and it runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from people import NO_HUMANS

DOCS = Path(__file__).parents[1] / "docs"
_SPEC = importlib.util.spec_from_file_location("make_notebooks", DOCS / "make_notebooks.py")
notebooks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(notebooks)

PAGES = notebooks.lessons("en")
# What takes a learner's minutes and proves nothing more here.
SHORTER = (
    (r"\bsteps=\d+", "steps=6"),
    (r"^steps = \d+", "steps = 20"),
    (r"adversarial_from=\d+", "adversarial_from=4"),
    (r"evaluate_every=[1-9]\d*", "evaluate_every=6"),
    (r"(lorelei:)\d+", r"\g<1>60"),
    (r"\[:120\], pixels\[120:\]", "[:30], pixels[30:]"),
    (r"play\(gamma, steps=6", "play(gamma, steps=400"),
)


def test_there_are_ten_in_both_languages():
    assert len(PAGES) == 10
    assert [page.name for page in PAGES] == [page.name for page in notebooks.lessons("zh")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_languages_and_notebooks_agree(page):
    english = page.read_text(encoding="utf-8")
    chinese = (DOCS / "zh" / "school" / page.name).read_text(encoding="utf-8")
    assert notebooks.code(english) == notebooks.code(chinese)
    assert notebooks.code(english)
    for language, text in (("en", english), ("zh", chinese)):
        made = (DOCS / language / "school" / page.name).with_suffix(".ipynb").read_text(encoding="utf-8")
        assert made == notebooks.as_text(text), "run docs/make_notebooks.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_lesson_runs(page, tmp_path, monkeypatch, capsys):
    cells = notebooks.code(page.read_text(encoding="utf-8"))
    if NO_HUMANS and "humans" in "".join(cells):
        pytest.skip(NO_HUMANS)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "lesson"}
    for number, cell in enumerate(cells):
        for long, short in SHORTER:
            cell = re.sub(long, short, cell, flags=re.MULTILINE)
        exec(compile(cell, f"{page.stem}, cell {number + 1}", "exec"), names)
    assert capsys.readouterr().out.strip()

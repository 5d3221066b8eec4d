"""The documents say what is so: both languages alike, every command real, every number and link good."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from fenshen import assets, avatars, cli, sliders
from fenshen.data.sequences import SEQUENCES
from fenshen.humans.words import is_word
from fenshen.networks import FAMILIES
from fenshen.training import recipe as recipes

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAIRS = [(page, DOCS / "zh" / page.name) for page in sorted((DOCS / "en").glob("*.md"))]
PAIRS += [(ROOT / name, ROOT / name.replace(".md", ".zh.md")) for name in ("README.md", "CONTRIBUTING.md")]
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module(path: Path) -> ModuleType:
    """A script beside the package, imported under its own name."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = loaded
        spec.loader.exec_module(loaded)
        return loaded
    finally:
        sys.path.remove(str(path.parent))


def commands(text: str) -> Iterator[list[str]]:
    """The words of every ``fenshen ...`` line in a text's code, up to a pipe, without what is in square brackets."""
    fenced = [
        line for block in FENCE.findall(text) if block.startswith("```\n") for line in block.splitlines()
    ]
    inline = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for line in [*fenced, *inline]:
        if found := re.match(r"(?:torchrun .* )?(?:\.venv/bin/)?fenshen (.+?)(?: \| .*)?$", line):
            yield shlex.split(re.sub(r" \[.*?\](\.\.\.)?", "", found[1]), comments=True)


def settings(text: str) -> Iterator[str]:
    for quoted, plain in re.findall(r"--set (?:'([^']+)'|([\w.]+=[\w.,-]+))", text):
        yield quoted or plain


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda path: name_of(path))
def test_both_languages_have_the_same_pages_and_headings(english: Path, chinese: Path) -> None:
    def levels(page: Path) -> list[int]:
        plain = FENCE.sub("", page.read_text(encoding="utf-8"))
        return [len(marks) for marks in re.findall(r"^(#+) ", plain, re.MULTILINE)]

    assert levels(english) == levels(chinese)


def test_neither_language_has_a_page_alone() -> None:
    assert {p.name for p in (DOCS / "en").glob("*.md")} == {p.name for p in (DOCS / "zh").glob("*.md")}


def test_the_site_shows_every_page() -> None:
    shown = set(re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert shown >= {
        name_of(page).removeprefix("docs/") for page in [*DOCS.glob("e*/*.md"), *DOCS.glob("z*/*.md")]
    }
    assert all((DOCS / page).is_file() for page in shown)


# Settings that say nothing without another one.
BESIDE = {"frozen_layers": ["start=RUN"], "separation": ["generators=4"]}


@cache
def parser_of(verb: str) -> Any:
    return typer.main.get_command(cli.app(verb)).commands[verb]  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_quoted_command_is_one(page: Path) -> None:
    for verb, *words in commands(page.read_text(encoding="utf-8")):
        assert verb in cli.COMMANDS
        if not words:
            continue
        context = parser_of(verb).make_context(verb, [*words])
        recipe = context.params.get("recipe")
        assert recipe in (None, "NAME", "my-recipe.yaml", "tuning/tuned.yaml") or recipe in recipes.shipped()


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_quoted_setting_is_taken(page: Path) -> None:
    for setting in settings(page.read_text(encoding="utf-8")):
        name = setting.partition("=")[0]
        if name in sliders.names() or is_word(name):
            continue
        if setting.lower() != "key=value":
            recipes.load(recipe_for(setting), [*BESIDE.get(name, []), setting])


def recipe_for(setting: str) -> str:
    """A recipe that can take the setting."""
    name, _, value = setting.partition("=")
    if name == "family" and FAMILIES[value].medium is SEQUENCES:
        return "sequences"
    return "humans-128" if name in recipes.PAIRED else "dcgan-64"


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not target.startswith(("https://", "mailto:")):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_no_text_names_a_place_on_one_machine() -> None:
    for page in [*TEXTS, ROOT / "NOTICE", ROOT / "mkdocs.yml", *(ROOT / "benchmarks").glob("*.py")]:
        assert not re.search(
            r"(?<![\w.:/])/(work|root|home|tmp|Users)\b", page.read_text(encoding="utf-8")
        ), page


def test_the_reference_is_current() -> None:
    writer = module(DOCS / "make_reference.py")
    for language in ("en", "zh"):
        page = (DOCS / language / "reference.md").read_text(encoding="utf-8")
        assert page == writer.page(language), "run: python docs/make_reference.py"


def test_the_tutorials_numbers_come_out_as_quoted() -> None:
    numbers = module(ROOT / "benchmarks" / "seed_numbers.py")
    parts = ("shapes", "pseudo_code", "last_batch", "worked_losses", "formulas", "wasted_work")
    pages = [(DOCS / language / "seed.md").read_text(encoding="utf-8") for language in ("en", "zh")]
    for figure in (figure for part in parts for figure in getattr(numbers, part)()):
        assert figure.as_json()["ok"], figure
        if isinstance(figure.goal, str):
            quoted = figure.goal
        elif figure.unit == "of a step":
            quoted = f"{figure.goal:.0%}".replace("%", " %")
        else:
            quoted = f"{figure.goal:,}".replace("-", "-")
        assert all(quoted in page for page in pages), (figure.name, quoted)


def test_everyone_whose_work_comes_with_ours_is_named() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for file in assets.manifest():
        assert file in notice
    for name, style in avatars.STYLES.items():
        assert re.search(
            rf"^  {name} +{style.credit} +{style.licence[:5].replace('-', '.')}", notice, re.MULTILINE
        )


def test_the_readmes_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From prepare to evaluate as the page has it, with drawings for photographs and a few steps for many."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [
        block
        for block in FENCE.findall(text)
        if re.search("fenshen (prepare photos/|generate humans)", block)
    ]
    monkeypatch.chdir(tmp_path)
    small = ["steps=2", "batch_size=4", "width=4", "evaluate_every=0"]
    for verb, *words in commands("\n".join(blocks)):
        words = [word.replace("photos/", "avatars:lorelei:40") for word in words]
        more = {"train": [f"--set={s}" for s in small], "evaluate": ["--count", "16"]}.get(verb, [])
        monkeypatch.setattr(sys, "argv", ["fenshen", verb, *words, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
    assert {"sheet.png", "humans.png", "grid.png"} <= {file.name for file in tmp_path.iterdir()}
    assert (tmp_path / "report" / "report.html").is_file()

"""What the linter leaves out: names that are nowhere defined, but for the words of shapes such as ``"H W 3"``."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def undefined(*paths: Path) -> list[str]:
    """Undefined names outside of texts; ruff reads shapes in annotations as if they were code."""
    pytest.importorskip("ruff")
    words = ["check", "--isolated", "--select", "F821", "--output-format", "json", "--no-cache"]
    done = subprocess.run([sys.executable, "-m", "ruff", *words, *paths], capture_output=True, check=False)
    found = json.loads(done.stdout)
    texts = {name: _texts(Path(name)) for name in {each["filename"] for each in found}}
    return [
        f"{Path(each['filename']).name}: {each['message']}"
        for each in found
        for place in [(each["location"]["row"], each["location"]["column"] - 1)]
        if not any(start <= place < end for start, end in texts[each["filename"]])
    ]


def _texts(file: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)
    return [(token.start, token.end) for token in tokens if token.type == tokenize.STRING]


def test_every_name_is_defined():
    assert undefined(*(ROOT / name for name in ("fenshen", "tests", "benchmarks", "docs", "scripts"))) == []


def test_shapes_are_no_names_and_names_no_shapes(tmp_path):
    file = tmp_path / "code.py"
    file.write_text('def f(x: Float["H W 3"]) -> None:\n    return lost_name + x\n')
    assert undefined(file) == ["code.py: Undefined name `Float`", "code.py: Undefined name `lost_name`"]

"""The lessons of the school as notebooks: ``python docs/make_notebooks.py`` writes one beside each lesson's page.

The pages are written by hand; what stands in them between ``python`` fences becomes a cell of code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
_FENCE = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def lessons(language: str) -> list[Path]:
    """The pages of a language's lessons, in their order."""
    return sorted((DOCS / language / "school").glob("[0-9][0-9]-*.md"))


def code(page: str) -> list[str]:
    """The cells of code in a page."""
    return _FENCE.findall(page)


def notebook(page: str) -> dict[str, Any]:
    """A page as a notebook, without outputs."""
    cells: list[dict[str, Any]] = []
    for number, text in enumerate(_FENCE.split(page)):
        lines = text.strip("\n").splitlines(keepends=True)
        if number % 2:
            cells.append(
                {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": lines}
            )
        elif lines:
            cells.append({"cell_type": "markdown", "metadata": {}, "source": lines})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}


def as_text(page: str) -> str:
    """A page as the text of an ``.ipynb`` file."""
    return json.dumps(notebook(page), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write all of them."""
    for language in ("en", "zh"):
        for page in lessons(language):
            page.with_suffix(".ipynb").write_text(as_text(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Run the benchmarks of this folder, or those that are named, and write their figures into ``docs/benchmarks.md``.

Every file here that runs as a script is one, this file apart. One that fails leaves the others' figures
standing, is named on the page, and makes this fail at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from reporting import parser, progress

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"


def benchmarks() -> list[Path]:
    """The scripts, in the order of their names."""
    scripts = sorted(HERE.glob("*.py"))
    return [
        s
        for s in scripts
        if s.name != "all.py" and 'if __name__ == "__main__"' in s.read_text(encoding="utf-8")
    ]


def run(script: Path, quick: bool) -> dict[str, Any] | None:
    """What a benchmark prints as its last line, or None where it failed."""
    progress(f"-- {script.stem}")
    command = [sys.executable, str(script), *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None


def section(result: dict[str, Any] | None, quick: bool) -> str:
    """One benchmark's figures as a table, with machine and day."""
    if result is None:
        return "It failed on this machine."
    how = "with `--quick`, which repeats less" if quick else "in full"
    head = ["| figure | value | goal | unit | met |", "|---|---|---|---|---|"]
    rows = [_row(figure) for figure in result["figures"]]
    return "\n".join([f"{result['machine']}; {date.today()}, {how}", "", *head, *rows])


def read() -> dict[str, str]:
    """The sections of the page as it stands, by their names."""
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if PAGE.is_file() else []
    return {name: text.strip() for name, _, text in (part.partition("\n") for part in parts)}


def write(sections: dict[str, str]) -> None:
    """The page, its sections in the order of their names."""
    lines = [
        "# Benchmark figures\n",
        "Written by `benchmarks/all.py`; each table says on what machine, and when.\n",
    ]
    lines += [f"## {name}\n\n{text}\n" for name, text in sorted(sections.items())]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def _row(figure: dict[str, Any]) -> str:
    goal, met = figure["goal"], "yes" if figure["ok"] else "**no**"
    if goal is None:
        return f"| {figure['name']} | {figure['value']} | | {figure['unit']} | |"
    sign = {"higher": "≥ ", "lower": "≤ "}.get(figure["better"], "")
    return f"| {figure['name']} | {figure['value']} | {sign}{goal} | {figure['unit']} | {met} |"


def main() -> int:
    """Run those that are named, or all, and put their figures in their places on the page; 1 where one failed."""
    options = parser(__doc__)
    options.add_argument("names", nargs="*", help="of benchmarks; all if none is named")
    chosen = options.parse_args()
    known = {script.stem: script for script in benchmarks()}
    if unknown := set(chosen.names) - set(known):
        options.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results = {name: run(known[name], chosen.quick) for name in chosen.names or known}
    write({**read(), **{name: section(result, chosen.quick) for name, result in results.items()}})
    progress(f"written: {PAGE}")
    return int(None in results.values())


if __name__ == "__main__":
    sys.exit(main())

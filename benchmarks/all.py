"""Run every benchmark of this folder and write ``docs/benchmarks.md``.

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


def page(results: dict[str, dict[str, Any] | None], quick: bool) -> str:
    """All figures as one page of tables."""
    how = "with `--quick`, which repeats less" if quick else "in full"
    lines = ["# Benchmark figures", "", f"Written by `make bench` on {date.today()}, {how}.", ""]
    for name, result in results.items():
        lines += [f"## {name}", ""]
        if result is None:
            lines += ["It failed on this machine.", ""]
            continue
        lines += [
            f"{result['machine']}",
            "",
            "| figure | value | goal | unit | met |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(figure) for figure in result["figures"]]
        lines.append("")
    return "\n".join(lines)


def _row(figure: dict[str, Any]) -> str:
    goal, met = figure["goal"], "yes" if figure["ok"] else "**no**"
    if goal is None:
        return f"| {figure['name']} | {figure['value']} | | {figure['unit']} | |"
    sign = {"higher": "≥ ", "lower": "≤ "}.get(figure["better"], "")
    return f"| {figure['name']} | {figure['value']} | {sign}{goal} | {figure['unit']} | {met} |"


def main() -> int:
    """Run all; 1 where one failed."""
    quick = parser(__doc__).parse_args().quick
    results = {script.stem: run(script, quick) for script in benchmarks()}
    PAGE.write_text(page(results, quick), encoding="utf-8")
    progress(f"written: {PAGE}")
    return int(None in results.values())


if __name__ == "__main__":
    sys.exit(main())

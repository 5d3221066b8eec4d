"""What all benchmarks share: a figure with its goal, the machine's name, and the JSON line at the end."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from fenshen.machine import has_bf16, start

start()  # benchmarks measure what the command line gives


@dataclass(frozen=True)
class Figure:
    """One figure, and what it should be: a goal of None is for orientation only, and always met."""

    name: str
    value: float | str
    goal: float | str | None = None
    tolerance: float = 0.0  # where the figure should equal its goal
    unit: str = ""
    better: Literal["equal", "higher", "lower"] = "equal"

    @property
    def ok(self) -> bool:
        """Whether the goal is met."""
        if self.goal is None:
            return True
        if isinstance(self.value, str) or isinstance(self.goal, str):
            return self.value == self.goal
        if self.better == "higher":
            return self.value >= self.goal
        if self.better == "lower":
            return self.value <= self.goal
        return abs(self.value - self.goal) <= self.tolerance

    def as_json(self) -> dict[str, object]:
        """The figure in the form that all benchmarks print."""
        return {**asdict(self), "ok": self.ok}


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with the one option that every benchmark has."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="fewer repeats, under a minute")
    return options


def machine() -> str:
    """What a figure depends on: cores, threads, whether there are bf16 units, PyTorch's version."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    units = "bf16 units" if has_bf16("cpu") else "no bf16 units"
    return f"{cores} cores, {torch.get_num_threads()} threads, {units}, PyTorch {torch.__version__}"


def progress(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)


def report(benchmark: str, figures: Sequence[Figure]) -> None:
    """All figures on standard error for the eye, and as one JSON object on standard output."""
    for figure in figures:
        goal = "" if figure.goal is None else f"(goal {figure.goal})"
        progress(f"{figure.name:40} {figure.value} {figure.unit} {goal}{'' if figure.ok else '  MISSED'}")
    rows = [figure.as_json() for figure in figures]
    print(json.dumps({"benchmark": benchmark, "machine": machine(), "figures": rows}))

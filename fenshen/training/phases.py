"""Where a training step's time goes: its phases, named for the profiler, and the profile of some steps."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.profiler import ProfilerActivity, record_function

from fenshen import files
from fenshen.messages import message

Phase = Literal["data", "generator", "discriminator", "penalties", "optimizer"]
PHASES: tuple[Phase, ...] = ("data", "generator", "discriminator", "penalties", "optimizer")

_WARM_UP = 3  # steps that allocate and compile
_OPERATORS = 8  # shown, of those that take longest
_PREFIX = "fenshen."


@contextlib.contextmanager
def phase(name: Phase) -> Iterator[None]:
    """Name what is done inside for PyTorch's profiler and, on a GPU, for Nsight (NVTX)."""
    nvtx = torch.cuda.is_available()
    if nvtx:
        torch.cuda.nvtx.range_push(name)  # type: ignore[no-untyped-call]
    try:
        with record_function(_PREFIX + name):
            yield
    finally:
        if nvtx:
            torch.cuda.nvtx.range_pop()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Profile:
    """What some steps were made of.

    Attributes:
        steps: that were timed.
        seconds: a step, all in all.
        phases: seconds a step of each phase, and of the rest.
        operators: the operators that take longest: name and seconds a step.
        memory: most memory of the process, or of the GPU, in bytes; None where the system does not say.
        trace: file for TensorBoard and Perfetto.
    """

    steps: int
    seconds: float
    phases: dict[str, float]
    operators: dict[str, float]
    memory: int | None
    trace: Path

    @property
    def text(self) -> str:
        """Tables of phases and operators."""
        lines = [message("profile.head", steps=self.steps, milliseconds=1000 * self.seconds)]
        for name, seconds in self.phases.items():
            share = seconds / self.seconds
            label = message(f"profile.{name}")
            lines.append(
                message(
                    "profile.phase", ms=1000 * seconds, share=share, name=label, bar="█" * round(30 * share)
                )
            )
        if self.memory is not None:
            lines.append(message("profile.memory", gigabytes=self.memory / 1e9))
        lines += ["", message("profile.operators")]
        lines += [f"{1000 * seconds:9.1f} ms  {name}" for name, seconds in self.operators.items()]
        return "\n".join([*lines, "", message("profile.trace", trace=self.trace)])

    def summary(self) -> dict[str, Any]:
        """The same as JSON."""
        return {**asdict(self), "trace": str(self.trace)}


def profile(step: Callable[[int], object], steps: int, device: torch.device, trace: Path) -> Profile:
    """Take some steps under PyTorch's profiler, after a few that do not count.

    Args:
        step: takes one, given its number.
        trace: the file to write.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it would tell users when it starts and stops
    for number in range(_WARM_UP):
        step(number)
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with torch.profiler.profile(activities=activities) as seen:
        started = time.perf_counter()
        for number in range(_WARM_UP, _WARM_UP + steps):
            step(number)
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds = (time.perf_counter() - started) / steps
    trace.parent.mkdir(parents=True, exist_ok=True)
    with files.writing(trace) as part:
        seen.export_chrome_trace(str(part))
    return Profile(steps, seconds, *_shares(seen, steps, seconds), _memory(device), trace)


def _shares(
    seen: torch.profiler.profile, steps: int, seconds: float
) -> tuple[dict[str, float], dict[str, float]]:
    averages = seen.key_averages()
    took = {event.key: event.cpu_time_total / 1e6 / steps for event in averages}
    phases: dict[str, float] = {name: took.get(_PREFIX + name, 0.0) for name in PHASES}
    phases["rest"] = max(seconds - sum(phases.values()), 0.0)
    own = {
        event.key: (event.self_device_time_total or event.self_cpu_time_total) / 1e6 / steps
        for event in averages
        if not event.key.startswith(_PREFIX)
    }
    longest = sorted(own, key=lambda name: -own[name])[:_OPERATORS]
    return phases, {name: own[name] for name in longest}


def _memory(device: torch.device) -> int | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most  # kilobytes elsewhere

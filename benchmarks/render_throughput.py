"""Portraits of 128 pixels a second and core, and the memory of a process that draws them.

Every portrait is another person with another expression, hair, glasses and beard as they come, and all labels.
The rate is portraits by second of processor time in one process, so that what else the machine does hardly
matters; growing hair and loading the model happen once a process and are timed apart.
"""

from __future__ import annotations

import resource
import sys
import time

from reporting import Figure, parser, progress, report

from fenshen.humans import sample
from fenshen.humans.render import render
from fenshen.humans.sampler import sample_camera, sample_controls

GOAL = 20.0  # portraits a second and core
MEMORY = 1.0  # GiB
WARM = 120  # people whose hair is grown before the clock runs


def rate(first: int, count: int, size: int) -> float:
    """Portraits a second of processor time."""
    start = time.process_time()
    for seed in range(first, first + count):
        render(sample(seed), sample_controls(seed), sample_camera(seed), size)
    return count / (time.process_time() - start)


def memory() -> float:
    """The most this process ever held, in GiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def main() -> None:
    """Measure, and print one JSON object."""
    quick = parser(__doc__).parse_args().quick
    count, rounds = (60, 2) if quick else (200, 3)
    start = time.process_time()
    render(sample(0))
    first = time.process_time() - start
    progress(f"first portrait after {first:.1f} s")
    rate(0, WARM, 128)
    speeds = []
    for turn in range(rounds):
        speeds.append(rate(1000 * (turn + 1), count, 128))
        progress(f"round {turn + 1}: {speeds[-1]:.1f} portraits/s")
    held = memory()
    large = rate(5000, 6 if quick else 20, 512)
    report(
        "render_throughput",
        [
            Figure("portraits_128px_a_core", round(max(speeds), 1), GOAL, 0, "portraits/s", "higher"),
            Figure("memory_a_process", round(held, 2), MEMORY, 0, "GiB", "lower"),
            Figure("portraits_512px_a_core", round(large, 1), unit="portraits/s", better="higher"),
            Figure("first_portrait", round(first, 1), unit="s of processor time", better="lower"),
        ],
    )


if __name__ == "__main__":
    main()

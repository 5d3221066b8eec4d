"""Texts: SeqGAN's oracle task, and profile lines in two languages, by likelihood alone and with the GAN.

The oracle task (Yu et al. 2017): texts of 20 tokens of an LSTM with random weights, and the negative log-likelihood
that it gives to what was learnt, in nats a token. Published are 9.04 for maximum likelihood, 8.74 for SeqGAN and 6.68
for RelGAN (Nie et al. 2019), for another drawing of the weights, after some 23,000 steps of likelihood and 3,000 of
the GAN; here a run takes minutes. A low figure alone says little: who writes a few likely texts only gets it too. So
the share of different pairs of tokens, and the likelihood that the generator gives to held-out texts, stand beside
it.

Profile lines: BLEU-4 of 500 lines against held-out ones, self-BLEU-4, the F-score of BLEU both ways, and the share of
lines that are not in the corpus; the same of training lines, which is the best that can be had.

Each recipe runs in full; ``--quick`` takes a tenth of the steps and leaves Chinese out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Int
from numpy import ndarray
from reporting import Figure, parser, progress, report

import fenshen
from fenshen.data.oracle import WORDS, Oracle
from fenshen.data.profiles import profiles
from fenshen.data.texts import tokens
from fenshen.metrics.texts import bleu, distinct, f_score, self_bleu
from fenshen.model import Model
from fenshen.networks import Writer
from fenshen.training import recipe as recipes

_WRITTEN = 500
_RELGAN = 6.68


def main() -> None:
    """Train, measure, and print one JSON object."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, help="folder for the lines that are written")
    options.add_argument("--only", choices=("oracle", "en", "zh"), help="one of the three tasks")
    chosen = options.parse_args()
    figures: list[Figure] = []
    tasks = [chosen.only] if chosen.only else ["oracle", "en", *([] if chosen.quick else ["zh"])]
    with tempfile.TemporaryDirectory() as folder:
        for task in tasks:
            figures += (_oracle if task == "oracle" else _profiles)(task, Path(folder), chosen)
    report("texts", figures)


def _runs(data: str, name: str, folder: Path, quick: bool) -> dict[str, Model]:
    """Two generators of one budget: likelihood all the way, and likelihood before the game."""
    recipe, tenth = recipes.load(name), 10 if quick else 1
    steps, joins = recipe.steps // tenth, recipe.adversarial_from // tenth
    made = {}
    for how, start in (("likelihood", steps), ("gan", joins)):
        words = [f"steps={steps}", f"adversarial_from={start}"]
        run = fenshen.train(data, out=folder / data.replace(":", "-") / how, settings=words, device="cpu")
        progress(f"{data}, {how}: {run.report['seconds']:.0f} s")
        made[how] = Model.load(run.path / "checkpoints" / f"step-{steps:08d}")
    return made


def _oracle(_: str, folder: Path, chosen: argparse.Namespace) -> list[Figure]:
    data = Oracle("20")
    held_out = data.samples[data.indices("held_out")]
    figures = [
        Figure("oracle_own_nll", round(data.nll(held_out), 3)),
        Figure("oracle_own_distinct", round(distinct(held_out[:_WRITTEN].tolist()), 3)),
    ]
    for how, model in _runs("oracle:20", "oracle-text", folder, chosen.quick).items():
        texts = model.sample(range(_WRITTEN))
        goal = _RELGAN if how == "gan" else None
        figures += [
            Figure(f"oracle_{how}_nll", round(data.nll(texts), 3), goal, better="lower"),
            Figure(f"oracle_{how}_distinct", round(distinct(texts.tolist()), 3)),
            Figure(f"oracle_{how}_held_out_nll", round(_nll(model, held_out[:_WRITTEN]), 3)),
        ]
    return figures


@torch.no_grad()
def _nll(model: Model, texts: Int[ndarray, "N T"]) -> float:
    """Minus the likelihood that a generator gives to texts, in nats a token."""
    assert isinstance(model.generator, Writer)
    parts = torch.from_numpy(texts).split(100)
    values = [model.generator.likelihood(F.one_hot(part, WORDS).float()) for part in parts]
    return -float(torch.cat(values).mean())


def _profiles(language: str, folder: Path, chosen: argparse.Namespace) -> list[Figure]:
    data = profiles(language)
    real, known = [tokens(line) for line in data.split("held_out")[:_WRITTEN]], set(data.lines)
    written = {"training": data.split("train")[:_WRITTEN]}
    for how, model in _runs(f"profiles:{language}", "lines", folder, chosen.quick).items():
        written[how] = [str(line) for line in model.sample(range(_WRITTEN))]
    figures = []
    for whose, lines in written.items():
        made = [tokens(line) for line in lines]
        figures += [
            Figure(f"{language}_{whose}_bleu4", round(bleu(made, real), 3)),
            Figure(f"{language}_{whose}_self_bleu4", round(self_bleu(made), 3)),
            Figure(f"{language}_{whose}_bleu_f", round(f_score(made, real), 3)),
        ]
        if whose != "training":
            new = sum(line not in known for line in lines) / len(lines)
            figures.append(Figure(f"{language}_{whose}_new", round(new, 3)))
        if chosen.out:
            chosen.out.mkdir(parents=True, exist_ok=True)
            (chosen.out / f"{language}-{whose}.txt").write_text(
                "\n".join(lines[:64]) + "\n", encoding="utf-8"
            )
    return figures


if __name__ == "__main__":
    main()

"""Training, from the first step to the last: one loop for every family, loss and machine."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric

from fenshen import __version__, model, portraits
from fenshen.dataset import Batches, Dataset
from fenshen.errors import FenshenError, Interrupted, UsageError
from fenshen.messages import message
from fenshen.metrics.meters import CopyMeter, KidMeter, diversity, psnr
from fenshen.training import checkpoint
from fenshen.training.game import Game, Scalars
from fenshen.training.labels import labels
from fenshen.training.progress import Bar, Log
from fenshen.training.recipe import Recipe
from fenshen.training.runs import write_report
from fenshen.training.watch import MAX_ROLLBACKS, Finding, Watch

Wishes = tuple[torch.Tensor, np.ndarray | None]  # latents, and controls where they are not neutral

_SHEET = 64  # latents that are drawn throughout a run
_KID_SAMPLES = 256
_COPY_SAMPLES = 128
_LIKENESS_SAMPLES = 128
_COPY_TRAIN = 2000  # training pictures looked at for copies: more cannot be learnt by heart in a short run


class Training:
    """A run in progress: what the steps share.

    Args:
        data: training and held-out pictures.
        recipe: what decides everything.
        run: the folder, whose newest checkpoint is taken up where there is one.
        fabric: launched.
        progress: show the bar.
    """

    def __init__(self, data: Dataset, recipe: Recipe, run: Path, fabric: Fabric, progress: bool) -> None:
        self.data, self.recipe, self.run, self.fabric = data, recipe, run, fabric
        self.batches = Batches(
            data.pixels,
            data.indices("train"),
            labels(data, recipe),
            recipe.batch_size,
            recipe.seed,
            recipe.mirror,
        )
        self.game = Game(recipe, self.batches, fabric)
        self.watch = Watch(recipe.steps)
        self.step, self.seconds, self.rollbacks = 0, 0.0, 0
        self.metrics: dict[str, float] = {}  # of the last measurement
        self.best: float | None = None  # merit of the best one
        self.waited = 0  # measurements since then
        self._resume()
        self.chief = fabric.is_global_zero
        self.bar = Bar(recipe.steps, self.step, recipe.minutes, self.seconds, progress and self.chief)
        self.log = Log(run, self.step) if self.chief else None
        self.wishes = self._wish(_SHEET, seed=0)
        self.meters: tuple[KidMeter, CopyMeter] | None = None

    def until_done(self) -> None:
        """The loop. Every way out of it leaves a checkpoint, or the one before, to go on from."""
        recipe, aside, started = self.recipe, 0.0, time.monotonic()
        played: list[Scalars] = []
        try:
            with _stop_signals() as stopped:
                if self.step == 0:
                    self._sample()
                    self._save()
                while self.step < recipe.steps and not self._settled() and not self._out_of_time(started):
                    played.append(self.game.play(self.step))
                    self.step += 1
                    self.bar.advance(self.step)
                    if self.step % recipe.log_every == 0 or self.step == recipe.steps:
                        self.seconds += time.monotonic() - started
                        playing = time.monotonic() - started - aside
                        self._note(played, playing)
                        played, aside, started = [], 0.0, time.monotonic()
                    aside += self._on_schedule()
                    if self._any(stopped):
                        self.seconds += time.monotonic() - started
                        self._save()
                        raise Interrupted("train.interrupted", step=self.step, run=self.run)
                self.seconds += time.monotonic() - started
                self._finish()
        finally:
            self.bar.close()
            if self.log:
                self.log.close()

    # ---- now and then -----------------------------------------------------------------------------------------

    def _on_schedule(self) -> float:
        """Sample, measure and save when their time has come; returns the seconds that took."""
        recipe, last, started = self.recipe, self.step == self.recipe.steps, time.monotonic()
        if self.step % recipe.sample_every == 0 or last:
            self._sample()
        if recipe.evaluate_every and (self.step % recipe.evaluate_every == 0):
            self._examine()
        if self.step % recipe.checkpoint_every == 0 and not last:
            self._save()
        return time.monotonic() - started

    def _note(self, played: list[Scalars], seconds: float) -> None:
        """Log the means of the last steps, roll back where they exploded."""
        names = sorted(set().union(*played))
        of_steps = [torch.stack([row[name] for row in played if name in row]).mean() for name in names]
        means = self.fabric.all_reduce(torch.stack(of_steps), reduce_op="mean")
        row: dict[str, Any] = {
            "step": self.step,
            "time": round(self.seconds, 3),
            "images": self.step * self.recipe.batch_size,
            "images_per_second": round(len(played) * self.recipe.batch_size / max(seconds, 1e-9), 2),
            **dict(zip(names, means.tolist(), strict=True)),
            "augment_p": self.game.augmentation.p,
            "lr_g": self.game.optimizer_g.param_groups[0]["lr"],
            "lr_d": self.game.optimizer_d.param_groups[0]["lr"],
        }
        finding = self.watch.losses(self.step, row)
        exploded = finding is not None and finding.kind == "exploded"
        if self.log:
            # JSON knows no infinity: what is not finite is left out, and the finding beside it says why.
            finite = {k: v for k, v in row.items() if not isinstance(v, float) or math.isfinite(v)}
            self.log.row(finite)
            if not exploded:
                self.bar.describe(row, self.metrics)
                self._show()
        self._tell(finding)
        if exploded:
            self._roll_back()

    def _show(self) -> None:
        """A picture that is being learnt, and what G makes of it by now."""
        if not (self.bar.live and self.recipe.paired):
            return
        indices = self.batches.indices
        one = indices[[self.step // self.recipe.log_every * 17 % len(indices)]]
        known = self.batches.labels.rows(one)
        assert known.codes is not None
        drawn = self._draw((torch.from_numpy(known.codes), known.controls))
        self.bar.look(np.concatenate([self.data.pixels[one], drawn]))

    def _sample(self) -> None:
        """Draw the fixed latents: for the eye, the time lapse, and the doctor."""
        if not self.log:
            return
        pictures = self._draw(self.wishes)
        sheet = portraits.sheet(pictures, 8)
        (self.run / "samples").mkdir(parents=True, exist_ok=True)
        portraits.write(self.run / "samples" / f"step-{self.step:08d}.png", sheet)
        self.log.sheet(self.step, sheet)
        if self.step > 0:
            real = self.data.pixels[self.batches.indices[:_SHEET]]
            self._tell(self.watch.samples(self.step, diversity(pictures, real)))

    def _examine(self) -> None:
        """Measure: held-out likeness where G is told what to draw, else KID and copies of training pictures."""
        if self.recipe.paired:
            self.metrics = {"psnr": self._likeness()}
        elif self.log:
            self.metrics = self._examine_freely()
        if self.log:
            self.log.row({"step": self.step, **self.metrics})
        merit = model.merit(self.metrics)
        better = merit is not None and (self.best is None or merit < self.best)
        self.best, self.waited = (merit, 0) if better else (self.best, self.waited + 1)

    def _likeness(self) -> float:
        """PSNR in dB of the averaged generator on pictures it was not shown."""
        held_out = self.data.indices("held_out")
        some = held_out if len(held_out) else self.batches.indices
        some = some[np.linspace(0, len(some) - 1, min(len(some), _LIKENESS_SAMPLES)).astype(int)]
        known = self.batches.labels.rows(some)
        assert known.codes is not None
        return psnr(self._draw((torch.from_numpy(known.codes), known.controls)), self.data.pixels[some])

    def _examine_freely(self) -> dict[str, float]:
        """KID, and the share of pictures that copy one of the training's."""
        if self.meters is None:
            self.meters = self._build_meters()
        kid_meter, copy_meter = self.meters
        pictures = self._draw(self._wish(_KID_SAMPLES, seed=1))
        copies = copy_meter.measure(pictures[:_COPY_SAMPLES]).copies
        self._tell(self.watch.copies(self.step, copies))
        return {"kid": kid_meter.measure(lambda count: pictures[:count]), "copies": copies}

    def _build_meters(self) -> tuple[KidMeter, CopyMeter]:
        """Look at the real pictures once; where hardly any are held out, training pictures stand in for them."""
        pixels, train, held_out = self.data.pixels, self.batches.indices, self.data.indices("held_out")
        real = held_out if len(held_out) >= _KID_SAMPLES // 4 else np.arange(len(pixels))
        some = np.sort(np.random.default_rng(0).permutation(train)[:_COPY_TRAIN])
        device = self.fabric.device
        return KidMeter(pixels[real], device, _KID_SAMPLES), CopyMeter(pixels[some], pixels[held_out], device)

    def _tell(self, finding: Finding | None) -> None:
        if finding is None or not self.log:
            return
        self.log.row(finding.row)
        self.bar.print(f"[yellow]{finding.text}[/]")

    def _roll_back(self) -> None:
        """Go back to the last checkpoint with half the learning rates; give up after the third time."""
        self.rollbacks += 1
        if self.rollbacks > MAX_ROLLBACKS:
            raise FenshenError("train.diverged", run=self.run, times=MAX_ROLLBACKS)
        lr_factor = self.game.lr_factor / 2
        self._resume()
        self.game.lr_factor = lr_factor
        self.bar.print(
            message("watch.rolled_back", step=self.step, attempt=self.rollbacks, most=MAX_ROLLBACKS)
        )

    def _save(self) -> None:
        if not self.chief:
            self.fabric.barrier()
            return
        state = {
            "game": self.game.state(),
            "seconds": self.seconds,
            "rollbacks": self.rollbacks,
            "metrics": self.metrics,
            "best": self.best,
            "waited": self.waited,
            "watch": dataclasses.asdict(self.watch),
            "dataset": self.data.fingerprint,
        }
        if checkpoint.is_finite(state["game"]):  # what is broken is not worth going back to
            checkpoint.save(self.run, self.step, state, self._write_model)
        self.fabric.barrier()

    def _resume(self) -> None:
        found = checkpoint.latest(self.run)
        if found is None:
            if self.recipe.start is not None:
                self._begin_from(self.recipe.start)
            return
        self.step, state = found
        if state["dataset"] != self.data.fingerprint:
            raise UsageError("train.other_dataset", run=self.run, dataset=self.data.path)
        self.game.load_state(state["game"])
        self.seconds, self.metrics = state["seconds"], state["metrics"]
        self.best, self.waited = state["best"], state["waited"]
        self.rollbacks = max(self.rollbacks, state["rollbacks"])
        self.watch = Watch(**{**state["watch"], "steps": self.recipe.steps})

    def _begin_from(self, start: str) -> None:
        begun = model.Model.load(start)
        if begun.card.network != self.recipe.network:
            raise UsageError("train.other_network", start=start)
        self.game.begin_from(begun.generator.state_dict())

    def _finish(self) -> None:
        if self.recipe.evaluate_every and self.step % self.recipe.evaluate_every:
            self._examine()
        self._sample()
        self._save()
        if self.chief:
            write_report(self.run, self.recipe, self.step, self.seconds)

    # ---- small things -----------------------------------------------------------------------------------------

    def _wish(self, count: int, seed: int) -> Wishes:
        """What sheets and measurements ask of G: noise; of a paired recipe, held-out people as they are seen."""
        if not self.recipe.paired:
            noise = torch.Generator().manual_seed(seed)
            return torch.randn(count, self.recipe.latent, generator=noise), None
        held_out = self.data.indices("held_out")
        known = self.batches.labels.rows(
            np.resize(held_out if len(held_out) else self.batches.indices, count)
        )
        assert known.codes is not None
        return torch.from_numpy(known.codes), known.controls

    def _draw(self, wishes: Wishes) -> np.ndarray:
        """Pictures of the averaged generator, as they would be drawn from the saved model."""
        latents, controls = wishes
        drawer = model.Model(self.game.average, self._card(), self.run, self.fabric.device)
        return drawer.draw(latents, controls=controls)

    def _write_model(self, folder: Path) -> None:
        model.save(folder, self.game.average, self._card())

    def _card(self) -> model.ModelCard:
        card = self.data.card
        return model.ModelCard(
            network=self.recipe.network,
            told="human" if self.recipe.paired else "noise",
            recipe=self.recipe.name,
            step=self.step,
            pictures_seen=self.step * self.recipe.batch_size,
            origin=card.origin,
            pictures=len(self.batches.indices),
            licence=card.licence,
            consent=card.consent,
            metrics=self.metrics,
            fenshen=__version__,
        )

    def _settled(self) -> bool:
        """Whether the recipe's patience is at its end."""
        return self.recipe.patience > 0 and self._any([self.chief and self.waited >= self.recipe.patience])

    def _out_of_time(self, started: float) -> bool:
        if self.recipe.minutes is None:
            return False
        over = self.seconds + time.monotonic() - started > 60 * self.recipe.minutes
        return self._any([over])

    def _any(self, flags: Sequence[bool]) -> bool:
        """Whether any process says so: all must leave the loop at the same step."""
        if self.fabric.world_size == 1:
            return any(flags)
        mine = torch.tensor(float(any(flags)), device=self.fabric.device)
        return float(self.fabric.all_reduce(mine, reduce_op="sum")) > 0


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[bool]]:
    """A list that becomes [True] at SIGINT or SIGTERM; a second one stops at once."""
    stopped: list[bool] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(True)

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs us there stops us
        before = {}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Training, from the first step to the last: one loop for every family, loss and machine."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from jaxtyping import UInt8
from lightning.fabric import Fabric
from numpy import ndarray

from fenshen import model, portraits
from fenshen.data import TrainingData
from fenshen.data.sizes import Sizes, ragged
from fenshen.dataset import UNFILMED, Batches, Dataset
from fenshen.errors import FenshenError, Interrupted, UsageError
from fenshen.keyframes import FOLDER, Keyframes
from fenshen.media import PICTURES
from fenshen.messages import message
from fenshen.networks import FAMILIES
from fenshen.provenance.mark import Mark
from fenshen.training import checkpoint, starts
from fenshen.training.critic import Scalars
from fenshen.training.game import Game
from fenshen.training.labels import batches
from fenshen.training.measuring import Array, Probes, measuring
from fenshen.training.progress import Bar, Log
from fenshen.training.recipe import AUTO, Recipe
from fenshen.training.runs import write_report
from fenshen.training.watch import MAX_ROLLBACKS, Finding, Watch
from fenshen.version import __version__

_COLUMNS = 8  # of a sheet of samples
_FITTED = 1000  # training samples that networks are fitted to before they learn


class Training:
    """A run in progress: what the steps share.

    Args:
        data: training and held-out pictures.
        recipe: what decides everything.
        run: the folder, whose newest checkpoint is taken up where there is one.
        fabric: launched.
        progress: show the bar.
        fresh: begin at the first step, whatever is there.

    Raises:
        UsageError: the dataset is not what the recipe or the run needs. Nothing was written.
    """

    def __init__(
        self,
        data: TrainingData,
        recipe: Recipe,
        run: Path,
        fabric: Fabric,
        progress: bool = False,
        *,
        fresh: bool = False,
    ) -> None:
        self.data, self.recipe, self.run, self.fabric = data, recipe, run, fabric
        sets = _sets(data, recipe)
        self.batches = sets[0]
        self.game = Game(recipe, sets, fabric)
        if recipe.keyframes:
            self.game.keep(Keyframes.read(data.path / FOLDER))
        if FAMILIES[recipe.family].fits:
            rows = self.batches.indices[:: max(len(self.batches.indices) // _FITTED, 1)]
            self.game.fit(recipe.network.medium.encode(data.samples[rows], fabric.device))
        self.watch = Watch(recipe.steps)
        self.step, self.seconds, self.rollbacks = 0, 0.0, 0
        self.metrics: dict[str, float] = {}  # of the last measurement
        self.best: float | None = None  # merit of the best one
        self.waited = 0  # measurements since then
        self.start: str | None = None  # what its weights began as
        self.pause: float | None = None  # seconds of training after which it stops for a while
        self._resume(fresh)
        self.begun = self.step
        self.is_main = fabric.is_global_zero
        self.show = progress and self.is_main
        self.log: Log | None = None
        self.measuring = measuring(data, self.batches, recipe, fabric.device)

    def until(self, seconds: float) -> None:
        """Train until the run has had so many seconds in all, or is done; then measure and save."""
        self.pause = seconds
        self.until_done()

    def until_done(self) -> None:
        """The loop. Every way out of it leaves a checkpoint, or the one before, to go on from."""
        recipe, aside, started = self.recipe, 0.0, time.monotonic()
        played: list[Scalars] = []
        self.bar = Bar(recipe.steps, self.step, recipe.minutes, self.seconds, self.show)
        try:
            self.log = Log(self.run, self.step) if self.is_main else None
            with _stop_signals() as stopped:
                if self.step == 0:
                    if self.start is not None and self.recipe.start == AUTO:
                        self.bar.print(message("train.starts_from", start=self.start))
                    self._sample()
                    self._save()
                while (at := self._at(started)) < recipe.steps and not self._over(started):
                    played.append(self.game.train_step(self.step, at))
                    self.step += 1
                    self.bar.advance(self.step, at + 1)
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
                if self.pause is not None and self.seconds >= self.pause:
                    self._measure()
                    self._save()
                else:
                    self._finish()
        finally:
            self.bar.close()
            if self.log:
                self.log.close()

    @property
    def taken(self) -> int:
        """Steps since it was begun or continued."""
        return self.step - self.begun

    # ---- now and then -----------------------------------------------------------------------------------------

    def _on_schedule(self) -> float:
        """Sample, measure and save when it is time; returns the seconds that took."""
        recipe, last, started = self.recipe, self.step == self.recipe.steps, time.monotonic()
        if self.step % recipe.sample_every == 0 or last:
            self._sample()
        if recipe.evaluate_every and (self.step % recipe.evaluate_every == 0):
            self._measure()
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
            "augment_p": self.game.critic.augmentation.p,
            "lr_g": self.game.optimizer.param_groups[0]["lr"],
            "lr_d": self.game.critic.optimizer.param_groups[0]["lr"],
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
        """Show a training picture and what the generator makes of it, above the bar."""
        if self.bar.live:
            example = self.measuring.example(self.step // self.recipe.log_every, self._draw)
            if example is not None:
                self.bar.look(example)

    def _sample(self) -> None:
        """Draw the fixed probes: for the eye, the time lapse, and the watch."""
        if not self.log:
            return
        samples = self._draw(self.measuring.sheet)
        pictures = self.measuring.pictures(samples)
        self._keep(pictures)
        self.log.sheet(self.step, portraits.sheet(pictures, _COLUMNS))
        if self.step > 0:
            self._tell(self.watch.samples(self.step, self.measuring.diversity(samples)))

    def _keep(self, pictures: UInt8[ndarray, "N H W 3"]) -> None:
        """Write samples with their marks; unsigned where no certificate can be made, for training goes on."""
        # Weights of every step are others: the pictures stand for them.
        mark = Mark.of_model(hashlib.sha256(pictures.tobytes()).hexdigest())
        path = self.run / "samples" / f"step-{self.step:08d}.png"
        if len(pictures) == 1:
            mark.picture(path, pictures[0], signed=mark.can_sign())
        else:
            mark.sheet(path, pictures, _COLUMNS, signed=mark.can_sign())

    def _measure(self) -> None:
        """Measure the averaged generator, and remember how long it has not become better."""
        if self.is_main or self.recipe.paired:
            self.metrics = self.measuring.measure(self._draw)
        if "copies" in self.metrics:
            self._tell(self.watch.copies(self.step, self.metrics["copies"]))
        if self.log:
            self.log.row({"step": self.step, **self.metrics})
        merit = model.merit(self.metrics)
        better = merit is not None and (self.best is None or merit < self.best)
        self.best, self.waited = (merit, 0) if better else (self.best, self.waited + 1)

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
        if not self.is_main:
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
            "start": self.start,
        }
        if checkpoint.is_finite(state["game"]):  # what is broken is not worth going back to
            checkpoint.save(self.run, self.step, state, self._write_model)
        self.fabric.barrier()

    def _resume(self, fresh: bool = False) -> None:
        found = None if fresh else checkpoint.latest(self.run)
        if found is None:
            self.start = starts.find(self.recipe)
            if self.start is not None:
                self._start_from(self.start)
            elif self.recipe.frozen_layers:
                raise UsageError("recipe.inconsistent", why=message("recipe.frozen_start"))
            return
        self.step, state = found
        self.start = state.get("start")
        if state["dataset"] != self.data.fingerprint:
            raise UsageError("train.other_dataset", run=self.run, dataset=self.data.path)
        self.game.load_state(state["game"])
        self.seconds, self.metrics = state["seconds"], state["metrics"]
        self.best, self.waited = state["best"], state["waited"]
        self.rollbacks = max(self.rollbacks, state["rollbacks"])
        self.watch = Watch(**{**state["watch"], "steps": self.recipe.steps})

    def _start_from(self, start: str) -> None:
        begun = model.Model.load(Path(start).expanduser())
        # A generator that moves keyframes has the weights of one that does not, and more.
        alike = {name: getattr(self.recipe.network, name) for name in ("family", "keyframes", "reduction")}
        grown = self.recipe.keyframes and begun.card.network.family == "portrait"
        known = begun.card.network.model_copy(update=alike if grown else {})
        if known.of_generator() != self.recipe.network.of_generator():
            raise UsageError("train.other_network", start=start)
        both = self.game.start_from(begun.generator.state_dict(), checkpoint.discriminator(begun.path))
        if self.recipe.frozen_layers and not both:
            raise UsageError("train.nothing_to_freeze", start=start)

    def _finish(self) -> None:
        if self.recipe.evaluate_every and self.step % self.recipe.evaluate_every:
            self._measure()
        self._sample()
        self._save()
        if self.is_main:
            write_report(self.run, self.recipe, self.step, self.seconds)

    # ---- small things -----------------------------------------------------------------------------------------

    def _draw(self, probes: Probes) -> Array:
        """Samples of the averaged generator, as they would be drawn from the saved model."""
        drawer = model.Model(self.game.average, self._card(), self.run, self.fabric.device)
        if probes.sources is not None:
            return drawer.translate(probes.sources)
        if probes.sizes is not None:
            return ragged(drawer.draw_sizes(probes.latents, probes.sizes))
        return drawer.draw(probes.latents, controls=probes.controls)

    def _write_model(self, folder: Path) -> None:
        model.save(folder, self.game.average, self._card())

    def _told(self) -> Literal["noise", "human", "picture", "sound"]:
        if self.recipe.sources:
            return "picture" if self.recipe.network.medium is PICTURES else "sound"
        return "human" if self.recipe.paired else "noise"

    def _card(self) -> model.ModelCard:
        card = self.data.card
        return model.ModelCard(
            network=self.recipe.network,
            told=self._told(),
            recipe=self.recipe.name,
            step=self.step,
            pictures_seen=self.step * self.recipe.batch_size,
            origin=card.origin,
            pictures=len(self.batches.indices),
            start=self.start,
            sizes=self.data.common if isinstance(self.data, Sizes) else [],
            licence=card.licence,
            consent=card.consent,
            metrics=self.metrics,
            vocabulary=list(card.vocabulary),
            levels=card.levels,
            fenshen=__version__,
        )

    def _over(self, started: float) -> bool:
        """Whether the recipe's patience is at its end, or it is time to pause."""
        if self.pause is not None:
            return self.seconds + time.monotonic() - started >= self.pause
        return self.recipe.patience > 0 and self._any([self.is_main and self.waited >= self.recipe.patience])

    def _at(self, started: float) -> int:
        """Where the run is in its schedules: they end with its steps, or with its minutes where those are over first.

        A run that others slow down, or whose steps grow dearer, so still learns with small steps in the end.
        """
        if self.recipe.minutes is None:
            return self.step
        share = (self.seconds + time.monotonic() - started) / (60 * self.recipe.minutes)
        at = max(self.step, int(share * self.recipe.steps))
        # One clock for all processes.
        return at if self.fabric.world_size == 1 else self.fabric.broadcast(at)

    def _any(self, flags: Sequence[bool]) -> bool:
        """Whether any process says so: all must leave the loop at the same step."""
        if self.fabric.world_size == 1:
            return any(flags)
        mine = torch.tensor(float(any(flags)), device=self.fabric.device)
        return float(self.fabric.all_reduce(mine, reduce_op="sum")) > 0


def _sets(data: TrainingData, recipe: Recipe) -> list[Batches]:
    """The training samples; and where the recipe wants some, those of what they do not show."""
    beside = data.path / UNFILMED
    some = min(recipe.unfilmed, recipe.batch_size // 2) if beside.is_dir() else 0
    more: list[TrainingData] = [Dataset(beside)] if some else []
    shares = [recipe.batch_size - some, some]
    return [batches(one, recipe, share) for one, share in zip((data, *more), shares, strict=False)]


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[bool]]:
    """A list that becomes [True] at SIGINT or SIGTERM; a second signal stops at once."""
    stopped: list[bool] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(True)

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals are the caller's business
        before = {}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

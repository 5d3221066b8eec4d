"""The game of two players: what one training step does."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from fenshen import controls as control_space
from fenshen.adversarial import averaging, losses
from fenshen.adversarial.remedies import History
from fenshen.dataset import Batches
from fenshen.keyframes import Keyframes
from fenshen.networks import Drawn, Samples, Writer, build_generator, mover, place
from fenshen.training.batch import Batch, Fakes
from fenshen.training.critic import Critic, Means, Scalars, Seen
from fenshen.training.feed import Feed
from fenshen.training.optimizer import adam, load_moments, update
from fenshen.training.phases import phase
from fenshen.training.recipe import Recipe
from fenshen.training.terms import TERMS, Need


class Game:
    """Generator, critic, and the average of the generator's weights.

    Args:
        recipe: what decides everything.
        batches: the training pictures; or several sets, of which each batch has some.
        fabric: the device, the precision and the other processes.
    """

    def __init__(self, recipe: Recipe, batches: Sequence[Batches], fabric: Fabric) -> None:
        self.recipe, self.fabric = recipe, fabric
        self.feed = Feed(recipe, batches, fabric)
        torch.manual_seed(recipe.seed)
        self.generator = place(build_generator(recipe.network), fabric.device)
        self.critic = Critic(recipe, fabric)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer = adam(self.generator, recipe.lr_g, recipe.betas, fabric.device)
        weights = [(term, recipe.weight(term.key)) for term in TERMS]
        self.terms = [(term, weight) for term, weight in weights if weight or term.always]
        self.history = History(self.generator) if recipe.historical else None
        self.lr_factor = 1.0  # halved by every rollback

    def train_step(self, step: int, at: int | None = None) -> Scalars:
        """``n_critic`` moves of the critic and one of the generator.

        Args:
            step: decides which pictures and random numbers.
            at: place in the schedules, a step of the recipe's; ``step`` if None.

        Returns:
            What is worth logging.
        """
        recipe = self.recipe
        at = step if at is None else at
        self._set_schedules(at)
        side = recipe.side(at)
        moves = range(step * recipe.n_critic, (step + 1) * recipe.n_critic)
        if at < recipe.adversarial_from:
            scalars = self._learn(self._draw(moves[-1], side, judged=False))
        else:
            scalars, seen = Scalars(), list[Seen]()
            for move in moves:
                learnt, seen = self.critic.learn(self._draw(move, side, graph=move == moves[-1]), at)
                scalars |= learnt
            scalars |= self._learn(map(self.critic.judge, seen))
            scalars["total"] = losses.total(scalars["loss_g"], scalars["loss_d"], recipe.total_weight)
        self._average(step, at)
        self.critic.adapt(step)
        return scalars

    def _draw(self, move: int, side: int, graph: bool = True, judged: bool = True) -> Iterator[Fakes]:
        """Fakes for the parts of one move's batch, drawn as they are asked for."""
        for batch in self.feed.move(move, side):
            with phase("generator"), self.fabric.autocast(), torch.set_grad_enabled(graph):
                drawn = self._drawn(batch, judged)
            yield Fakes(batch, *drawn)

    def _drawn(self, batch: Batch, judged: bool) -> Drawn:
        if isinstance(self.generator, Writer) and not judged:  # it learns from texts alone: it need not write
            return Drawn(batch.pictures, likelihood=self.generator.likelihood)
        return self.generator.draw(batch.latents, batch.controls, sizes=batch.sizes, sources=batch.sources)

    def _learn(self, parts: Iterator[Fakes]) -> Scalars:
        """One step of the generator on fakes, judged or not."""
        self.optimizer.zero_grad(set_to_none=True)
        means = Means(self.recipe.accumulate)
        for fakes in parts:
            with phase("generator"):
                with self.fabric.autocast():
                    values = self._losses(fakes)
                whole = sum((weight * value for weight, value in values.values()), torch.zeros(()))
                self.fabric.backward(whole / self.recipe.accumulate)
            means.add(**{name: value for name, (_, value) in values.items()})
        with phase("optimizer"):
            if self.history is not None:
                self.history.pull(self.recipe.historical)
            update(self.generator, self.optimizer, self.recipe.clip, self.fabric)
        return means.values

    def _losses(self, fakes: Fakes) -> dict[str, tuple[float, Tensor]]:
        """The terms of the generator's loss: weight and value by name."""
        possible = [
            (term, weight)
            for term, weight in self.terms
            if fakes.judged is not None or Need.CRITIC not in term.needs
        ]
        return {term.logged: (weight, term.value(fakes)) for term, weight in possible}

    def _average(self, step: int, at: int) -> None:
        """Let the averaged weights follow the generator."""
        recipe, seen = self.recipe, (step + 1) * self.recipe.batch_size
        half_life = recipe.ema_half_life * recipe.ema_schedule.factor(at, recipe.steps)
        decay = averaging.decay(recipe.batch_size, half_life, seen) if half_life else 0.0
        averaging.update(self.average, self.generator, decay)

    def _set_schedules(self, at: int) -> None:
        factor = self.lr_factor * self.recipe.lr_schedule.factor(at, self.recipe.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr_g * factor
        if isinstance(self.generator, Writer):
            self.generator.temperature = self.recipe.heat(at)
        self.critic.set_schedules(at, factor)

    def keep(self, keyframes: Keyframes) -> None:
        """Give the generator and its average the pictures that they move."""
        device, size, fine = self.fabric.device, self.recipe.size, self.recipe.fine or self.recipe.size
        told = torch.from_numpy(control_space.normalise(keyframes.controls))
        small = keyframes.resized(size)
        made = (torch.arange(len(told)) >= len(told) - keyframes.made).float()
        empty = torch.from_numpy(small.plate[None, None, :, :, 3]).float() / 255
        for generator in (self.generator, self.average):
            assert isinstance(generator, mover.Generator)
            generator.keep(
                mover.sources(small, device), empty, told, torch.from_numpy(keyframes.points), made
            )
            generator.larger = {fine: mover.sources(keyframes.resized(fine), device)}

    def fit(self, samples: Samples) -> None:
        """Let the networks take over what is known of some training samples."""
        self.generator.fit(samples)
        self.average.load_state_dict(self.generator.state_dict())
        self.critic.network.fit(samples)

    def start_from(self, weights: dict[str, Tensor], discriminator: dict[str, Tensor] | None = None) -> bool:
        """Start with another generator's weights, as their own average; what that one lacks stays as it is.

        Args:
            discriminator: weights of the other's discriminator.

        Returns:
            Whether the discriminator was taken too: it is where it is the same network.
        """
        for generator in (self.generator, self.average):
            generator.load_state_dict({**generator.state_dict(), **weights})
        own = self.critic.network.state_dict()
        known = discriminator or {}
        alike = own.keys() == known.keys() and all(own[name].shape == known[name].shape for name in own)
        if alike:
            self.critic.network.load_state_dict(known)
        return alike

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, beside the recipe and the step."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer_g": self.optimizer.state_dict(),
            "history_g": self.history.state() if self.history else None,
            "lr_factor": self.lr_factor,
            **self.critic.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        load_moments(self.optimizer, state["optimizer_g"])
        if self.history and state["history_g"]:
            self.history.load_state(state["history_g"])
        self.lr_factor = state["lr_factor"]
        self.critic.load_state(state)

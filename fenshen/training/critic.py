"""The critic: a discriminator with its optimizer, penalties and augmentation.

It has two acts. :meth:`Critic.learn` improves it on real pictures and fakes, and returns how it saw those fakes;
:meth:`Critic.judge` then judges them with a graph that leads back to the generator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from lightning.fabric import Fabric
from torch import Tensor

from fenshen.adversarial import penalties
from fenshen.adversarial.augment import Augmentation
from fenshen.adversarial.losses import LOSSES
from fenshen.adversarial.matching import FeatureMatching
from fenshen.networks import Features, build_discriminator, place
from fenshen.training import randomness
from fenshen.training.batch import Fakes, Judgement
from fenshen.training.optimizer import adam, load_moments, update
from fenshen.training.randomness import Stream
from fenshen.training.recipe import Recipe

_ADAPT_EVERY = 4  # steps between corrections of the augmentation (ADA, section 3)

Scalars = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Seen:
    """Fakes that the critic has learned from but not judged yet; they are not drawn a second time."""

    fakes: Fakes
    features: Features
    real_logits: Float[Tensor, "B K"]
    real_features: Features


class Critic:
    """The second player of the game.

    Args:
        recipe: what decides everything.
        fabric: the device, the precision and the other processes.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        self.recipe, self.fabric = recipe, fabric
        self.network = place(build_discriminator(recipe.network), fabric.device)
        self.optimizer = adam(self.network, recipe.lr_d, recipe.betas, fabric.device)
        self.augmentation = Augmentation(recipe.augment, recipe.augment_p, recipe.augment_target)
        self.loss = LOSSES[recipe.loss]
        self.matching = FeatureMatching(lambda x: fabric.all_reduce(x, reduce_op="mean"))
        self._real_sign: list[Tensor] = []  # of the moves since the augmentation was corrected

    def set_schedules(self, at: int, lr_factor: float) -> None:
        """Step size and augmentation at a step of the recipe's."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr_d * lr_factor
        if recipe.augment_target is None:
            self.augmentation.p = recipe.augment_p * recipe.augment_schedule.factor(at, recipe.steps)

    def learn(self, fakes: Iterable[Fakes], at: int) -> tuple[Scalars, list[Seen]]:
        """One move: a step of the discriminator on the parts of a batch and the fakes for them.

        Args:
            fakes: one part after another. Those whose pictures have a graph come back, to be judged.
            at: place in the penalties' schedule.

        Returns:
            What is worth logging, and the fakes with a graph as they were seen.
        """
        self.network.requires_grad_(True)
        self.optimizer.zero_grad(set_to_none=True)
        means = Means(self.recipe.accumulate)
        kept: list[Seen] = []
        for part in fakes:
            with self.fabric.autocast():
                seen = self._see(part)
                detached = tuple(f.detach() for f in seen.features)
                fake_logits = self.network(detached, part.batch.controls).float()
                loss = self.loss.discriminator(seen.real_logits, fake_logits)
                penalty = self._penalty(part, at)
            whole = loss if penalty is None else loss + penalty * self.recipe.penalty_every
            self.fabric.backward(whole / self.recipe.accumulate)
            real_logits = seen.real_logits.detach()
            if part.pictures.requires_grad:
                kept.append(replace(seen, real_logits=real_logits))
            means.add(loss_d=loss, real_score=real_logits.sigmoid().mean())
            means.add(fake_score=fake_logits.sigmoid().mean())
            if penalty is not None:
                means.add(penalty=penalty)
            self._real_sign.append(real_logits.sign().mean())
        update(self.network, self.optimizer, self.recipe.clip, self.fabric)
        return means.values, kept

    def judge(self, seen: Seen) -> Fakes:
        """The fakes with a judgement by the discriminator as it is now; it does not learn from it."""
        self.network.requires_grad_(False)
        with self.fabric.autocast():
            logits = self.network(seen.features, seen.fakes.batch.controls).float()
        judged = Judgement(
            self.loss, self.matching, logits, seen.features, seen.real_logits, seen.real_features
        )
        return replace(seen.fakes, judged=judged)

    def adapt(self, step: int) -> None:
        """After a step: let the augmentation follow the discriminator's overfitting (ADA)."""
        if (step + 1) % _ADAPT_EVERY == 0 and self._real_sign:
            sign = self.fabric.all_reduce(torch.stack(self._real_sign).mean(), reduce_op="mean")
            self.augmentation.adapt(float(sign), _ADAPT_EVERY * self.recipe.batch_size)
            self._real_sign.clear()

    def _see(self, part: Fakes) -> Seen:
        """Features of real pictures and fakes, and the logits of the real ones, from which the critic learns."""
        batch, judged_later = part.batch, part.pictures.requires_grad
        with torch.set_grad_enabled(judged_later):
            features = self._features(part.pictures, self._draws(part, Stream.AUGMENT_FAKE))
        with torch.no_grad():
            real_features = self._features(batch.pictures, self._draws(part, Stream.AUGMENT_REAL))
        if self.recipe.weight("matching") and judged_later:
            self.matching.see_real(real_features)
        return Seen(part, features, self.network(real_features, batch.controls).float(), real_features)

    def _features(self, pictures: Float[Tensor, "B 3 S S"], draws: Float[Tensor, "B U"]) -> Features:
        return self.network.features(self.augmentation(pictures, draws))

    def _draws(self, part: Fakes, stream: Stream) -> Float[Tensor, "B U"]:
        """The random numbers of the augmentation for these pictures."""
        numbers = randomness.generator(self.recipe.seed, stream, part.batch.move)
        return self.augmentation.draws(self.recipe.batch_size, numbers)[part.batch.part]

    def _penalty(self, part: Fakes, at: int) -> Tensor | None:
        """The gradient penalties of the recipe; None in the moves that leave them out (lazy regularisation)."""
        recipe, batch = self.recipe, part.batch
        if batch.move % recipe.penalty_every:
            return None
        draws = self._draws(part, Stream.AUGMENT_REAL)

        def score(pictures: Tensor) -> Tensor:
            return self.network(self._features(pictures, draws), batch.controls)

        terms: list[Tensor] = []
        if recipe.r1:
            terms.append(recipe.r1 / 2 * penalties.squared_gradient(score, batch.pictures))
        if recipe.r2:
            terms.append(recipe.r2 / 2 * penalties.squared_gradient(score, part.pictures))
        if recipe.gradient_penalty:
            numbers = randomness.generator(recipe.seed, Stream.MIX, batch.move)
            mix = torch.rand(recipe.batch_size, generator=numbers)[batch.part].to(batch.pictures.device)
            penalty = penalties.lipschitz(score, batch.pictures, part.pictures, mix)
            terms.append(recipe.gradient_penalty * penalty)
        if not terms:
            return None
        return torch.stack(terms).sum() * recipe.penalty_schedule.factor(at, recipe.steps)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "discriminator": self.network.state_dict(),
            "optimizer_d": self.optimizer.state_dict(),
            "matching": self.matching.state(),
            "augment_p": self.augmentation.p,
            "real_sign": self._real_sign,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        device = self.fabric.device
        self.network.load_state_dict(state["discriminator"])
        load_moments(self.optimizer, state["optimizer_d"])
        self.matching.load_state(state["matching"], device)
        self.augmentation.p = state["augment_p"]
        self._real_sign = [sign.to(device) for sign in state["real_sign"]]


class Means:
    """Means of scalars over the parts of a batch."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.values: Scalars = {}

    def add(self, **scalars: Tensor) -> None:
        """One part's scalars."""
        for name, value in scalars.items():
            before = self.values.get(name, torch.zeros((), device=value.device))
            self.values[name] = before + value.detach() / self.parts

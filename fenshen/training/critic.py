"""The critic: a discriminator with its optimizer, penalties and augmentation.

It has two acts. :meth:`Critic.learn` improves it on real pictures and fakes, and returns how it saw those fakes;
:meth:`Critic.judge` then judges them with a graph that leads back to the generator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call

from fenshen.adversarial import penalties
from fenshen.adversarial.augment import Augmentation
from fenshen.adversarial.losses import LOSSES
from fenshen.adversarial.matching import FeatureMatching
from fenshen.adversarial.remedies import History, Lookahead, Parameters, first_layers
from fenshen.networks import Features, Samples, build_discriminator, place
from fenshen.networks.several import SeveralJudged
from fenshen.training import randomness
from fenshen.training.batch import Fakes, Judgement
from fenshen.training.optimizer import adam, load_moments, moments, update
from fenshen.training.phases import phase
from fenshen.training.randomness import Stream
from fenshen.training.recipe import Recipe

_ADAPT_EVERY = 4  # steps between corrections of the augmentation (ADA, section 3)
_GRID = 4  # places a side at which features of pictures of any size are matched

Scalars = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Seen:
    """Fakes that the critic has learned from but not judged yet; they are not drawn a second time."""

    fakes: Fakes
    features: Features
    real_logits: Float[Tensor, "packs K"]
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
        for parameter in first_layers(self.network, recipe.frozen_layers):
            parameter.requires_grad_(False)
        normed = any(isinstance(layer, nn.BatchNorm2d) for layer in self.network.modules())
        self.alone = not (normed or recipe.minibatch)  # it judges every sample as if there were no others
        self.learning = [p for p in self.network.parameters() if p.requires_grad]
        self.history = History(self.network) if recipe.historical else None
        self.lookahead = Lookahead(recipe.lr_d, recipe.betas)
        self.optimizer = adam(self.network, recipe.lr_d, recipe.betas, fabric.device)
        self.augmentation = Augmentation(recipe.augment, recipe.augment_p, recipe.augment_target)
        self.loss = LOSSES[recipe.loss]
        grid = _GRID if recipe.network.any_size else None
        self.matching = FeatureMatching(lambda x: fabric.all_reduce(x, reduce_op="mean"), grid)
        self.haze, self.share = recipe.instance_noise, 1.0  # what schedules decide
        self._real_sign: list[Tensor] = []  # of the moves since the augmentation was corrected

    def set_schedules(self, at: int, lr_factor: float) -> None:
        """Step size and augmentation at a step of the recipe's."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr_d * lr_factor
        self.lookahead = Lookahead(recipe.lr_d * lr_factor, recipe.betas)
        self.haze = recipe.instance_noise * recipe.instance_noise_schedule.factor(at, recipe.steps)
        self.share = recipe.top_k.factor(at, recipe.steps)
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
        self._let_learn(True)
        self.optimizer.zero_grad(set_to_none=True)
        means = Means(self.recipe.accumulate)
        kept: list[Seen] = []
        for part in fakes:
            with phase("discriminator"), self.fabric.autocast():
                seen = self._see(part)
                detached = tuple(f.detach() for f in seen.features)
                fake_logits = self.network(detached, part.batch.controls).float()
                loss = self.loss.discriminator(seen.real_logits, fake_logits)
                origins = self._origins(detached)
            with phase("penalties"), self.fabric.autocast():
                penalty = self._penalty(part, at)
            whole = loss if penalty is None else loss + penalty * self.recipe.penalty_every
            if origins is not None:
                told_apart = F.cross_entropy(origins, part.batch.latents[:, -origins.shape[1] :])
                means.add(told_apart=told_apart)
                whole = whole + told_apart
            with phase("discriminator"):
                self.fabric.backward(whole / self.recipe.accumulate)
            real_logits = seen.real_logits.detach()
            if part.pictures.requires_grad:
                kept.append(replace(seen, real_logits=real_logits))
            means.add(loss_d=loss, real_score=real_logits.sigmoid().mean())
            means.add(fake_score=fake_logits.sigmoid().mean())
            if penalty is not None:
                means.add(penalty=penalty)
            self._real_sign.append(real_logits.sign().mean())
        with phase("optimizer"):
            if self.history is not None:
                self.history.pull(self.recipe.historical)
            update(self.network, self.optimizer, self.recipe.clip, self.fabric)
        return means.values, kept

    def judge(self, seen: Seen) -> Fakes:
        """The fakes with a judgement by the discriminator as it is now; it does not learn from it."""
        self._let_learn(self.recipe.unrolled > 0)
        with phase("generator"), self.fabric.autocast():
            logits = self._unrolled(seen) if self.recipe.unrolled else self._logits(seen)
            origins = self._origins(seen.features)
        judged = Judgement(
            self.loss,
            self.matching,
            logits,
            seen.features,
            seen.real_logits,
            seen.real_features,
            self.share,
            origins,
        )
        return replace(seen.fakes, judged=judged)

    def _logits(self, seen: Seen) -> Float[Tensor, "packs K"]:
        return self.network(seen.features, seen.fakes.batch.controls).float()

    def _unrolled(self, seen: Seen) -> Float[Tensor, "packs K"]:
        """Logits as the discriminator would give them some steps from now, with the graph through those steps."""
        controls = seen.fakes.batch.controls
        named = {name: p for name, p in self.network.named_parameters() if p.requires_grad}

        def logits(parameters: Parameters, features: Features) -> Tensor:
            return functional_call(self.network, parameters, (features, controls)).float()

        def loss(parameters: Parameters) -> Tensor:
            real = logits(parameters, seen.real_features)
            return self.loss.discriminator(real, logits(parameters, seen.features))

        ahead = self.lookahead(loss, named, moments(self.optimizer, named), self.recipe.unrolled)
        return logits(ahead, seen.features)

    def _origins(self, features: Features) -> Float[Tensor, "B generators"] | None:
        """Which generator drew each fake, where there are several."""
        if isinstance(self.network, SeveralJudged) and self.recipe.generators > 1:
            return self.network.classify(features)
        return None

    def _let_learn(self, learning: bool) -> None:
        for parameter in self.learning:
            parameter.requires_grad_(learning)

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
            features = self._features(part, part.pictures, Stream.AUGMENT_FAKE)
        with torch.no_grad():
            real_features = self._features(part, batch.pictures, Stream.AUGMENT_REAL)
        if self.recipe.weight("matching") and judged_later:
            self.matching.see_real(real_features)
        return Seen(part, features, self.network(real_features, batch.controls).float(), real_features)

    def _features(self, part: Fakes, pictures: Samples, stream: Stream) -> Features:
        """What the discriminator sees of pictures: augmented and with noise, by the random numbers of their move.

        Args:
            pictures: as many as the part has, or twice as many, which then get the same random numbers twice.
        """
        times = len(pictures) // len(part.pictures)
        if self.augmentation.policy:
            pictures = self.augmentation(pictures, self._draws(part, stream).repeat(times, 1))
        if self.haze:
            beside = Stream.NOISE_REAL if stream is Stream.AUGMENT_REAL else Stream.NOISE_FAKE
            numbers = randomness.generator(self.recipe.seed, beside, part.batch.move)
            whole = torch.randn(self.recipe.batch_size, *pictures.shape[1:], generator=numbers)
            noise = whole[part.batch.part].to(pictures.device)
            pictures = pictures + self.haze * torch.cat([noise] * times)
        return self.network.features(pictures)

    def _draws(self, part: Fakes, stream: Stream) -> Float[Tensor, "B U"]:
        """The random numbers of the augmentation for these pictures."""
        numbers = randomness.generator(self.recipe.seed, stream, part.batch.move)
        return self.augmentation.draws(self.recipe.batch_size, numbers)[part.batch.part]

    def _penalty(self, part: Fakes, at: int) -> Tensor | None:
        """The gradient penalties of the recipe; None in the moves that leave them out (lazy regularisation)."""
        recipe, batch = self.recipe, part.batch
        if batch.move % recipe.penalty_every:
            return None

        def score(pictures: Tensor) -> Tensor:
            controls = batch.controls
            if controls is not None and len(pictures) > len(controls):
                controls = controls.repeat(2, 1)
            return self.network(self._features(part, pictures, Stream.AUGMENT_REAL), controls)

        terms: list[Tensor] = []
        places = [(recipe.r1, batch.pictures), (recipe.r2, part.pictures.detach())]
        asked = [(gamma, pictures) for gamma, pictures in places if gamma]
        if len(asked) == 2 and self.alone:  # in one pass, which for small networks is half the time
            steepness = penalties.squared_gradient(score, torch.cat([x for _, x in asked])).chunk(2)
        else:
            steepness = tuple(penalties.squared_gradient(score, x) for _, x in asked)
        terms += [gamma / 2 * of_one.mean() for (gamma, _), of_one in zip(asked, steepness, strict=True)]
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
            "history_d": self.history.state() if self.history else None,
            "augment_p": self.augmentation.p,
            "real_sign": self._real_sign,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        device = self.fabric.device
        self.network.load_state_dict(state["discriminator"])
        load_moments(self.optimizer, state["optimizer_d"])
        self.matching.load_state(state["matching"], device)
        if self.history and state["history_d"]:
            self.history.load_state(state["history_d"])
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

"""The watch: looks at the numbers of a run, says in one sentence what is wrong and what helps.

It only reports what it finds (:class:`Watch`); the loop acts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fenshen.messages import message
from fenshen.training.terms import TERMS

Kind = Literal["exploded", "discriminator_wins", "collapse", "memorised"]

_LOSSES = ("loss_d", *(term.logged for term in TERMS))
EXPLODED = 1e4  # a loss beyond this is as good as infinite
MAX_ROLLBACKS = 3
_PATIENCE = 10  # rows of the log in a row, before a saturated discriminator is worth a word
_SURE = 0.02  # D gives fakes less and reals more than 1 minus this
_POOR = 0.35  # diversity of samples relative to real pictures
_COPIES = 0.3  # share of samples that copy a training picture
_EARLY = 0.05  # of a run, in which all samples still look alike
_EARLY_STEPS = 200
_QUIET = 0.5  # of a run must pass before the same finding is said again


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a run."""

    kind: Kind
    step: int
    values: Mapping[str, float]

    @property
    def text(self) -> str:
        """One sentence with a remedy, in the language in use."""
        return message(f"watch.{self.kind}", step=self.step, **self.values)

    @property
    def row(self) -> dict[str, Any]:
        """What the log keeps of it."""
        return {"finding": self.kind, "step": self.step, **self.values, "text": self.text}


@dataclass
class Watch:
    """Turns a run's numbers into findings; the same finding is not repeated for half of the run.

    Args:
        steps: of the whole run.
        sure_rows: rows in a row in which D was never wrong.
        said: the step at which each kind of finding was last said.
    """

    steps: int
    sure_rows: int = 0
    said: dict[str, int] = field(default_factory=dict)

    def losses(self, step: int, row: Mapping[str, float]) -> Finding | None:
        """Look at one row of the log: losses that exploded, a discriminator that is never wrong any more."""
        losses = [row[name] for name in _LOSSES if name in row]
        worst = max((abs(loss) if math.isfinite(loss) else math.inf for loss in losses), default=0)
        if worst > EXPLODED:
            return Finding("exploded", step, {})  # always said: the loop must roll back
        if "loss_d" not in row:  # D has no move yet
            return None
        sure = row["real_score"] > 1 - _SURE and row["fake_score"] < _SURE
        self.sure_rows = self.sure_rows + 1 if sure else 0
        if self.sure_rows >= _PATIENCE:
            values = {"real": row["real_score"], "fake": row["fake_score"]}
            return self._once(Finding("discriminator_wins", step, values))
        return None

    def samples(self, step: int, diversity: float) -> Finding | None:
        """Look at the diversity of a sample sheet relative to as many real pictures (1: just as diverse)."""
        if diversity < _POOR and step >= max(_EARLY * self.steps, _EARLY_STEPS):
            return self._once(Finding("collapse", step, {"diversity": diversity}))
        return None

    def copies(self, step: int, share: float) -> Finding | None:
        """Look at the share of samples that are copies of training pictures."""
        if share >= _COPIES:
            return self._once(Finding("memorised", step, {"copies": share}))
        return None

    def _once(self, finding: Finding) -> Finding | None:
        last = self.said.get(finding.kind)
        if last is not None and finding.step - last < _QUIET * self.steps:
            return None
        self.said[finding.kind] = finding.step
        return finding

"""``fenshen train --tune``: the learning rates, the penalty's weight and the batch that suit the user's own data.

Successive halving (Jamieson, Talwalkar 2016; asynchronous, Li et al. 2020) through Optuna: many settings train for a
short while, the better third of them three times as long, the best of those nine times. Every trial is a run that goes
on where it stopped, and the study is a journal of plain JSON lines, so tuning can be interrupted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fenshen import files
from fenshen.data import TrainingData, open_data
from fenshen.errors import FenshenError, UsageError
from fenshen.messages import message
from fenshen.model import merit

if TYPE_CHECKING:
    import optuna

    from fenshen.dataset import Dataset
    from fenshen.training.recipe import Recipe

MINUTES = 30.0  # of tuning, where the settings do not say
_RUNGS = (1 / 54, 1 / 18, 1 / 6)  # of that time, after which a trial is judged
_FACTOR = 3  # of the trials that reach a rung, one in so many goes on
_STUDY, _REPORT, _TUNED = "study.jsonl", "report.json", "tuned.yaml"


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        settings: of the recipe, by key.
        seconds: of training that they got.
        merit: the lower, the better: KID, or what the data is measured by; None if it failed.
    """

    settings: dict[str, Any]
    seconds: float
    merit: float | None


@dataclass(frozen=True)
class Tuning:
    """What was tried, best first.

    Attributes:
        recipe: file of the recipe with the best settings.
        usual: what the untouched recipe came to, in as long a time as it got.
        trials: all of them; those that trained longest stand before those that were given up.
    """

    recipe: Path
    usual: Trial
    trials: list[Trial]

    @property
    def text(self) -> str:
        """A table, and how to go on."""
        lines = [_line(trial) for trial in self.trials]
        best, usual = self.trials[0].merit or 0.0, self.usual.merit or 0.0
        how = message("tune.done", recipe=self.recipe, count=len(self.trials), best=best, usual=usual)
        return "\n".join([*lines, how])

    def summary(self) -> dict[str, Any]:
        """The same as JSON."""
        return {**asdict(self), "recipe": str(self.recipe)}


def tune(
    dataset: Dataset | Path | str | None,
    *,
    out: Path | str | None,
    recipe: str | Path | Recipe | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Tuning:
    """Look for better settings within ``minutes`` of the recipe (half an hour by default), or go on looking.

    Args:
        dataset: what to train on.
        out: folder for the trials, the report and the tuned recipe.
        recipe: where to start from.
        settings: changes of the recipe, which all trials share.
        seed: random seed.
        device: where to compute.
        progress: say what was tried, on standard error.

    Raises:
        UsageError: the words do not fit, or the folder is something else.
        FenshenError: Optuna is missing, or every trial failed.
        Interrupted: everything is saved, and the same call continues.
    """
    from fenshen.locks import at_work
    from fenshen.machine import has_extra
    from fenshen.training.runs import choose_recipe

    if dataset is None or out is None:
        raise UsageError("cli.train_needs")
    if not has_extra("tune"):
        raise FenshenError("tune.no_extra")
    folder = Path(out)
    if folder.exists() and not (folder / _STUDY).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("tune.not_a_study", path=folder)
    data = open_data(dataset)
    words = [*settings, *([] if seed is None else [f"seed={seed}"])]
    usual = choose_recipe(folder / "usual", data, recipe, words, force=True)
    with at_work(folder):
        return _Search(data, usual, folder, device, progress).run()


class _Search:
    """A study and what it needs to know."""

    def __init__(self, data: TrainingData, usual: Recipe, folder: Path, device: str, progress: bool) -> None:
        self.data, self.usual, self.folder, self.device, self.progress = data, usual, folder, device, progress
        self.budget = 60 * (usual.minutes or MINUTES)
        self.rungs = [share * self.budget for share in _RUNGS]
        self.study = _study(folder, usual.seed)

    def run(self) -> Tuning:
        """Try settings until the time is over; those that were interrupted come first."""
        from optuna import TrialPruned
        from optuna.trial import TrialState

        if not self.study.get_trials():
            self.study.enqueue_trial(self._unchanged())
        for cut in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(cut.number, state=TrialState.FAIL)
            known = {key: value for key, value in cut.user_attrs.items() if key == "folder"}
            self.study.enqueue_trial(cut.params, user_attrs=known)
        while self._spent() < self.budget:
            trial = self.study.ask()
            try:
                self.study.tell(trial, self._value(trial))
            except TrialPruned:
                self.study.tell(trial, state=TrialState.PRUNED)
            except FenshenError as error:
                if error.exit_code != 1:  # interrupted, or words that are wrong
                    raise
                self.study.tell(trial, state=TrialState.FAIL)
            self._say(trial.number)
        return self._report()

    def _value(self, trial: optuna.Trial) -> float:
        """Train one trial from rung to rung; its merit at the last one."""
        from optuna import TrialPruned

        from fenshen.machine import fabric
        from fenshen.training import runs
        from fenshen.training.loop import Training

        trial.set_user_attr("folder", trial.user_attrs.get("folder", f"trial-{trial.number:03d}"))
        chosen = self._recipe(self._suggested(trial), self.rungs[-1] / 60)
        run = self.folder / trial.user_attrs["folder"]
        machine = fabric(self.device, 1, 1, chosen.precision)
        machine.launch()
        training = Training(self.data, chosen, run, machine)
        runs.begin(run, chosen, force=False)
        value = 0.0
        for number, rung in enumerate(self.rungs):
            training.until(rung)
            trial.set_user_attr("seconds", training.seconds)
            found = merit(training.metrics)
            if found is None:
                raise FenshenError("tune.not_measured")
            value = found
            trial.report(value, _FACTOR**number)  # in units of the first rung
            if trial.should_prune():
                raise TrialPruned
        return value

    def _suggested(self, trial: optuna.Trial) -> dict[str, Any]:
        """Settings around those of the recipe."""
        usual, found = self.usual, dict[str, Any]()
        for key in ("lr_g", "lr_d", *self._weights()):
            found[key] = trial.suggest_float(key, getattr(usual, key) / 5, getattr(usual, key) * 5, log=True)
        sizes = sorted({max(usual.batch_size // 2, 4), usual.batch_size, usual.batch_size * 2})
        found["batch_size"] = trial.suggest_categorical("batch_size", sizes)
        return found

    def _unchanged(self) -> dict[str, Any]:
        return {key: getattr(self.usual, key) for key in ("lr_g", "lr_d", "batch_size", *self._weights())}

    def _weights(self) -> list[str]:
        """Penalties that the recipe has; of a frozen discriminator, which takes none, feature matching."""
        penalties = [key for key in ("r1", "r2", "gradient_penalty") if getattr(self.usual, key)]
        return penalties or [key for key in ("matching",) if self.usual.weight(key)]

    def _recipe(self, settings: dict[str, Any], minutes: float | None) -> Recipe:
        from fenshen.training import recipe as recipes

        never = 10**9
        quiet = {"sample_every": never, "checkpoint_every": never, "evaluate_every": never, "steps": never}
        values = {**self.usual.model_dump(), **settings, **(quiet if minutes else {}), "minutes": minutes}
        return recipes.build(values)

    def _spent(self) -> float:
        """Seconds of training in all; a trial that was cut off and goes on has one run."""
        runs = dict[str, float]()
        for trial in self.study.get_trials():
            folder = trial.user_attrs.get("folder", "")
            runs[folder] = max(runs.get(folder, 0.0), trial.user_attrs.get("seconds", 0.0))
        return sum(runs.values())

    def _say(self, number: int) -> None:
        if self.progress:
            from rich.console import Console

            line = _line(_outcome(self.study.get_trials()[number]))
            Console(stderr=True, highlight=False).print(line, soft_wrap=True)

    def _report(self) -> Tuning:
        from optuna.trial import TrialState

        done = self.study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
        trials = [trial for trial in map(_outcome, done) if trial.merit is not None]
        if not trials:
            raise FenshenError("tune.all_failed", path=self.folder)
        usual = next((t for t in trials if t.settings == self._unchanged()), trials[0])
        longest = max(trial.seconds for trial in trials)
        trials.sort(key=lambda t: (t.seconds < 0.9 * longest, t.merit))
        file = self.folder / _TUNED
        tuned = self._recipe(trials[0].settings, None).model_copy(update={"name": Path(_TUNED).stem})
        files.write_text(file, tuned.to_yaml())
        tuning = Tuning(file, usual, trials)
        files.write_text(self.folder / _REPORT, json.dumps(tuning.summary(), indent=2) + "\n")
        return tuning


def _study(folder: Path, seed: int) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with files.writing_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(folder / _STUDY)))
    return optuna.create_study(
        study_name="fenshen",
        storage=storage,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_FACTOR),
    )


def _outcome(trial: optuna.trial.FrozenTrial) -> Trial:
    values = trial.intermediate_values
    last = values[max(values)] if values else None
    return Trial(trial.params, trial.user_attrs.get("seconds", 0.0), last)


def _line(trial: Trial) -> str:
    said = "  ".join(
        f"{key}={value:.2g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in trial.settings.items()
    )
    value = message("tune.failed") if trial.merit is None else f"{trial.merit:.4f}"
    return message("tune.row", merit=value, seconds=trial.seconds, settings=said)

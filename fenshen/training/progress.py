"""What a run shows while it works: a bar on standard error, TensorBoard, and ``log.jsonl``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxtyping import UInt8
from numpy import ndarray
from rich.color import Color
from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
)
from rich.style import Style
from rich.text import Text

from fenshen import files
from fenshen.messages import message
from fenshen.training.terms import TERMS

if TYPE_CHECKING:
    from lightning.fabric.loggers import TensorBoardLogger

_NOT_CURVES = ("step", "time", "images")  # numbers of a row that say where it stands
_PLAIN_EVERY = 15.0  # seconds between lines where there is no terminal to draw a bar on


class Log:
    """``log.jsonl`` and TensorBoard events of a run; rows after the step it resumes from are dropped.

    Args:
        run: the run's folder.
        step: how many steps were taken; the row of the last of them stays.
    """

    def __init__(self, run: Path, step: int) -> None:
        from lightning.fabric.loggers import TensorBoardLogger

        self.file = run / "log.jsonl"
        _cut(self.file, step)
        self.events: TensorBoardLogger = TensorBoardLogger(
            files.in_utf8(run), name="events", version="", purge_step=step + 1
        )
        self.stream = self.file.open("a", encoding="utf-8")

    def row(self, values: Mapping[str, Any]) -> None:
        """Append one row; its numbers, unless it is a finding, also go to TensorBoard."""
        self.stream.write(json.dumps(values, ensure_ascii=False) + "\n")
        self.stream.flush()
        if "finding" not in values:
            scalars = {name: float(value) for name, value in values.items() if name not in _NOT_CURVES}
            self.events.log_metrics(scalars, step=int(values["step"]))

    def sheet(self, step: int, sheet: UInt8[ndarray, "H W 3"]) -> None:
        """A sample sheet for TensorBoard."""
        self.events.experiment.add_image("samples", sheet, step, dataformats="HWC")

    def close(self) -> None:
        self.stream.close()
        self.events.finalize("success")


def rows(run: Path) -> list[dict[str, Any]]:
    """All rows of a run's log; a last line that a crash cut short is left out."""
    file = run / "log.jsonl"
    if not file.is_file():
        return []
    whole = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            whole.append(json.loads(line))
        except ValueError:
            break
    return whole


def _cut(file: Path, step: int) -> None:
    kept = [row for row in rows(file.parent) if row["step"] <= step]
    files.write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))


class Bar:
    """The live bar; a plain line now and then where standard error is no terminal; nothing if not shown."""

    def __init__(self, total: int, done: int, minutes: float | None, spent: float, show: bool) -> None:
        self.total, self.minutes, self.show = total, minutes, show
        self.console = Console(stderr=True, highlight=False)
        self.live = show and self.console.is_terminal
        self.started, self.offset = time.monotonic(), spent
        self.first, self.step, self.at, self.last_line = done, done, done, time.monotonic()
        self.text = ""
        self.progress = _Shown(
            TextColumn(message("train.bar")),
            BarColumn(bar_width=24),
            MofNCompleteColumn() if minutes is None else TaskProgressColumn(),
            _Left(self),
            TextColumn("{task.fields[text]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.progress.add_task("", total=total, completed=done, text="")
        self.progress.start()

    def advance(self, step: int, at: int) -> None:
        """``step`` steps are done; ``at`` is the place in the schedules, of as many steps as there are in all."""
        self.step, self.at = step, at
        self.progress.update(self.task, completed=at)

    def describe(self, row: Mapping[str, float], metrics: Mapping[str, float]) -> None:
        """Show the newest numbers."""
        parts = [message("train.rate", rate=row["images_per_second"])]
        shown = [term for term in TERMS if term.short and term.logged in row]
        parts += [f"{term.short} {row[term.logged]:.3f}" for term in shown]
        if "loss_d" in row:
            parts.append(f"G {row['loss_g']:.2f}  D {row['loss_d']:.2f}")
            parts.append(message("train.scores", real=row["real_score"], fake=row["fake_score"]))
        if "kid" in metrics:
            parts.append(f"KID {1000 * metrics['kid']:.0f}")
        if "modes" in metrics:
            parts.append(message("train.modes", modes=metrics["modes"], good=metrics["good"]))
        if "psnr" in metrics:
            parts.append(f"PSNR {metrics['psnr']:.1f} dB")
        if "correlation" in metrics:
            parts.append(f"r {metrics['correlation']:.2f}")
        self.text = "  ".join(parts)
        self.progress.update(self.task, text=self.text)
        now = time.monotonic()
        if self.show and not self.live and now - self.last_line > _PLAIN_EVERY:
            self.last_line = now
            done = f"{self.step}/{self.total}" if self.minutes is None else f"{self.at / self.total:.0%}"
            self.console.print(f"{done}  {self.left()}  {self.text}", soft_wrap=True)

    def look(self, pictures: UInt8[ndarray, "N S S 3"]) -> None:
        """Show small pictures above the bar, in the characters of the terminal."""
        self.progress.shown = Columns([in_blocks(picture) for picture in pictures], padding=(0, 2))
        self.progress.refresh()

    def print(self, sentence: str) -> None:
        """A sentence above the bar."""
        if self.show:
            self.console.print(sentence, soft_wrap=True)

    def left(self) -> str:
        """Time left, by the steps or by the minutes, whichever ends first."""
        spent = time.monotonic() - self.started
        taken = self.step - self.first
        ends = [spent / taken * (self.total - self.step)] if taken else []
        if self.minutes is not None:
            ends.append(60 * self.minutes - self.offset - spent)
        if not ends:
            return "--:--"
        seconds = max(int(min(ends)), 0)
        hours, minutes = divmod(seconds // 60, 60)
        clock = f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"
        return message("train.left", time=clock)

    def close(self) -> None:
        self.progress.stop()


class _Shown(Progress):
    """A bar with something to look at above it."""

    shown: RenderableType | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.shown is not None:
            yield self.shown
        yield from super().get_renderables()


def in_blocks(picture: UInt8[ndarray, "S S 3"], side: int = 32) -> Text:
    """A picture in ``side`` columns: each character is two pixels, one in its colour and one in its ground's."""
    from fenshen.portraits import resize

    rows = resize(picture, side).reshape(side // 2, 2, side, 3)
    text = Text()
    for upper, lower in rows:
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
        text.append("\n")
    text.right_crop(1)
    return text


class _Left(ProgressColumn):
    def __init__(self, bar: Bar) -> None:
        super().__init__()
        self.bar = bar

    def render(self, task: Task) -> Text:
        return Text(self.bar.left(), style="cyan")

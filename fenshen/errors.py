"""Errors, as sentences for the user.

Every error that a user can cause or mend is a :class:`FenshenError`: a key of the message catalogue and the
values that belong in its sentence. The command line prints the sentence and exits with ``exit_code``; a
traceback appears only with ``--debug``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from fenshen.messages import message


class FenshenError(Exception):
    """The work could not be done: one or two plain sentences that say which file, why, and what to do.

    Args:
        key: a key of the catalogue, ``"room.what"``.
        values: what the sentence's ``{braces}`` are filled with.
    """

    exit_code = 1

    def __init__(self, key: str, /, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(message(key, **values))

    def renamed(self, old: Path, new: Path) -> FenshenError:
        """The same error about ``new``, if it is about ``old`` or something inside."""
        path = self.values.get("path", self.values.get("source"))
        if not isinstance(path, Path) or not path.is_relative_to(old):
            return self
        inside = "" if path == old else f"!/{path.relative_to(old)}"
        word = "path" if "path" in self.values else "source"
        return type(self)(self.key, **{**self.values, word: f"{new}{inside}"})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle support, for errors from worker processes."""
        return _again, (type(self), self.key, self.values)


class UsageError(FenshenError):
    """The command was wrong: an unknown option, recipe, key or value."""

    exit_code = 2


class Interrupted(FenshenError):  # noqa: N818  (it is no error)
    """The user stopped the work. Everything is saved, and the same command continues from there."""

    exit_code = 130


class ReaderGoneError(FenshenError):
    """The program at the other end of a pipe has ended. The command line ends without a word."""

    exit_code = 0


class FenshenWarning(UserWarning):
    """The work went on, but its result is not quite what was asked for."""


def warn(key: str, /, **values: object) -> None:
    """Issue a :class:`FenshenWarning`; the command line prints its sentence.

    Args:
        key, values: as for :class:`FenshenError`.
    """
    warnings.warn(message(key, **values), FenshenWarning, stacklevel=3)


def _again(kind: type[FenshenError], key: str, values: dict[str, object]) -> FenshenError:
    return kind(key, **values)

"""How a command tells its options from its arguments: a text such as ``-5℃`` is no option."""

from __future__ import annotations

import re
import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup

# What nobody would write but as an option: unknown ones of this form are refused rather than spoken.
_LONG = re.compile(r"--[A-Za-z][\w-]*(=.*)?", re.ASCII | re.DOTALL)


class TextGroup(TyperGroup):
    """A group of commands whose help a terminal of any encoding can show."""

    def get_help(self, ctx: Any) -> str:
        """The help."""
        return _shown(super().get_help(ctx))


class TextCommand(TyperCommand):
    """A command whose arguments may begin with a minus, unless they read as options."""

    def get_help(self, ctx: Any) -> str:
        """The help."""
        return _shown(super().get_help(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the command's name, the options first."""
        return super().parse_args(ctx, self._sorted(ctx, list(args)))

    def _sorted(self, ctx: Any, words: list[str]) -> list[str]:
        """The options with their values, then what is not an option behind ``--``."""
        options: list[Any] = [
            parameter for parameter in self.get_params(ctx) if parameter.param_type_name == "option"
        ]
        values = {
            name: 0 if parameter.is_flag else parameter.nargs
            for parameter in options
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        first: list[str] = []
        after: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                after += words
                break
            if not _is_option(word, values):
                after.append(word)
                continue
            count = values.get(word, 0)
            first += [word, *words[:count]]
            del words[:count]
        return [*first, "--", *after] if after else first


def _shown(text: str) -> str:
    """What standard output can show of a text: Typer would write UTF-8 where it only knows ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _is_option(word: str, known: dict[str, int]) -> bool:
    if word in known or _LONG.fullmatch(word):
        return True
    return word[:2] in known and word[:2] != "--" and not re.search(r"\s", word)  # -oFILE

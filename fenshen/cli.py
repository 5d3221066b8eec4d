"""The command line: one command for each public function. It holds no logic; only the named command is loaded."""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated, Any

import typer

from fenshen import commands, machine, messages
from fenshen.arguments import TextCommand, TextGroup
from fenshen.errors import FenshenError, FenshenWarning, Interrupted, ReaderGoneError
from fenshen.messages import message
from fenshen.names import readable
from fenshen.version import __version__

COMMANDS = {
    "demo": "fenshen.tour.demo:demo",
    "doctor": "fenshen.machine:doctor",
    "prepare": "fenshen.preparation.prepare:prepare",
    "humans": "fenshen.humans.report:report",
    "train": "fenshen.training.train:train",
    "generate": "fenshen.sampling:generate",
    "evaluate": "fenshen.metrics.evaluate:evaluate",
    "double": "fenshen.doubles.double:double",
    "edit": "fenshen.doubles.edit:edit",
    "animate": "fenshen.doubles.animate:animate",
    "say": "fenshen.doubles.say:say",
    "restore": "fenshen.pictures.restore:restore",
    "stylize": "fenshen.pictures.stylize:stylize",
    "explain": "fenshen.explanation.explain:explain",
    "verify": "fenshen.provenance.verify:verify",
}


_COMMON = ("json_", "debug_", "lang_")  # options of all commands
_INTERRUPTED = 130


def main() -> None:
    """The entry point: runs a command, prints errors as sentences, sets the exit code."""
    machine.start()
    warnings.showwarning = _warn
    words = sys.argv[1:]
    messages.use(_language(words))
    with _noting_interrupts() as interrupts:
        code = _exit_code(words, interrupts)
    try:
        sys.stdout.flush()
    except (
        OSError
    ) as error:  # what is left in the buffer has no place; Python would complain of it at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            code = _complain(message("cli.no_output", why=error.strerror), 1)
    sys.exit(code)


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """Note every Ctrl-C before it is raised: some libraries turn it into an error of another name while they load.

    SIGTERM, by which systems stop a process, is taken for one: else half-written files would stay.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}
    for number in ours:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def _exit_code(words: list[str], interrupts: Sequence[int]) -> int:
    """Run the command that the words say. What goes wrong is printed as a sentence."""
    try:
        code = app(next((word for word in words if word in COMMANDS), None))(standalone_mode=False)
        if code == _INTERRUPTED:  # what Typer makes of Ctrl-C
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except (ReaderGoneError, typer.Exit) as end:
        return getattr(end, "exit_code", 0)
    except (typer.Abort, KeyboardInterrupt):
        return _complain(message("cli.interrupted"), _INTERRUPTED)
    except Exception as error:
        if interrupts and not isinstance(error, Interrupted):
            return _complain(message("cli.interrupted"), _INTERRUPTED)
        if "--debug" in words:
            raise
        if isinstance(error, FenshenError):
            return _complain(str(error), error.exit_code)
        if isinstance(error, OSError) and error.errno is not None:  # a disk, a limit, a permission
            path, why = error.filename or tempfile.gettempdir(), error.strerror
            return _complain(message("cli.system", path=path, why=why), 1)
        if hasattr(error, "format_message"):  # a usage error of the parser
            return _complain(error.format_message(), 2)
        return _complain(message("cli.unexpected", error=f"{type(error).__name__}: {error}"), 1)


def app(wanted: str | None = None) -> typer.Typer:
    """The application, its help in the language in use.

    Args:
        wanted: the one command to load; the others only have their names and summaries. None loads no command.
    """
    made = typer.Typer(
        name="fenshen",
        cls=TextGroup,
        help=message("cli.about"),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )

    @made.callback(invoke_without_command=True)
    def fenshen(
        version: Annotated[
            bool, typer.Option("--version", help=message("cli.version"), is_eager=True)
        ] = False,
        lang: Annotated[str | None, typer.Option("--lang", help=message("cli.lang"), metavar="en|zh")] = None,
    ) -> None:
        if version:
            typer.echo(f"fenshen {__version__}")
            raise typer.Exit

    for name, target in COMMANDS.items():
        run = command(name, commands.load(target)) if name == wanted else _unloaded
        made.command(name, cls=TextCommand, help=message(f"cli.{name}"))(run)
    return made


def command(name: str, function: Callable[..., Any]) -> Callable[..., None]:
    """A public function as a command: its parameters, its switches, and the options of all commands."""

    def run(**values: Any) -> None:
        own = {key: value for key, value in values.items() if key not in _COMMON}
        _show(commands.call(function, name, own), values["json_"])

    switches: list[commands.Switch] = getattr(function, "switches", [])
    helps = commands.help_of(name, function)
    said = [_said(p, helps[p.name], optional=bool(switches)) for p in commands.parameters(function)]
    said += [_flag(switch.name, switch.flag, switch.help) for switch in switches]
    said += [_flag("json_", "--json", "cli.json"), _flag("debug_", "--debug", "cli.debug")]
    language = typer.Option("--lang", help=message("cli.lang"), metavar="en|zh")
    said += [_keyword("lang_", str | None, language, None)]
    run.__signature__ = inspect.Signature(said)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in said}
    return run


def _said(parameter: commands.Parameter, help: str, optional: bool) -> inspect.Parameter:
    """A parameter of a public function as Typer takes it."""
    kind: Any = parameter.kind
    limits: dict[str, Any] = {}
    if kind in (int, float):
        limits = {"min": parameter.word.low, "max": parameter.word.high}
    if parameter.many:
        kind = list.__class_getitem__(kind)
    elif parameter.count > 1:
        kind = tuple.__class_getitem__((kind,) * parameter.count)
    default = parameter.default
    if parameter.required:
        default = None if optional else inspect.Parameter.empty
    elif parameter.many:
        default = list(default or [])
    if default is None:
        kind = kind | None
    if parameter.spellings:
        option = typer.Option(*parameter.spellings, help=help, metavar=parameter.metavar, **limits)
    else:
        option = typer.Argument(help=help, metavar=parameter.metavar, **limits)
    return _keyword(parameter.name, kind, option, default)


def _flag(name: str, flag: str, key: str) -> inspect.Parameter:
    return _keyword(name, bool, typer.Option(flag, help=message(key)), False)


def _keyword(name: str, kind: Any, option: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _unloaded() -> None:
    """What stands for a command that was not asked for."""


def _language(words: list[str]) -> str | None:
    """``--lang``, which is read before everything else because help texts depend on it."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        value = following if word == "--lang" else word.removeprefix("--lang=")
        if word.startswith("--lang") and value in messages.LANGUAGES:
            return value
    return None


def _show(result: Any, as_json: bool) -> None:
    """Print a result, and exit with 1 where it says that something is not all right."""
    if not machine.is_main_process():
        return
    value, text = commands.shown(result)
    if text:
        try:
            # The stream is named, because Typer writes UTF-8 to terminals that say they only know ASCII.
            typer.echo(_json(value) if as_json else readable(text), file=sys.stdout)
        except BrokenPipeError:
            pass  # a reader that has seen enough does not change the exit code
        except OSError as error:
            raise FenshenError("cli.no_output", why=error.strerror) from error
    if not getattr(result, "ok", True):
        raise typer.Exit(1)


def _json(value: Any) -> str:
    """One line of JSON, with escapes for what the terminal cannot show."""
    escaped = not (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(_readable(value), ensure_ascii=escaped)


def _readable(value: Any) -> Any:
    """The same value with names that can be shown, and as text what JSON does not know."""
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else readable(str(value))


def _complain(sentence: str, code: int) -> int:
    with suppress(BrokenPipeError):
        colour = None if code == _INTERRUPTED else typer.colors.RED
        typer.secho(readable(sentence), file=sys.stderr, fg=colour)
    return code


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Print our own warnings as sentences; those of libraries are not meant for users."""
    if issubclass(category, FenshenWarning):
        typer.echo(str(message), err=True)

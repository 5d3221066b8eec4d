"""Commands, read from public functions: the signature, its defaults and the docstring's argument lines say everything.

Positional parameters become arguments, keyword-only ones options; ``out`` is always ``--out``. What a signature cannot
say (another spelling, a metavar, limits) stands beside the parameter as a :class:`Word`. English help is the
docstring's; the Chinese is in ``messages/zh/help.json``.
"""

from __future__ import annotations

import builtins
import dataclasses
import errno
import inspect
import json
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from fenshen import messages
from fenshen.messages import message

Function = TypeVar("Function", bound=Callable[..., Any])

_CHINESE = Path(messages.__file__).parent / "zh" / "help.json"
_NOT_SAID = frozenset({"progress"})  # parameters that only programs set


@dataclass(frozen=True)
class Word:
    """How a parameter is said on the command line.

    Attributes:
        spelling: such as ``--set`` or ``--out -o``; by default made of the name.
        metavar: what stands for its value in help texts.
        low: smallest number.
        high: largest number.
    """

    spelling: str = ""
    metavar: str = ""
    low: float | None = None
    high: float | None = None


DEVICE = Word(metavar="auto|cpu|cuda[:N]|mps")
SEED = Word(low=0, high=2**32 - 1)
RECIPE_SETTINGS = Word("--set", "KEY=VALUE")
SLIDERS = Word("--set", "WORD=VALUE")
RATE = Word("--fps", low=1, high=120)
SIZE = Word(metavar="WIDTHxHEIGHT")
GRID = Word(metavar="WORD:FROM:TO WORD:FROM:TO")


@dataclass(frozen=True)
class Switch:
    """A flag with which a command runs another function instead of its own.

    Attributes:
        flag: such as ``--list``.
        target: ``module:function``, imported when the flag is given.
        help: key of the message that describes it.
    """

    flag: str
    target: str
    help: str

    @property
    def name(self) -> str:
        """Name of the flag as a parameter."""
        return self.flag.lstrip("-").replace("-", "_") + "_"


def instead(flag: str, target: str, help: str) -> Callable[[Function], Function]:
    """Give a command a :class:`Switch`. Its required parameters may then be left out beside the flag."""

    def add(function: Function) -> Function:
        function.__dict__.setdefault("switches", []).append(Switch(flag, target, help))
        return function

    return add


def load(target: str) -> Callable[..., Any]:
    """The function behind ``module:function``."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a command.

    Attributes:
        name: of the function's parameter, or of a field of a dataclass parameter.
        within: the dataclass parameter that it is a field of; empty for plain parameters.
        kind: str, int, float, bool or Path; what one value is.
        path: whether a value can be the path of a file or folder.
        many: any number of values.
        count: values that belong together.
    """

    name: str
    word: Word
    kind: type
    default: Any
    positional: bool
    many: bool = False
    count: int = 1
    choices: tuple[str, ...] = ()
    within: str = ""
    path: bool = False

    @property
    def required(self) -> bool:
        """Whether the function cannot be called without it."""
        return self.default is inspect.Parameter.empty

    @property
    def spellings(self) -> list[str]:
        """The option's names; empty for an argument."""
        if self.positional and not self.word.spelling:
            return []
        name = self.name.replace("_", "-")
        usual = "--out -o" if name == "out" else f"--{name}"
        spellings = (self.word.spelling or usual).split()
        if self.kind is bool and self.default is True:
            return [f"{spelling}/--no-{spelling[2:]}" for spelling in spellings]
        return spellings

    @property
    def metavar(self) -> str | None:
        """What stands for its value; None where the type says it."""
        return self.word.metavar or "|".join(self.choices) or (None if self.spellings else self.name.upper())


def parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """The parameters of a function as the command line takes them, dataclass parameters field by field."""
    for name, parameter in inspect.signature(function).parameters.items():
        if name in _NOT_SAID:
            continue
        annotation = _evaluated(parameter.annotation, inspect.getmodule(function))
        if dataclasses.is_dataclass(annotation):
            for field in dataclasses.fields(annotation):
                of_field = _evaluated(field.type, inspect.getmodule(annotation))
                yield _parameter(field.name, of_field, field.default, False, within=name)
            continue
        positional = parameter.kind is not inspect.Parameter.KEYWORD_ONLY and name != "out"
        yield _parameter(name, annotation, parameter.default, positional)


def help_of(command: str, function: Callable[..., Any]) -> dict[str, str]:
    """One line of help for each parameter, in the language in use."""
    if messages.language() == "zh":
        return chinese()[command]
    lines = _argument_lines(function)
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = _evaluated(parameter.annotation, inspect.getmodule(function))
        if dataclasses.is_dataclass(annotation):
            lines.pop(name, None)
            for part in reversed(inspect.getmro(cast("type", annotation))):
                lines |= _argument_lines(part)
    return lines


@cache
def chinese() -> dict[str, dict[str, str]]:
    """Chinese help by command and parameter."""
    return json.loads(_CHINESE.read_text(encoding="utf-8"))


def call(function: Callable[..., Any], command: str, given: Mapping[str, Any]) -> Any:
    """Call the function, or that of a switch which was given, with values from the command line.

    Raises:
        UsageError: something required is missing.
    """
    from fenshen.errors import UsageError

    values = dict(given)
    for parameter in parameters(function):
        if parameter.path:
            values[parameter.name] = _from_home(values[parameter.name])
    switches: Sequence[Switch] = getattr(function, "switches", ())
    chosen = [switch for switch in switches if values.pop(switch.name)]
    if chosen:
        other = load(chosen[0].target)
        known = inspect.signature(other).parameters
        return other(**{name: value for name, value in values.items() if name in known})
    arguments: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for parameter in parameters(function):
        value = values[parameter.name]
        if parameter.required and (value is None or value == []):
            raise UsageError(f"cli.{command}_needs")
        into = groups.setdefault(parameter.within, {}) if parameter.within else arguments
        into[parameter.name] = value
    for name, fields in groups.items():
        kind = _evaluated(
            inspect.signature(function).parameters[name].annotation, inspect.getmodule(function)
        )
        arguments[name] = kind(**fields)
    return function(**arguments)


def _from_home(value: Any) -> Any:
    """A path with the user's home in the place of ``~``, which shells leave alone after ``--out=``.

    Raises:
        UsageError: no file can have this name.
    """
    if isinstance(value, list):
        return [_from_home(part) for part in value]
    if not isinstance(value, str | Path):
        return value
    path = os.path.expanduser(value)
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # else every look at it would fail
            from fenshen.errors import UsageError

            raise UsageError("files.long_name", path=path) from error
    return type(value)(path)


def shown(result: Any) -> tuple[Any, str]:
    """What a command prints of its function's result: a value for ``--json``, and words.

    A result has a ``text``, and ``summary()`` unless it is a pydantic model. Files are paths; a string is itself.
    """
    if isinstance(result, str):
        return result, result
    if result == Path("-"):  # the result itself went to standard output
        return None, ""
    if isinstance(result, Path):
        return {"file": str(result)}, message("cli.wrote", path=result)
    if isinstance(result, list) and result and isinstance(result[0], Path):
        where = result[0] if len(result) == 1 else result[0].parent
        return {"files": [str(file) for file in result]}, message("cli.wrote", path=where)
    if hasattr(result, "summary"):
        return result.summary(), result.text
    return result.model_dump(mode="json"), result.text


def _parameter(name: str, annotation: Any, default: Any, positional: bool, within: str = "") -> Parameter:
    """A parameter, its annotation taken apart."""
    word = Word()
    if get_origin(annotation) is Annotated:
        annotation, *notes = get_args(annotation)
        word = next((note for note in notes if isinstance(note, Word)), word)
    if default is dataclasses.MISSING:
        default = inspect.Parameter.empty
    kinds = [kind for kind in _members(annotation) if kind is not type(None)]
    many, count, choices = False, 1, tuple[str, ...]()
    for kind in kinds:
        if get_origin(kind) is Literal:
            choices = get_args(kind)
        elif get_origin(kind) is tuple:
            count = len(get_args(kind))
    if (
        len(kinds) == 1
        and isinstance(get_origin(kinds[0]), type)
        and issubclass(get_origin(kinds[0]), Sequence)
    ):
        many = count == 1
        kinds = list(_members(get_args(kinds[0])[0]))
    plain = next((kind for kind in kinds if kind in (bool, int, float, Path, str)), str)
    return Parameter(name, word, plain, default, positional, many, count, choices, within, Path in kinds)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union; of another type, itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


class _Lenient(dict[str, Any]):
    """Names for evaluating annotations: those that only type checkers import stand for nothing in particular."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, object)


def _evaluated(annotation: Any, module: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, {}, _Lenient(vars(module)))


def _argument_lines(documented: Any) -> dict[str, str]:
    """The lines of a docstring's ``Args:`` or ``Attributes:``, by name, without markup."""
    text = inspect.getdoc(documented) or ""
    section = re.search(r"^(?:Args|Attributes):\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", section[1], re.MULTILINE)
    return {name: " ".join(re.sub(r"`+", "", line).split()).rstrip(".") for name, line in entries}

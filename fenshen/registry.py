"""Things of one kind, by name: families of networks, losses, sources, speech engines.

Each registers itself where it is written, and nobody keeps a second list. What comes from outside the package
registers in the same way, before it is asked for.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

from fenshen.errors import UsageError
from fenshen.messages import message

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Names to things: in the order of registration, or in alphabetical order if a package is scanned for them.

    Args:
        kind: what they are called, a key of the catalogue's ``registry.json``.
        package: its modules are imported when the registry is first read, so that they register what they hold.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self._kind, self._package = kind, package
        self._scanned = package is None
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register a thing.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._things:
            raise ValueError(f"{name!r} is registered already")
        self._things[name] = thing

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that registers the class or function below it."""

        def add(thing: T) -> T:
            self.add(name, thing)
            return thing

        return add

    def check(self, name: str) -> str:
        """The name itself, for validators.

        Raises:
            ValueError: there is no such name; the message lists the names.
        """
        if name not in self:
            raise ValueError(message("registry.one_of", names=", ".join(self)))
        return name

    def add_choices(self, schema: dict[str, Any]) -> None:
        """Put the names into the JSON schema of a field that takes one of them."""
        schema["enum"] = list(self)

    def __getitem__(self, name: str) -> T:
        """The thing of that name.

        Raises:
            UsageError: there is no such name; the message lists the names.
        """
        things = self._all()
        if name not in things:
            kind = message(f"registry.{self._kind}")
            raise UsageError("registry.unknown", kind=kind, name=name, names=", ".join(self))
        return things[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all() if self._package is None else sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, T]:
        if self._package is not None and not self._scanned:
            self._scanned = True  # first, because the modules may ask while they are imported
            for module in pkgutil.iter_modules(import_module(self._package).__path__):
                import_module(f"{self._package}.{module.name}")
        return self._things

"""Things of one kind, by name: families of networks, losses, sources, speech engines.

Each registers itself where it is written, and nobody keeps a second list. What comes from outside the package
registers in the same way, before it is asked for.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TypeVar

from fenshen.errors import UsageError
from fenshen.messages import message

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Names to things, in the order in which they were registered.

    Args:
        kind: what they are called, a key of the catalogue's ``registry.json``.
        package: its modules are imported when the registry is first read, so that they register what they hold.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self._kind, self._package = kind, package
        self._things: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that registers a class or function, or a plain call for other things: ``register(name)(thing)``.

        Raises:
            ValueError: the name is taken.
        """

        def add(thing: T) -> T:
            if name in self._things:
                raise ValueError(f"{name!r} is registered already")
            self._things[name] = thing
            return thing

        return add

    def __getitem__(self, name: str) -> T:
        """The thing of that name.

        Raises:
            UsageError: there is none; the message lists the names.
        """
        things = self._all()
        if name not in things:
            kind = message(f"registry.{self._kind}")
            raise UsageError("registry.unknown", kind=kind, name=name, names=", ".join(things))
        return things[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, T]:
        package, self._package = self._package, None
        if package is not None:
            for module in pkgutil.iter_modules(import_module(package).__path__):
                import_module(f"{package}.{module.name}")
        return self._things

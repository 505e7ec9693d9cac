"""What every test would otherwise compile anew: its statements of SQL and its addresses.

A process of the product compiles each of them once in its life; a run of the tests makes thousands
of databases and applications, each with caches of its own. Nothing is decided differently here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, event
from werkzeug.routing import Rule


class SharedStatements(MutableMapping[tuple[Any, ...], Any]):
    """Compiled statements of all databases; a key begins with the dialect, of which each has one.

    Dialects of one name are made alike by storage/engine.py, so that the name stands for them.
    """

    def __init__(self) -> None:
        self._compiled: dict[tuple[Any, ...], Any] = {}

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self._compiled[_alike(key)]

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        self._compiled[_alike(key)] = value

    def __delitem__(self, key: tuple[Any, ...]) -> None:
        del self._compiled[_alike(key)]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._compiled)

    def __len__(self) -> int:
        return len(self._compiled)


class PatientRule(Rule):
    """An address whose builder is compiled when it is first built, for most never are."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder
        made: Callable[..., tuple[str, str]] | None = None

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            nonlocal made
            if made is None:
                made = compile_now(append_unknown)
            return made(rule, **values)

        return build


def install() -> None:
    """Let the databases and applications of this process share what they compile."""
    statements = SharedStatements()

    @event.listens_for(Engine, "engine_connect")
    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)

    Flask.url_rule_class = PatientRule


def _alike(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *rest = key
    return (f"{dialect.name}+{dialect.driver}", *rest)

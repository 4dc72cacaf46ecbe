"""Options that several commands have in common, declared once: the fields of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import wraps
from typing import Any


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command for Typer in which each parameter that is a dataclass is replaced by that one's fields."""
    own = inspect.signature(command, eval_str=True)
    groups = {name: parameter.annotation for name, parameter in own.parameters.items() if _is_group(parameter)}

    @wraps(command)
    def run(**given: Any) -> None:
        made = {name: group(**_taken(given, group)) for name, group in groups.items()}
        command(**given, **made)

    run.__dict__["__signature__"] = own.replace(parameters=list(_parameters(own, groups)))  # PEP 362: it counts
    return run


def _is_group(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)


def _parameters(own: inspect.Signature, groups: Mapping[str, Any]) -> Iterator[inspect.Parameter]:
    for name, parameter in own.parameters.items():
        for found in _fields(groups[name]) if name in groups else (parameter,):
            yield found.replace(kind=inspect.Parameter.KEYWORD_ONLY)  # so that defaults may stand in any order


def _fields(group: Any) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(group, eval_str=True).parameters.values())


def _taken(given: dict[str, Any], group: Any) -> dict[str, Any]:
    return {field.name: given.pop(field.name) for field in _fields(group)}

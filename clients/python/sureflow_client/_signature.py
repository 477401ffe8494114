"""Signatures that name every option, as notebooks complete and show them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


def spelled_out(options: Any) -> Callable[[Method], Method]:
    """Give a method whose ``**options`` are a typed dictionary a signature with each by name.

    Type checkers read the dictionary; people at a prompt read this.
    """
    named = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_written(kind)
        )
        for name, kind in options.__annotations__.items()
    ]

    def spell(method: Method) -> Method:
        own = inspect.signature(method)
        kept = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        method.__signature__ = own.replace(parameters=[*kept, *named])  # type: ignore[attr-defined]
        return method

    return spell


def _written(kind: Any) -> Any:
    """Return an annotation as it is written."""
    return getattr(kind, "__forward_arg__", kind)

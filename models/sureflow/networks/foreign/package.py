"""Classes of packages that only some models need, imported when one of those is made."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def class_in(package: str, name: str) -> Any:
    """The class of this name in a package, which is imported now.

    The extra ``diffusers`` has the packages that are asked for.

    Raises:
        ValueError: The package is not installed, or has no such class.
    """
    try:
        with quiet(package):
            return getattr(import_module(package), name)
    except ImportError as error:
        wanted = "pip install 'diffusers>=0.42' 'transformers>=5'"
        raise ValueError(f"name: {name} needs the package {package}: {wanted}") from error
    except AttributeError as error:
        raise ValueError(f"name: the {package} that is installed has no {name}") from error


@contextmanager
def quiet(package: str) -> Iterator[None]:
    """Without what a package says at import and construction about its own future."""
    log = logging.getLogger(package)
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)

"""The package offers exactly what ``__all__`` says."""

from __future__ import annotations

import types

import sureflow_client


def test_all_is_complete() -> None:
    public = {
        name
        for name, member in vars(sureflow_client).items()
        if not name.startswith("_") and not isinstance(member, types.ModuleType)
    }
    assert set(sureflow_client.__all__) == public | {"__version__"}


def test_modules_are_private() -> None:
    modules = [
        name
        for name, member in vars(sureflow_client).items()
        if isinstance(member, types.ModuleType)
    ]
    assert modules
    assert all(name.startswith("_") for name in modules)


def test_every_public_error_has_the_one_root() -> None:
    errors = [
        member
        for name in sureflow_client.__all__
        if isinstance(member := getattr(sureflow_client, name), type)
        and issubclass(member, Exception)
    ]
    assert errors
    assert all(issubclass(error, sureflow_client.SureflowError) for error in errors)

"""The names that models may have."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sureflow.core.model_name import ModelName

NAMES = TypeAdapter(ModelName)


@pytest.mark.parametrize("name", ["a", "0-b", "z" * 64])
def test_a_name(name: str) -> None:
    assert NAMES.validate_python(name) == name


@pytest.mark.parametrize("name", ["", "a b", "-a", "A", "a/b", "..", "é", "a\n", "z" * 65])
def test_no_name(name: str) -> None:
    with pytest.raises(ValidationError, match="cannot be the name of a model; expected 1 to 64"):
        NAMES.validate_python(name)

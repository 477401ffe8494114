"""The error for a field of a request that the model cannot serve."""

from __future__ import annotations


class InvalidFieldError(ValueError):
    """A field of a request, given by its dotted path, does not suit the model."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message

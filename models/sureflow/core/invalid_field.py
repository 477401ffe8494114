"""The error for a field of a request that the model cannot serve."""

from __future__ import annotations


class InvalidFieldError(ValueError):
    """A field of a request does not suit the model.

    Args:
        field: Its dotted path in the request, such as ``condition.label``.
        message: What is wrong with it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message

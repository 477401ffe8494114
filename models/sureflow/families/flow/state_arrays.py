"""Arrays of a request that have the shape of a lane's state: values, and masks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.json_array import read_array, read_mask
from sureflow.core.lane import Array
from sureflow.core.schema import InvalidFieldError
from sureflow.core.size import in_words
from sureflow.families.flow.operations import Mask


def read_state(
    written: Any, card: ModelCard, field: str, shape: tuple[int, ...] | None = None
) -> Array:
    """Return values of the state, ``[*state_shape]``, or of a measurement of it.

    Raises:
        InvalidFieldError: They are malformed or of another shape, such as that of a sample of a
            model that decodes latents.
    """
    shape = shape or card.state_shape
    try:
        return _read(written, card, field, shape)
    except InvalidFieldError as error:
        if not card.latent:
            raise
        why = "and no encoder of samples" if card.encoded is None else "and this is of latents"
        latents = f"{card.name} has a decoder {why}: give latents {[*shape]}"
        raise InvalidFieldError(field, f"{error.message}; {latents}") from None


def read_given(card: ModelCard, written: Any, field: str) -> Array:
    """Return a sample, ``[*shape]``, or its state, ``[*state_shape]``, of one of the model's sizes.

    They differ where latents are decoded. A sample is taken there if the model encodes it.

    Raises:
        InvalidFieldError: See :func:`read_state`.
    """
    for size in card.sizes[1:]:
        with suppress(InvalidFieldError):
            return _read_given(card.at(size), written, field)
    try:
        return _read_given(card, written, field)
    except InvalidFieldError as error:
        if card.shapes is None:
            raise
        message = f"{error.message}; sizes are {', '.join(map(in_words, card.sizes))}"
        raise InvalidFieldError(field, message) from None


def _read_given(card: ModelCard, written: Any, field: str) -> Array:
    """The same, of the default size."""
    if card.encoded is None:
        return read_state(written, card, field)
    try:
        return _read(written, card, field, card.encoded)
    except InvalidFieldError as error:
        try:
            return _read(written, card, field, card.state_shape)
        except InvalidFieldError:
            latents = f"or give latents {[*card.state_shape]}"
            raise InvalidFieldError(field, f"{error.message}; {latents}") from None


def _read(written: Any, card: ModelCard, field: str, shape: tuple[int, ...]) -> Array:
    return read_array(written, shape, field, levels=card.media != "image")


def read_state_mask(written: Any, card: ModelCard, field: str, *, whole: bool) -> Mask:
    """Return a mask of the state, ``[*state_shape]``.

    Where latents are decoded, a mask of the size of the sample is taken too. A component of the
    latent is in it if any of its pixels is; if ``whole``, only if all of them are.

    Raises:
        InvalidFieldError: It is malformed or has another shape.
    """
    state, shape = card.state_shape, card.shape
    pooled = card.latent and len(state) == len(shape) == 3
    if not pooled or any(size % cells for size, cells in zip(shape[1:], state[1:], strict=True)):
        return read_mask(written, state, field)
    try:
        return read_mask(written, state, field)
    except InvalidFieldError:
        pixels = read_mask(written, (1, *shape[1:]), field)[0]
    (height, width), (rows, columns) = state[1:], shape[1:]
    blocks = pixels.reshape(height, rows // height, width, columns // width)
    cells = blocks.all((1, 3)) if whole else blocks.any((1, 3))
    return np.ascontiguousarray(np.broadcast_to(cells, state))

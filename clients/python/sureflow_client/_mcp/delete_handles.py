"""The tool ``delete_handles``."""

from __future__ import annotations

from pydantic import Field

from .._exceptions import SureflowError
from .tool import Answer, Arguments, Call, Facts, Tool

MOST, NAMED = 64, 16
"""Handles that are taken; and those that are named since they could not be deleted."""


class DeleteHandles(Arguments):
    """Which samples the server need not keep."""

    handles: list[str] = Field(min_length=1, max_length=MOST)
    """Of the samples."""


class Deleted(Facts):
    """What was forgotten."""

    deleted: int
    not_deleted: dict[str, str] = Field(default_factory=dict)
    """Why, of the first others."""


async def _run(call: Call, asked: DeleteHandles) -> Answer:
    handles = [*dict.fromkeys(asked.handles)]
    errors = {handle: await _delete(call, handle) for handle in handles}
    failed = {handle: error for handle, error in errors.items() if error is not None}
    if len(failed) == len(handles):
        raise next(iter(failed.values()))
    named = {handle: str(error)[:100] for handle, error in [*failed.items()][:NAMED]}
    facts = Deleted(deleted=len(handles) - len(failed), not_deleted=named)
    return Answer(f"{facts.deleted} deleted, {len(failed)} not.", facts)


async def _delete(call: Call, handle: str) -> SureflowError | None:
    """Delete a handle; return what was in the way."""
    try:
        await call.client.delete_handle(handle)
    except SureflowError as error:
        return error
    return None


DELETE_HANDLES = Tool(
    "delete_handles",
    "Have the server forget samples before their time.",
    DeleteHandles,
    Deleted,
    _run,
    changes="removes",
)

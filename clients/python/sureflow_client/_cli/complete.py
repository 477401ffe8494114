"""What the shell offers on tab: names that the server knows."""

from __future__ import annotations

import os
from collections.abc import Callable

from .._base import DEFAULT_URL
from .._exceptions import SureflowError
from .._model import Model
from .._retry import Retry
from .._sync.client import Client
from .app import URL

TIMEOUT_S = 2.0


def model_names(incomplete: str) -> list[str]:
    """Return the models that begin so; none where the server does not answer at once."""
    try:
        with _client() as client:
            return [m.name for m in client.models() if m.name.startswith(incomplete)]
    except SureflowError:
        return []


def handle_names(incomplete: str) -> list[str]:
    """Return the handles that begin so; none where the server does not answer at once."""
    try:
        with _client() as client:
            return [h.id for h in client.handles(100) if h.id.startswith(incomplete)]
    except SureflowError:
        return []


def job_names(incomplete: str) -> list[str]:
    """Return the jobs that begin so; none where the server does not answer at once."""
    try:
        with _client() as client:
            return [job.id for job in client.jobs.list() if job.id.startswith(incomplete)]
    except SureflowError:
        return []


def sampler_names(incomplete: str) -> list[str]:
    """Return the samplers of any model that begin so; see `handle_names`."""
    return _of_cards(incomplete, lambda card: card.samplers)


def score_names(incomplete: str) -> list[str]:
    """Return the scores of any model that begin so; see `handle_names`."""
    return _of_cards(incomplete, lambda card: card.scores)


def _of_cards(incomplete: str, names: Callable[[Model], tuple[str, ...] | None]) -> list[str]:
    try:
        with _client() as client:
            found = (name for card in client.models() for name in names(card) or ())
            return [*dict.fromkeys(name for name in found if name.startswith(incomplete))]
    except SureflowError:
        return []


def _client() -> Client:
    url = os.environ.get(URL, DEFAULT_URL)
    return Client(url, timeout=TIMEOUT_S, retry=Retry(attempts=0))

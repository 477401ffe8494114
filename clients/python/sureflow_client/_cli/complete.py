"""What the shell offers on tab: names that the server knows."""

from __future__ import annotations

import os

from .._base import DEFAULT_URL
from .._exceptions import SureflowError
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


def _client() -> Client:
    url = os.environ.get(URL, DEFAULT_URL)
    return Client(url, timeout=TIMEOUT_S, retry=Retry(attempts=0))

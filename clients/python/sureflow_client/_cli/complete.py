"""What the shell offers on tab: names that the server knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from .._base import DEFAULT_URL
from .._exceptions import SureflowError
from .._retry import Retry
from .._sync.client import Client
from .app import URL

TIMEOUT_S = 2.0

Complete = Callable[[str], list[str]]


def _offered(names: Callable[[Client], Iterable[str]]) -> Complete:
    """Return what offers the names that begin so; none where the server does not answer at once."""

    def complete(incomplete: str) -> list[str]:
        url = os.environ.get(URL, DEFAULT_URL)
        try:
            with Client(url, timeout=TIMEOUT_S, retry=Retry(attempts=0)) as client:
                found = dict.fromkeys(names(client))
        except SureflowError:
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


def _of_cards(member: str) -> Complete:
    """Return what offers a member of the cards of all models."""
    return _offered(
        lambda client: (name for card in client.models() for name in getattr(card, member) or ())
    )


model_names = _offered(lambda client: (card.name for card in client.models()))
handle_names = _offered(lambda client: (handle.id for handle in client.handles(100)))
job_names = _offered(lambda client: (job.id for job in client.jobs.list()))
size_names = _offered(
    lambda client: (
        "x".join(map(str, size)) for card in client.models() for size in card.sizes or ()
    )
)
sampler_names, score_names, format_names = map(_of_cards, ("samplers", "scores", "formats"))

"""What the page of one visitor knows."""

from __future__ import annotations

import httpx

from sureflow_client import AsyncClient, Model, Retry

from .family import Family
from .views import view_of
from .views.view import View

NO_KEY = ""
"""Said out loud, so that no key of the server's own environment is lent to visitors."""

ATTEMPTS = 1


class Session:
    """A visitor's client, their models, and who descends from whom.

    It lives as long as the page does; a key is kept nowhere else.

    Attributes:
        client: Talks to the server.
        models: Cards of the models that can be asked.
        family: The samples of this visit that have handles.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = self._connect(NO_KEY)
        self.models: dict[str, Model] = {}
        self.family = Family()

    async def load(self) -> None:
        """Ask which models there are.

        Raises:
            SureflowError: The server did not say.
        """
        cards = await self.client.models()
        self.models = {card.name: card for card in cards if card.state == "ready"}

    def view(self, model: str) -> View:
        """Return how samples of a model are looked at."""
        return view_of(self.models.get(model))

    async def unlock(self, key: str) -> None:
        """Use a key from now on, if the server takes it.

        Raises:
            SureflowError: It does not; the key is forgotten.
        """
        before, self.client = self.client, self._connect(key)
        try:
            await self.load()
        except BaseException:
            refused, self.client = self.client, before
            await refused.aclose()
            raise
        await before.aclose()

    @property
    def default(self) -> Model:
        """The model of requests that name none, or else the first."""
        cards = [*self.models.values()]
        return next((card for card in cards if card.default), cards[0])

    async def close(self) -> None:
        """Hang up."""
        await self.client.aclose()

    def _connect(self, key: str) -> AsyncClient:
        # A transport of its own, since one that is made for us would obey HTTP_PROXY.
        return AsyncClient(
            self.address,
            api_key=key,
            retry=Retry(attempts=ATTEMPTS),
            transport=httpx.AsyncHTTPTransport(),
        )

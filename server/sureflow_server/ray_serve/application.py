"""What a configuration of Ray Serve imports: ``sureflow_server.ray_serve.application:build``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from ray import serve

from sureflow_server.app import create_app
from sureflow_server.logs import configure
from sureflow_server.ray_serve.hosted import Hosted
from sureflow_server.ray_serve.scaling import SAMPLES
from sureflow_server.replicas.open import open_replica
from sureflow_server.service import Service
from sureflow_server.settings import Settings
from sureflow_server.store import Store, StoreError, VerdictStore
from sureflow_server.store.open import open_store, open_verdicts

PUBLIC = "0.0.0.0"
"""Where the proxies of Ray listen is not ours to know; so the server asks for keys, unless told
otherwise."""


def settings_of(args: dict[str, Any]) -> Settings:
    """Return the settings of a replica: those of the configuration over its environment.

    Raises:
        ValueError: They do not fit; without a store, as replicas on one machine could not share a
            folder, and would not know each other's handles.
    """
    settings = Settings(**{"host": PUBLIC, **args})
    if settings.store is None:
        raise ValueError("store: replicas share a Redis; set SUREFLOW_STORE where Ray is started")
    return settings


class Sureflow:
    """One replica: an API process, which is Ray's actor, and a worker process of its own.

    Args:
        args: Settings; what is not here comes from the environment, as for ``sureflow serve``.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        self._settings = settings_of(args)
        self._app: FastAPI | None = None
        self._store: Store | None = None
        self._verdicts: VerdictStore | None = None

    async def __serve_build_asgi_app__(self) -> Hosted:
        """Return the application, in the event loop that it will live in."""
        configure(self._settings.log)
        try:
            self._store = await open_store(self._settings)
            self._verdicts = await open_verdicts(self._settings)
            replica = open_replica(self._settings)
            app = create_app(self._settings, self._store, replica, self._verdicts)
        except StoreError as error:
            raise RuntimeError(f"store: {error}") from error
        self._app = app
        return Hosted(app, serve.get_replica_context().replica_tag)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Return what :class:`~sureflow_server.ray_serve.scaling.SamplesPerReplica` goes by."""
        if self._app is None:
            return {SAMPLES: 0}
        service: Service = self._app.state.service
        return {SAMPLES: service.pool.reserved}

    async def __del__(self) -> None:
        """Close the stores; the application has ended by then."""
        for store in (self._verdicts, self._store):
            if store is not None:
                await store.close()


def build(args: dict[str, Any]) -> Any:
    """Return the application that Ray Serve runs; numbers and resources are its configuration's.

    Args:
        args: Settings, by their names in TOML files.
    """
    deployment = serve.deployment(serve.ingress()(Sureflow), name="Sureflow")
    return deployment.bind(args)

"""Settings of the server: command line over environment over TOML file."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from sureflow.execution import Compile, Precision
from sureflow_server.engine.messages import Admission
from sureflow_server.logs import LogFormat

PREFIX = "SUREFLOW_"


class Settings(BaseSettings):
    """What an operator may choose; frozen once the server runs.

    Every field is also an environment variable with the prefix ``SUREFLOW_`` and a key of the TOML
    file that ``config`` (or ``SUREFLOW_CONFIG``) names. Arguments win over the environment, the
    environment over the file.

    Attributes:
        config: The TOML file.
        host: Address to bind. Anything but loopback needs ``allow_unauthenticated``.
        port: TCP port; 0 lets the system choose a free one.
        models_dir: Folder with one checkpoint folder per model; ``None`` serves the embedded ones.
        default_model: Model of requests that name none; ``None`` is ``fashion``, or else the first.
        capacity: Network rows of a tick at most, per model; a guided lane takes two. ``None`` is
            the smallest number that is efficient on the device.
        admission: ``tick`` starts lanes at every tick; ``request`` waits until none runs any more,
            which is worse in every way and there for comparison.
        threads: CPU threads of the worker.
        device: Torch device of the worker, such as ``cpu`` or ``cuda:0``.
        precision: ``bfloat16`` is faster and rounds; samples then differ from those in ``float32``.
        compile: ``graphs`` replays CUDA graphs, ``compile`` uses ``torch.compile``.
        max_samples_per_request: Largest ``n`` of one request.
        max_queued_samples: Samples accepted and not finished, over all requests; beyond it, 429.
        max_body_bytes: Largest request body.
        drain_s: Seconds that running requests get to finish after SIGTERM.
        log: ``json`` writes the log as JSON objects, one a line, with the ids of requests.
        traces: Send OpenTelemetry traces to where the variables ``OTEL_*`` say; needs the extra
            ``otel``.
        allow_unauthenticated: Bind a public address although the server asks nobody for a key.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    config: Path | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    models_dir: Path | None = None
    default_model: str | None = None
    capacity: PositiveInt | None = None
    admission: Admission = "tick"
    threads: PositiveInt = 1
    device: str = "cpu"
    precision: Precision = "float32"
    compile: Compile = "off"
    max_samples_per_request: PositiveInt = 1024
    max_queued_samples: PositiveInt = 4096
    max_body_bytes: PositiveInt = 1 << 20
    drain_s: PositiveFloat = 30.0
    log: LogFormat = "text"
    traces: bool = False
    allow_unauthenticated: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, first wins, and find the TOML file before it is read."""
        chosen: Any = init_settings().get("config") or os.environ.get(f"{PREFIX}CONFIG")
        if chosen is None:
            return init_settings, env_settings
        if not Path(chosen).is_file():
            raise ValueError(f"config: no such file: {chosen}")
        try:
            file_settings = TomlConfigSettingsSource(settings_cls, Path(chosen))
        except TOMLDecodeError as error:
            raise ValueError(f"config: {chosen}: {error}") from error
        return init_settings, env_settings, file_settings

    @model_validator(mode="after")
    def _private_unless_allowed(self) -> Settings:
        if self.allow_unauthenticated or _is_loopback(self.host):
            return self
        raise ValueError(
            f"host: {self.host} is reachable from other machines and the server asks nobody for a "
            "key; give --allow-unauthenticated to bind it nevertheless"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

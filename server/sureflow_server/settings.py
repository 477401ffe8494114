"""Settings of the server: command line over environment over TOML file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from sureflow.core.execution import Compile, Precision
from sureflow.device import check_name
from sureflow_server.address import is_loopback, parsed
from sureflow_server.engine.messages import Admission
from sureflow_server.logs import LogFormat

PREFIX = "SUREFLOW_"
PLUGIN = re.compile(r"[\w.-]+=[\w.]+:[\w.]+$")
ORIGIN = r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$|^https?://\[[0-9a-f:]+\](:[0-9]{1,5})?$"
OWN = "v[12]|docs|health|metrics|generate|edit|mcp|_nicegui.*|openapi.json"
ROOT_PATH = re.compile(rf"(?!/({OWN})(/|$))(/[\w.~-]+)*", re.ASCII)
"""It may not begin as paths of the server itself do."""
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")


def variable_of(setting: str) -> str | None:
    """Return the environment variable that gives a setting, in whatever case; ``None`` if none."""
    wanted = f"{PREFIX}{setting}".upper()
    return next((name for name in os.environ if name.upper() == wanted), None)


def _listed(value: Any) -> Any:
    """Read a list that is given as text, with commas or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


class Settings(BaseSettings):
    """What an operator may choose; frozen once the server runs.

    Every field is also an environment variable with the prefix ``SUREFLOW_`` and a key of the TOML
    file that ``config`` (or ``SUREFLOW_CONFIG``) names. Arguments win over the environment, the
    environment over the file.

    Attributes:
        config: The TOML file.
        host: Address to bind. Anything but loopback needs ``api_keys_file``, or
            ``allow_unauthenticated``.
        port: TCP port; 0 lets the system choose a free one.
        models_dir: Folder with one checkpoint folder per model; ``None`` serves the embedded ones.
        plugins: Networks that checkpoints name and that no installed package offers, each as
            ``name=package.module:factory``. They are code; a checkpoint never brings its own.
        judges: Judges of samples, each as ``name=package.module:function``, which filters name as
            ``judge:name``; installed packages may offer others. The function takes a list of
            samples and returns for each how bad it is; larger is worse. It runs in processes of its
            own, which begin with the first sample.
        judge_processes: Samples that are judged at a time, each in a process.
        judge_timeout_s: Seconds for a sample, and at first for the import of the judge, after which
            the sample has no value.
        standing_judge: Name of a judge that looks at a random share of what is served under a
            certificate, which is withdrawn when too much is bad; ``None`` has none looked at.
        standing_share: That share.
        default_model: Model of requests that name none; ``None`` is ``fashion``, or else the first.
        capacity: Network rows of a tick at most, per model; a guided lane takes two. ``None`` is
            the smallest number that is efficient on the device.
        admission: ``tick`` starts lanes at every tick; ``request`` waits until none runs any more,
            which is worse in every way and there for comparison.
        threads: CPU threads of the worker.
        device: Torch device of the worker, ``cpu``, ``cuda`` or ``cuda:0``.
        precision: ``bfloat16`` is faster and rounds; samples then differ from those in ``float32``.
        compile: ``graphs`` replays CUDA graphs, ``compile`` uses ``torch.compile``.
        portable: Kernels whose bits are the same on all x86 machines with AVX2; they are slower.
        model_bytes: Memory for models, weights and lanes counted. Where it is too small for all,
            a model is loaded when it is asked for, and the least recently used idle ones make room.
            ``None`` keeps all of them.
        standby: Whether the process that has loaded the models stands by, and forks another worker
            at once should one die. The two share the memory of the models until one writes to it.
            ``None``: on a CPU with one thread and without ``model_bytes``. Where a library has
            started threads, as on a GPU, a new worker loads the models again in any case.
        max_samples_per_request: Largest ``n`` of one request.
        max_queued_samples: Samples accepted and not finished, over all requests; beyond it, 429.
        max_queued_bytes: Bytes that are reserved for them, their key frames and what they were
            made from, in the process that answers; beyond it, 429.
        max_body_bytes: Largest request body.
        bodies_bytes: Bodies of requests under way, all together; a client may have a quarter of
            it. Beyond it, 429.
        data_dir: Folder for what must outlive the process; ``None`` is ``sureflow`` in
            ``$XDG_DATA_HOME`` or else in ``~/.local/share``. Two servers cannot share it.
        store: Where rewind handles are kept: ``None`` is in ``data_dir``; a ``redis://``,
            ``rediss://`` or ``unix://`` address is shared by all servers that name it, and with it
            jobs, answers to idempotency keys, and the rates and quotas of keys.
        store_max_bytes: Bytes of all handles and their key frames. Frames are evicted to stay
            within it, and made again when they are needed. Handles are not, but for the oldest of
            the API key that has most, when others come.
        max_verdicts: Verdicts of reviewers that are kept, of all models together.
        handle_ttl_s: Seconds that a handle lives if the request does not say.
        handle_max_ttl_s: Seconds that a request may ask for at most.
        replay_bytes: Answers kept for requests with an ``Idempotency-Key``, all together.
        replay_s: Seconds for which they are kept.
        job_bytes: Results of jobs that have ended, all together.
        job_s: Seconds for which they are kept.
        answer_bytes: Answers that are being made or read, all together. An owner may hold as much
            of it as is left to others.
        write_timeout_s: Seconds in which a client must take something of what waits for it; one
            that does not is hung up on.
        reads_per_minute: Requests of an owner that ask for what is there, on average, and as many
            at once; health and metrics are not counted.
        worker_timeout_s: Seconds of silence after which a worker that serves is taken for hung, and
            replaced; ``None`` is 30, or twenty times what its longest ticks should take.
        load_timeout_s: Seconds that a process gets to load a model and to generate with it. While
            others wait to be served it has a quarter of that, and 10 at least. If it takes longer,
            or the process dies, the others are served, and it is tried once more, alone. ``None``
            is 120, or 600 on a GPU or where networks are compiled.
        drain_s: Seconds that running requests get to finish after SIGTERM.
        api_keys_file: What ``sureflow keys`` writes; without it the server asks nobody for a key.
        samples_per_minute: Rate of keys without one of their own; ``None`` is unlimited.
        max_samples_in_flight: Samples accepted and not finished, of keys without a number of their
            own; ``None`` is unlimited.
        open_metrics: Whether ``/metrics`` needs no key; ``None`` opens it on loopback only.
        allowed_origins: Web pages of these origins, such as ``https://lab.example``, may use the
            server from a browser; none may by default.
        allowed_host: Names by which the server may be asked for (``Host``), beside those of
            loopback and ``host``. Without API keys any other name is refused, with keys only where
            this is given. A server that is not bound to loopback also answers to any address.
        trusted_proxy: Addresses and networks of proxies whose ``X-Forwarded-For``,
            ``X-Forwarded-Proto`` and ``X-Forwarded-Prefix`` are believed; nobody's are by default.
        root_path: Path below which a proxy shows the server, such as ``/sureflow``; whether the
            proxy takes it off the paths that it passes on or not.
        studio: Show the studio at ``/``, if it is installed.
        mcp: Answer at ``/mcp`` what agents ask by the Model Context Protocol, if the client is
            installed with its extra ``mcp``.
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
    plugins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    judges: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    judge_processes: PositiveInt = 1
    judge_timeout_s: Annotated[PositiveFloat, Field(allow_inf_nan=False)] = 60.0
    standing_judge: str | None = None
    standing_share: Annotated[float, Field(gt=0, le=1)] = 0.01
    default_model: str | None = None
    capacity: PositiveInt | None = None
    admission: Admission = "tick"
    threads: PositiveInt = 1
    device: str = "cpu"
    precision: Precision = "float32"
    compile: Compile = "off"
    portable: bool = False
    model_bytes: PositiveInt | None = None
    standby: bool | None = None
    max_samples_per_request: PositiveInt = 1024
    max_queued_samples: PositiveInt = 4096
    max_queued_bytes: PositiveInt = 1 << 30
    max_body_bytes: PositiveInt = 1 << 20
    bodies_bytes: PositiveInt = 64 << 20
    data_dir: Path | None = None
    store: SecretStr | None = None
    store_max_bytes: PositiveInt = 1 << 30
    max_verdicts: PositiveInt = 100_000
    handle_ttl_s: PositiveFloat = 3600.0
    handle_max_ttl_s: PositiveFloat = 7 * 24 * 3600.0
    replay_bytes: PositiveInt = 64 << 20
    replay_s: PositiveFloat = 3600.0
    job_bytes: PositiveInt = 256 << 20
    job_s: PositiveFloat = 3600.0
    answer_bytes: PositiveInt = 256 << 20
    write_timeout_s: PositiveFloat = 30.0
    reads_per_minute: PositiveFloat = 6000.0
    worker_timeout_s: PositiveFloat | None = None
    load_timeout_s: PositiveFloat | None = None
    drain_s: PositiveFloat = 30.0
    api_keys_file: Path | None = None
    samples_per_minute: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None
    max_samples_in_flight: PositiveInt | None = None
    open_metrics: bool | None = None
    allowed_origins: Annotated[
        tuple[Annotated[str, Field(pattern=ORIGIN)], ...], NoDecode, BeforeValidator(_listed)
    ] = ()
    allowed_host: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    trusted_proxy: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_listed)] = ()
    root_path: str = ""
    studio: bool = True
    mcp: bool = True
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
        given, variable = init_settings().get("config"), variable_of("config")
        chosen: Any = given or os.environ.get(variable or "")
        if chosen is None:
            return init_settings, env_settings
        if not Path(chosen).is_file():
            source = "config" if given or variable is None else variable
            raise ValueError(f"{source}: no such file: {chosen}")
        try:
            file_settings = TomlConfigSettingsSource(settings_cls, Path(chosen))
        except TOMLDecodeError as error:
            raise ValueError(f"config: {chosen}: {error}") from error
        return init_settings, env_settings, file_settings

    @field_validator("plugins", "judges")
    @classmethod
    def _plugins_have_names(cls, plugins: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        what = "factory" if info.field_name == "plugins" else "function"
        for plugin in plugins:
            if not PLUGIN.match(plugin):
                raise ValueError(f"{plugin!r} is not of the form name=package.module:{what}")
        return plugins

    @field_validator("root_path")
    @classmethod
    def _root_path_is_one(cls, path: str) -> str:
        if not ROOT_PATH.fullmatch(path.rstrip("/")):
            raise ValueError(f"{path!r} is no path such as /sureflow, or one of the server's own")
        return path.rstrip("/")

    @field_validator("device")
    @classmethod
    def _device_is_known(cls, device: str) -> str:
        try:
            return check_name(device)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("device: ")) from error

    @field_validator("allowed_host")
    @classmethod
    def _hosts_have_no_port(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(host.lower().strip("[]") for host in hosts)
        for host in named:
            if parsed(host) is None and not HOST_NAME.fullmatch(host):
                raise ValueError(f"{host!r} is no name of a host; leave out scheme, port and path")
        return named

    @model_validator(mode="after")
    def _lifetimes_in_order(self) -> Settings:
        if self.handle_ttl_s > self.handle_max_ttl_s:
            raise ValueError(
                f"handle_ttl_s: {self.handle_ttl_s:g} is more than handle_max_ttl_s, which is"
                f" {self.handle_max_ttl_s:g}"
            )
        return self

    @model_validator(mode="after")
    def _private_unless_allowed(self) -> Settings:
        if self.api_keys_file or self.allow_unauthenticated or is_loopback(self.host):
            return self
        raise ValueError(
            f"host: {self.host} is reachable from other machines and the server asks nobody for a "
            "key; give --api-keys-file, or --allow-unauthenticated to bind it nevertheless"
        )

    @property
    def load_s(self) -> float:
        """Seconds that a process gets to load a model."""
        quick = self.device.startswith("cpu") and self.compile == "off"
        return self.load_timeout_s or (120.0 if quick else 600.0)

    @property
    def stands_by(self) -> bool:
        """Whether the process that has loaded the models shall stand by."""
        by_default = self.device.startswith("cpu") and self.threads == 1 and not self.model_bytes
        return by_default if self.standby is None else self.standby

    @property
    def metrics_are_open(self) -> bool:
        """Whether ``/metrics`` needs no key."""
        return is_loopback(self.host) if self.open_metrics is None else self.open_metrics

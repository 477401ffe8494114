"""The command ``sureflow``: that of the library, ``serve`` and ``keys``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from sureflow.cli import app, examples
from sureflow_server.keys.commands import app as keys
from sureflow_server.logs import configure
from sureflow_server.settings import Settings
from sureflow_server.traces import TracesError, install

app.add_typer(keys, name="keys")


@app.command(
    epilog=examples(
        "sureflow serve",
        "sureflow serve --port 9000 --models-dir my-checkpoints --default-model moons",
        "sureflow serve --models-dir my-checkpoints --plugin moon-flow=my_package.flow:Flow",
        "sureflow serve --host 0.0.0.0 --api-keys-file keys.json --device cuda",
    )
)
def serve(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 for any; default 8000.")] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder of checkpoint folders; default the embedded ones.")
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option("--plugin", help="Network of your own, name=package.module:factory; repeat."),
    ] = None,
    default_model: Annotated[
        str | None, typer.Option(help="Model of requests that name none; default fashion.")
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(help="Network rows of a tick at most; default what is efficient.")
    ] = None,
    admission: Annotated[
        str | None, typer.Option(help="When lanes may start: tick (default) or request.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of the worker; default 1.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Torch device of the worker; default cpu.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="float32 (default), or bfloat16: faster, and rounded.")
    ] = None,
    compile: Annotated[
        str | None, typer.Option(help="off (default), graphs (CUDA only) or compile.")
    ] = None,
    portable: Annotated[
        bool | None,
        typer.Option(
            "--portable", help="The same bits on all x86 machines with AVX2, which is slower."
        ),
    ] = None,
    model_bytes: Annotated[
        int | None, typer.Option(help="Memory for models; others are loaded when asked for.")
    ] = None,
    max_samples_per_request: Annotated[
        int | None, typer.Option(help="Largest n; default 1024.")
    ] = None,
    max_queued_samples: Annotated[
        int | None, typer.Option(help="Samples under way before 429; default 4096.")
    ] = None,
    max_queued_bytes: Annotated[
        int | None, typer.Option(help="Bytes reserved for them; default 1073741824.")
    ] = None,
    max_body_bytes: Annotated[
        int | None, typer.Option(help="Largest request body; default 1048576.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder for rewind handles; default ~/.local/share/sureflow."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="redis:// address of what several servers share."),
    ] = None,
    store_max_bytes: Annotated[
        int | None, typer.Option(help="Bytes of all handles and key frames; default 1073741824.")
    ] = None,
    handle_ttl_s: Annotated[
        float | None, typer.Option(help="Seconds that a handle lives; default 3600.")
    ] = None,
    handle_max_ttl_s: Annotated[
        float | None, typer.Option(help="Most seconds that a request may ask for; default 604800.")
    ] = None,
    job_bytes: Annotated[
        int | None, typer.Option(help="Results of ended jobs; default 268435456.")
    ] = None,
    job_s: Annotated[
        float | None, typer.Option(help="Seconds for which they are kept; default 3600.")
    ] = None,
    worker_timeout_s: Annotated[
        float | None, typer.Option(help="Silence of a worker that hangs; default 30 or more.")
    ] = None,
    load_timeout_s: Annotated[
        float | None, typer.Option(help="Seconds to load a model at most; default 600.")
    ] = None,
    drain_s: Annotated[
        float | None, typer.Option(help="Seconds to finish after SIGTERM; default 30.")
    ] = None,
    api_keys_file: Annotated[
        Path | None, typer.Option(help="API keys, see sureflow keys; default none are asked for.")
    ] = None,
    samples_per_minute: Annotated[
        float | None, typer.Option(help="Rate of keys without their own; default unlimited.")
    ] = None,
    max_samples_in_flight: Annotated[
        int | None, typer.Option(help="Quota of keys without their own; default unlimited.")
    ] = None,
    open_metrics: Annotated[
        bool | None, typer.Option(help="Show /metrics without a key; default on loopback only.")
    ] = None,
    allowed_origins: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", help="Origin of web pages that may call; repeat."),
    ] = None,
    replay_bytes: Annotated[
        int | None, typer.Option(help="Answers kept for idempotency keys; default 67108864.")
    ] = None,
    replay_s: Annotated[
        float | None, typer.Option(help="Seconds for which they are kept; default 3600.")
    ] = None,
    studio: Annotated[
        bool | None, typer.Option(help="The studio at /, if installed; shown by default.")
    ] = None,
    log: Annotated[str | None, typer.Option(help="text (default), or json: a line each.")] = None,
    traces: Annotated[
        bool | None, typer.Option("--traces", help="Send OpenTelemetry traces; see OTEL_*.")
    ] = None,
    allow_unauthenticated: Annotated[
        bool | None,
        typer.Option("--allow-unauthenticated", help="Bind a public address without keys."),
    ] = None,
) -> None:
    """Serve the models of a folder over HTTP.

    Options win over the environment (SUREFLOW_PORT, ...), which wins over the TOML file.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    try:
        settings = Settings(**given)
        if settings.plugins:
            sys.path.insert(0, str(Path.cwd()))  # which the worker inherits
    except (ValidationError, SettingsError, ValueError) as error:
        typer.echo(f"sureflow: {_reason(error)}", err=True)
        raise typer.Exit(1) from None
    configure(settings.log)
    if settings.traces:
        try:
            install()
        except TracesError as error:
            typer.echo(f"sureflow: {error}", err=True)
            raise typer.Exit(1) from None
    # Imported here, so that a worker, which imports this file anew, starts without it.
    from sureflow_server.serve import serve as run

    raise typer.Exit(run(settings))


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {message}" if field else message


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()

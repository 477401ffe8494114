"""The command ``sureflow``: that of the library, ``serve`` and ``keys``."""

from __future__ import annotations

import signal
import sys
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from sureflow.cli import app, examples
from sureflow_server.engine.fork_server import fork_server
from sureflow_server.judges import judges_of
from sureflow_server.keys.commands import app as keys
from sureflow_server.listener import bind, foretell
from sureflow_server.log_line import harmless
from sureflow_server.logs import configure
from sureflow_server.setting_error import complaint
from sureflow_server.settings import Settings
from sureflow_server.traces import TracesError, install

app.add_typer(keys, name="keys")


OPTIONS: dict[str, tuple[Any, str]] = {
    "config": (Path, "TOML file with settings."),
    "host": (str, "Address to bind; default 127.0.0.1."),
    "port": (int, "TCP port; 0 for any; default 8000."),
    "models_dir": (Path, "Folder of checkpoint folders; default the embedded ones."),
    "plugins": (list[str], "Network of your own, name=package.module:factory; repeat."),
    "judges": (list[str], "Judge of your own, name=package.module:function; repeat."),
    "judge_processes": (int, "Samples that are judged at a time; default 1."),
    "judge_timeout_s": (float, "Seconds for each of them; default 60."),
    "standing_judge": (str, "Judge of a random share of what is served, by name."),
    "standing_share": (float, "That share; default 0.01."),
    "default_model": (str, "Model of requests that name none; default fashion."),
    "capacity": (int, "Network rows of a tick at most; default what is efficient."),
    "admission": (str, "When lanes may start: tick (default) or request."),
    "threads": (int, "CPU threads of the worker; default 1."),
    "device": (str, "Torch device of the worker: cpu (default), cuda, or cuda:1 and so on."),
    "precision": (str, "float32 (default), or bfloat16: faster, and rounded."),
    "compile": (str, "off (default), graphs (CUDA only) or compile."),
    "portable": (bool, "The same bits on all x86 machines with AVX2, which is slower."),
    "model_bytes": (int, "Memory for models; others are loaded when asked for."),
    "standby": (bool, "Keep models loaded for the next worker; default on a CPU."),
    "max_samples_per_request": (int, "Largest n; default 1024."),
    "max_queued_samples": (int, "Samples under way before 429; default 4096."),
    "max_queued_bytes": (int, "Bytes reserved for them; default 1073741824."),
    "max_body_bytes": (int, "Largest request body; default 1048576."),
    "bodies_bytes": (int, "Bodies of requests under way, of all; default 67108864."),
    "data_dir": (Path, "Folder for rewind handles; default ~/.local/share/sureflow."),
    "store": (str, "redis:// address of what several servers share."),
    "store_max_bytes": (int, "Bytes of all handles and key frames; default 1073741824."),
    "max_verdicts": (int, "Verdicts of reviewers that are kept; default 100000."),
    "handle_ttl_s": (float, "Seconds that a handle lives; default 3600."),
    "handle_max_ttl_s": (float, "Most seconds that a request may ask for; default 604800."),
    "job_bytes": (int, "Results of ended jobs; default 268435456."),
    "job_s": (float, "Seconds for which they are kept; default 3600."),
    "answer_bytes": (int, "Answers being made or read; default 268435456."),
    "write_timeout_s": (float, "Seconds to take some of an answer; default 30."),
    "reads_per_minute": (float, "Rate of GET and DELETE of an owner; default 6000."),
    "worker_timeout_s": (float, "Silence of a worker that hangs; default 30 or more."),
    "load_timeout_s": (float, "Seconds to load a model at most; default 120."),
    "drain_s": (float, "Seconds to finish after SIGTERM; default 30."),
    "api_keys_file": (Path, "API keys, see sureflow keys; default none are asked for."),
    "samples_per_minute": (float, "Rate of keys without their own; default unlimited."),
    "max_samples_in_flight": (int, "Quota of keys without their own; default unlimited."),
    "open_metrics": (bool, "Show /metrics without a key; default on loopback only."),
    "allowed_origins": (list[str], "Origin of web pages that may call; repeat."),
    "allowed_host": (list[str], "Name of the server besides localhost; repeat."),
    "trusted_proxy": (list[str], "Proxy whose X-Forwarded-... are believed; repeat."),
    "root_path": (str, "Path below which a proxy shows the server, such as /sureflow."),
    "replay_bytes": (int, "Answers kept for idempotency keys; default 67108864."),
    "replay_s": (float, "Seconds for which they are kept; default 3600."),
    "studio": (bool, "The studio at /, if installed; shown by default."),
    "mcp": (bool, "Tools for agents at /mcp, if installed; by default there."),
    "log": (str, "text (default), or json: a line each."),
    "traces": (bool, "Send OpenTelemetry traces; see OTEL_*."),
    "allow_unauthenticated": (bool, "Bind a public address without keys."),
}
"""Settings that are options of the command: type, and what its help says."""

SPELLED = {
    "plugins": "--plugin",
    "judges": "--judge",
    "portable": "--portable",
    "allowed_origins": "--allow-origin",
    "traces": "--traces",
    "allow_unauthenticated": "--allow-unauthenticated",
}
"""Options that are not spelled as their settings, and switches without a ``--no-``."""


def serve(**options: Any) -> None:
    """Serve the models of a folder over HTTP.

    Options win over the environment (SUREFLOW_PORT, ...), which wins over the TOML file.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = Settings(**given)
        if settings.plugins or settings.judges:
            sys.path.insert(0, str(Path.cwd()))  # which workers and judges inherit
        if settings.standing_judge not in {None, *judges_of(settings.judges)}:
            raise ValueError(f"standing_judge: there is no judge {settings.standing_judge!r}")
    except ValidationError as error:
        _refuse(complaint(error, given))
    except ValueError as error:
        _refuse(str(error))
    configure(settings.log)
    if settings.traces:
        try:
            install()
        except TracesError as error:
            _refuse(str(error))
    try:
        listener = bind(settings)
    except OSError as error:
        _refuse(f"cannot bind {settings.host}:{settings.port}: {error.strerror}")
    foretell(settings, listener)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        fork_server(settings.portable, settings.threads)  # which imports while this process does
    except OSError as error:
        _refuse(f"no socket in TMPDIR for the fork server: {error}")
    # Imported here, so that a worker, which imports this file anew, starts without it.
    from sureflow_server.serve import serve as run

    raise typer.Exit(run(settings, listener))


def _refuse(reason: str) -> NoReturn:
    typer.echo(harmless(f"sureflow: {reason}"), err=True)
    raise typer.Exit(1) from None


def _parameter(name: str) -> Parameter:
    """A setting as an option of the command; one that is not given is ``None``."""
    kind, text = OPTIONS[name]
    option = typer.Option(*filter(None, [SPELLED.get(name)]), help=text)
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


serve.__signature__ = Signature([_parameter(name) for name in OPTIONS])  # type: ignore[attr-defined]
app.command(
    epilog=examples(
        "sureflow serve",
        "sureflow serve --port 9000 --models-dir my-checkpoints --default-model moons",
        "sureflow serve --models-dir my-checkpoints --plugin moon-flow=my_package.flow:Flow",
        "sureflow serve --host 0.0.0.0 --api-keys-file keys.json --device cuda",
    )
)(serve)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()

"""How the command starts and ends."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse

from sureflow_server.cli import main
from sureflow_server.store.embedded import EmbeddedStore
from tests.commands import invoke
from tests.server.asking import begin
from tests.server.running import (
    PATIENCE_S,
    Server,
    children,
    command,
    eventually,
    loaders,
    serving,
    workers,
)

LONG: dict[str, Any] = {"n": 4, "seed": 5, "sampler": {"method": "rk4", "steps": 500}}


def truncated(models_dir: Path, tmp_path: Path) -> Path:
    """Copy the models and cut the weights of ``icons`` short."""
    root = tmp_path / "models"
    shutil.copytree(models_dir, root)
    weights = root / "icons" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5])
    return root


def refusal(*options: str) -> str:
    """Run the command, which must end with code 1 and one line, but for what it logs."""
    process = command(*options)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, output
    line = unlogged(output)
    assert line.startswith("sureflow: ")
    assert line.count("\n") == 1
    return line.rstrip()


def unlogged(output: str) -> str:
    """What a command says, but for what it logs."""
    return "".join(line for line in output.splitlines(True) if " INFO " not in line)


def test_one_line_says_where_and_what(server: Server) -> None:
    said = next(line for line in server.log if " INFO " not in line)
    assert said == f"sureflow: serving icons, points at {server.url}\n"
    said_next = server.log[server.log.index(said) + 1]
    assert said_next.startswith("sureflow: ")
    assert said_next.endswith(f"the API is described at {server.url}/docs\n")
    (loads,) = [line for line in server.log if "loading" in line]
    assert "icons, points of" in loads
    assert server.log.index(loads) < server.log.index(said)
    assert server.url.startswith("http://127.0.0.1:")


def test_what_is_loaded_and_where_to_look_is_said_before_torch_is_imported(
    models_dir: Path, tmp_path: Path
) -> None:
    """It was silent for twenty seconds, most of which torch and the models take."""
    fake = "print('torch is imported', flush=True)\nraise ImportError('there is none')\n"
    (tmp_path / "torch.py").write_text(fake)
    process = command("--models-dir", str(models_dir), plugins=tmp_path)
    assert process.stdout is not None
    try:
        first, second = next(process.stdout), next(process.stdout)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    assert f"loading icons, points of {models_dir}" in first
    assert re.search(r"look at http://127\.0\.0\.1:[1-9]\d*/docs$", first.rstrip())
    assert second == "torch is imported\n"


@pytest.fixture(scope="module")
def partly(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on portable kernels and two models, one of them broken; it has a second to end."""
    models = ("--models-dir", str(truncated(models_dir, tmp_path_factory.mktemp("partly"))))
    options = ("--default-model", "points", "--drain-s", "1", "--portable")
    with serving(*models, *options) as server:
        yield server


def test_a_broken_folder_is_listed_and_the_others_are_served(partly: Server) -> None:
    server = partly
    assert server.client.get("/health/ready").status_code == 200
    record = server.client.get("/v1/models/icons").json()
    assert record["state"] == "failed"
    assert "model.safetensors" in record["error"]
    response = server.client.post("/v1/generate", json={"model": "icons"})
    assert response.status_code == 503
    assert response.json()["type"] == "urn:sureflow:problem:model-failed"
    assert response.json()["errors"][0]["field"] == "model"
    assert server.generate()["samples"]
    eventually(lambda: any("icons could not be loaded" in line for line in server.log))


def test_kernels_are_those_that_were_asked_for_whatever_dies(partly: Server) -> None:
    assert portable(partly)
    server = partly.process.pid
    for pid in (*children(server), *loaders(server), partly.worker_pid):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: partly.metric("sureflow_worker_restarts_total") == 1)
    assert partly.generate()["samples"]
    assert portable(partly)


def portable(server: Server) -> bool:
    numerics = server.client.get("/v1/models/points").json()["numerics"]
    return bool(numerics["portable"]) and numerics["mode"] in ("COMPATIBLE", "")


def test_a_broken_default_model_ends_the_command(models_dir: Path, tmp_path: Path) -> None:
    root = truncated(models_dir, tmp_path)
    line = refusal("--models-dir", str(root), "--default-model", "icons")
    assert str(root / "icons" / "model.safetensors") in line


def test_an_unknown_default_model_ends_the_command(models_dir: Path) -> None:
    line = refusal("--models-dir", str(models_dir), "--default-model", "fshion")
    assert "fshion" in line
    assert str(models_dir) in line


def test_a_folder_without_models_ends_the_command(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal("--models-dir", str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--host", "0.0.0.0"), "--allow-unauthenticated"),
        (("--port", "70000"), "port: "),
        (("--capacity", "0"), "capacity: "),
        (("--config", "absent.toml"), "no such file: absent.toml"),
    ],
)
def test_wrong_settings_end_the_command(options: tuple[str, ...], message: str) -> None:
    done = invoke(main, "serve", *options)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("sureflow: ")
    assert message in line


def test_an_address_of_another_machine_ends_the_command() -> None:
    options = ("--host", "203.0.113.9", "--allow-unauthenticated")
    assert "cannot bind 203.0.113.9" in refusal(*options)


def test_keys_that_cannot_be_read_end_the_command(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"version": 1, "keys": [{"id": "x"}]}')
    line = refusal("--host", "0.0.0.0", "--api-keys-file", str(file))
    assert line.startswith(f"sureflow: api_keys_file: {file}: keys.0.id: ")


def test_without_a_place_for_sockets_the_command_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a" * 100)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    assert "TMPDIR" in refusal()


def test_a_port_in_use_ends_the_command(server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]
    assert f"cannot bind 127.0.0.1:{port}" in refusal("--port", port)


def ends_at_once(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send the signal to a server that has nothing to do."""
    (worker,) = workers(process.pid)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert not Path(f"/proc/{worker}").exists()


def test_sigterm_lets_requests_and_jobs_finish_and_keep_their_handles(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    """A service manager sends the signal to all processes at once."""
    drain = ("--drain-s", str(PATIENCE_S))
    server = start("--default-model", "points", *drain, "--data-dir", str(tmp_path))
    (worker,), others = workers(server.process.pid), children(server.process.pid)
    body = {**LONG, "n": 3}
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(server.generate, **LONG)
        with connect_sse(server.client, "POST", "/v1/generate", json=body) as source:
            events = source.iter_sse()
            assert next(events).event == "queued"
            begin(server, **body, rewind={"keep": "commit"})
            eventually(lambda: server.metric("sureflow_num_samples_running") == 10)
            for pid in (worker, *others, server.process.pid):
                os.kill(pid, signal.SIGTERM)
            last = [event.event for event in events][-1]
        assert last == "completed"
        assert len(answer.result()["samples"]) == 4
    assert server.process.wait(PATIENCE_S) == 0
    with pytest.raises(httpx.ConnectError):
        server.client.get("/health/live")
    assert asyncio.run(handles(tmp_path / "handles")) == 3


async def handles(folder: Path) -> int:
    """How many handles a server has left behind."""
    store = await EmbeddedStore.open(folder, 1 << 20)
    try:
        return (await store.usage()).handles
    finally:
        await store.close()


def test_a_drain_has_an_end(partly: Server) -> None:
    """What cannot finish in time is cut off with a problem, not with silence.

    Ctrl-C ends a server like any other signal.
    """
    server, worker = partly, partly.worker_pid
    endless = {**LONG, "n": 200}
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(server.client.post, "/v1/generate", json=endless)
        with connect_sse(server.client, "POST", "/v1/generate", json=endless) as source:
            events = source.iter_sse()
            assert next(events).event == "queued"
            eventually(lambda: server.metric("sureflow_num_samples_running") > 0)
            server.process.send_signal(signal.SIGINT)
            last = list(events)[-1]
        response = answer.result()
    assert server.process.wait(PATIENCE_S) == 0
    assert not Path(f"/proc/{worker}").exists()
    assert response.status_code == 503
    assert response.json()["type"] == "urn:sureflow:problem:draining"
    assert last.event == "error"
    assert last.json()["type"] == "urn:sureflow:problem:draining"


def test_a_signal_while_loading_ends_the_command(models_dir: Path) -> None:
    process = command("--models-dir", str(models_dir))
    eventually(lambda: len(loaders(process.pid)) == 1)
    process.terminate()
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, unlogged(output)) == (0, "")


def test_ctrl_c_while_torch_is_imported_ends_the_command_without_a_word(models_dir: Path) -> None:
    """The terminal sends it to all processes."""
    process = command("--models-dir", str(models_dir))

    def imports() -> bool:
        return any(ignores(child, signal.SIGINT) for child in children(process.pid))

    eventually(imports)
    for pid in (*children(process.pid), process.pid):
        os.kill(pid, signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, unlogged(output)) == (0, "")


def ignores(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    return bool(ignored & 1 << number - 1) and b"forkserver" in cmdline(pid)


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_worker_that_dies_while_loading_ends_the_command(models_dir: Path) -> None:
    process = command("--models-dir", str(models_dir))
    eventually(lambda: len(loaders(process.pid)) == 1)
    os.kill(loaders(process.pid)[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert (
        unlogged(output)
        == "sureflow: the worker process ended with code -9 while loading its code\n"
    )


def test_a_fork_server_that_dies_while_it_imports_ends_the_command(models_dir: Path) -> None:
    process = command("--models-dir", str(models_dir))

    def ended() -> bool:
        for child in children(process.pid):
            with suppress(FileNotFoundError, ProcessLookupError):
                if b"forkserver" in cmdline(child):
                    os.kill(child, signal.SIGKILL)  # before there is a worker, another one starts
        return process.poll() is not None

    eventually(ended)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert unlogged(output) == "sureflow: the worker process did not start while loading its code\n"


def test_it_is_live_before_it_is_ready_and_idle_ends_at_once_with_its_worker(
    models_dir: Path,
) -> None:
    """Live at once, ready later, and meanwhile 503 with the time to come back."""
    with httpx.Client() as client:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        process = command("--models-dir", str(models_dir), "--port", str(port))
        try:
            url = f"http://127.0.0.1:{port}"

            def live() -> bool:
                try:
                    return client.get(f"{url}/health/live").status_code == 200
                except httpx.ConnectError:
                    return False

            eventually(live)
            for path in ("/health/ready", "/v1/models"):
                response = client.get(url + path)
                assert response.status_code == 503
                assert response.json()["type"] == "urn:sureflow:problem:not-ready"
                assert int(response.headers["retry-after"]) >= 1
            response = client.post(f"{url}/v1/generate", json={})
            assert response.status_code == 503
            eventually(lambda: client.get(f"{url}/health/ready").status_code == 200)
            ends_at_once(process, signal.SIGTERM)
        finally:
            process.kill()
            process.communicate()


def test_time_is_not_spent_waiting(server: Server) -> None:
    """Refusing costs far less than the smallest piece of real work."""
    begun = time.monotonic()
    server.generate(sampler={"method": "rk4", "steps": 200})
    work = time.monotonic() - begun
    begun = time.monotonic()
    server.client.post("/v1/generate", json={"n": 0})
    assert time.monotonic() - begun < work

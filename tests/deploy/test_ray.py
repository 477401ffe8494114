"""The server on a cluster of Ray: two nodes on this machine, and one that dies under load."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
import yaml
from httpx_sse import connect_sse

from sureflow_client import Client, Retry
from sureflow_server.ray_serve.hosted import REPLICA
from sureflow_server.ray_serve.scaling import SamplesPerReplica
from sureflow_server.settings import Settings
from tests.deploy.sources import DEPLOY, ROOT, documents
from tests.server.asking import place
from tests.server.running import PATIENCE_S
from tests.server.store.places import redis_server
from tests.server.store.redis_server import RedisServer

FILES = ("serve.yaml", "serve.gpu.yaml")
HOW = "there is no Ray; install the extra: pip install -c constraints.txt -e '.[ray]'"
LAST_WORDS_S = 5
SMALL: dict[str, Any] = {"n": 3, "seed": 4, "sampler": {"steps": 5}}
LONG: dict[str, Any] = {"n": 4, "sampler": {"method": "rk4", "steps": 100}}


def config(name: str) -> dict[str, Any]:
    return documents(DEPLOY / "ray" / name)[0]


def deployment(name: str) -> dict[str, Any]:
    (application,) = config(name)["applications"]
    (found,) = application["deployments"]
    return dict(found)


@pytest.mark.parametrize("name", FILES)
def test_settings_are_settings_and_there_is_time_to_drain(name: str) -> None:
    (application,) = config(name)["applications"]
    settings = Settings(**application["args"])
    assert settings.drain_s == Settings().drain_s
    assert deployment(name)["graceful_shutdown_timeout_s"] > settings.drain_s + LAST_WORDS_S
    assert settings.device == ("cuda" if deployment(name)["ray_actor_options"].get("num_gpus")
                               else "cpu")  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_what_is_imported_is_there(name: str) -> None:
    (application,) = config(name)["applications"]
    module, _, function = application["import_path"].partition(":")
    spec = find_spec(module)
    assert spec is not None
    assert f"def {function}(" in Path(str(spec.origin)).read_text()
    policy = deployment(name)["autoscaling_config"]["policy"]
    module, _, kind = policy["policy_function"].partition(":")
    assert getattr(import_module(module), kind)(**policy["policy_kwargs"])


class Context:
    """What the autoscaler tells a policy, as far as ours looks."""

    def __init__(self, *samples: float) -> None:
        self.aggregated_metrics = {"samples": dict(enumerate(samples))} if samples else {}


@pytest.mark.parametrize(
    ("samples", "replicas"), [((), 0), ((0, 0), 0), ((1,), 1), ((16, 16), 2), ((30, 3), 3)]
)
def test_replicas_go_by_the_samples_that_they_owe(
    samples: tuple[float, ...], replicas: int
) -> None:
    assert SamplesPerReplica(16)(Context(*samples)) == (replicas, {})


def test_a_target_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="target"):
        SamplesPerReplica(0)


class Ray:
    """A cluster of two nodes with one core each, and the application on it."""

    def __init__(self, nodes: subprocess.Popen[str], url: str, output: Path) -> None:
        self.nodes = nodes
        self.url = url
        self.output = output
        self.client = httpx.Client(base_url=url, timeout=PATIENCE_S)

    def kill_node(self) -> None:
        assert self.nodes.stdin is not None
        assert self.nodes.stdout is not None
        self.nodes.stdin.write("kill\n")
        self.nodes.stdin.flush()
        assert "killed" in self.nodes.stdout.readline()

    def replicas(self) -> set[str]:
        """Names of those that answer, as far as some requests find them."""
        answers = (self.client.get("/health/ready") for _ in range(12))
        return {answer.headers[REPLICA] for answer in answers if REPLICA in answer.headers}

    def at(self, replica: str, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send a request until this replica answers it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            answer = send()
            if answer.headers.get(REPLICA) == replica:
                return answer
        pytest.fail(f"{replica} never answered")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def ray(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ray]:
    if find_spec("ray") is None:
        pytest.fail(HOW)
    folder = tmp_path_factory.mktemp("ray")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    chosen = config("serve.yaml")
    chosen["proxy_location"] = "HeadOnly"  # the nodes have one address
    chosen["http_options"] = {"host": "127.0.0.1", "port": port}
    (application,) = chosen["applications"]
    models = folder / "models"
    shutil.copytree(ROOT / "models" / "checkpoints" / "ring", models / "ring")
    application["args"] |= {"allow_unauthenticated": True, "models_dir": str(models)}
    (one,) = application["deployments"]
    one["ray_actor_options"]["num_cpus"] = 1  # so that a node has room for one replica
    one["autoscaling_config"] |= {"min_replicas": 1, "max_replicas": 2, "metrics_interval_s": 0.5,
        "look_back_period_s": 2, "upscale_delay_s": 1, "downscale_delay_s": 4}  # fmt: skip
    one["autoscaling_config"]["policy"]["policy_kwargs"] = {"target": 8}
    file = folder / "serve.yaml"
    file.write_text(yaml.safe_dump(chosen))
    # The path of a socket may have a hundred characters at most.
    short = tempfile.mkdtemp(prefix="sf-ray-")
    environment = {name: v for name, v in os.environ.items() if not name.startswith("SUREFLOW_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "models", ROOT / "server"))),
        "SUREFLOW_STORE": redis.url,
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING": "0",
        "RAY_worker_niceness": "0",  # not 15, behind all else on a busy machine
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
    }
    output = folder / "output"
    with output.open("w") as log, contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, short, ignore_errors=True)
        nodes = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ray_nodes.py")), short],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            start_new_session=True,
        )  # fmt: skip
        stack.callback(end, nodes, short)
        assert nodes.stdout is not None
        lines = (line.strip() for line in nodes.stdout)
        address = next((line for line in lines if re.fullmatch(r"[\w.]+:\d+", line)), None)
        assert address, output.read_text()
        command = [
            sys.executable,
            "-m",
            "ray.serve.scripts",
            "run",
            "--address",
            address,
            str(file),
        ]
        serving = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        stack.callback(serving.wait)
        stack.callback(serving.kill)
        found = Ray(nodes, f"http://127.0.0.1:{port}", output)
        stack.callback(found.client.close)
        patiently(lambda: ready(found), output)
        yield found


def end(nodes: subprocess.Popen[str], folder: str) -> None:
    """End the nodes, and whatever they have left behind."""
    assert nodes.stdin is not None
    nodes.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        nodes.wait(60)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(nodes.pid, signal.SIGKILL)
    nodes.wait()
    assert nodes.stdout is not None
    nodes.stdout.close()


def ready(ray: Ray) -> bool:
    try:
        return ray.client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def patiently(condition: Callable[[], bool], output: Path) -> None:
    deadline = time.monotonic() + 3 * PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, output.read_text()[-8000:]
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_configuration_is_one_of_ray(name: str) -> None:
    if find_spec("ray") is None:
        pytest.fail(HOW)
    code = (
        "import sys, yaml; from ray.serve.schema import ServeDeploySchema; "
        "ServeDeploySchema.model_validate(yaml.safe_load(open(sys.argv[1])))"
    )
    path = {**os.environ, "PYTHONPATH": f"{ROOT / 'models'}:{ROOT / 'server'}"}
    subprocess.run([sys.executable, "-c", code, str(DEPLOY / "ray" / name)], check=True, env=path)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_load_brings_a_second_replica_and_jobs_count_as_load(ray: Ray) -> None:
    assert len(ray.replicas()) == 1
    jobs = [
        place(
            ray.client.post(
                "/v1/generate",
                json={"n": 20, "seed": seed, "sampler": {"method": "rk4", "steps": 900}},
                headers={"Prefer": "respond-async"},
            )
        )
        for seed in range(8)
    ]
    patiently(lambda: len(ray.replicas()) == 2, ray.output)
    one, two = sorted(ray.replicas())
    for job in jobs:
        for replica in (one, two):
            answer = ray.at(replica, lambda job=job: ray.client.get(job))  # type: ignore[misc]
            assert answer.status_code == 200
        assert ray.client.delete(job).status_code == 204
        assert ray.client.get(job).json()["state"] == "cancelled"


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_what_one_replica_made_another_edits_to_the_same_bytes(ray: Ray) -> None:
    with two_replicas(ray) as (one, two):
        made = ray.at(one, lambda: ray.client.post("/v1/generate", json={**SMALL, "rewind": {}}))
        for sample in made.json()["samples"]:
            edit = {"handle": sample["handle"]["id"]}
            edited = ray.at(two, lambda edit=edit: ray.client.post("/v1/edit", json=edit))  # type: ignore[misc]
            assert edited.json()["samples"][0]["data"] == sample["data"]
        again = ray.at(two, lambda: ray.client.post("/v1/generate", json=SMALL)).json()
        assert [s["data"] for s in again["samples"]] == [s["data"] for s in made.json()["samples"]]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_streams_come_through_the_proxy_and_leaving_frees_the_lanes(ray: Ray) -> None:
    body = {**LONG, "seed": 3}
    with connect_sse(ray.client, "POST", "/v1/generate", json=body) as source:
        events = list(source.iter_sse())
    names = [event.event for event in events if event.event != "step"]
    assert names == ["queued", "started", *["sample"] * 4, "completed"]
    assert len(events) > len(names), "steps as they are made"
    endless = {"n": 500, "seed": 1, "sampler": {"method": "rk4", "steps": 900}}
    with connect_sse(ray.client, "POST", "/v1/generate", json=endless) as source:
        assert next(source.iter_sse()).event == "queued"
    with contextlib.suppress(httpx.ReadTimeout):
        httpx.post(f"{ray.url}/v1/generate", json=endless, timeout=1)

    def idle() -> bool:
        pages = [ray.client.get("/metrics").text for _ in range(6)]
        running = [re.findall(r"^sureflow_num_samples_(?:running|waiting){.*} (\S+)$", page, re.M)
                   for page in pages]  # fmt: skip
        return all(float(value) == 0 for page in running for value in page)

    patiently(idle, ray.output)


@contextlib.contextmanager
def two_replicas(ray: Ray) -> Iterator[tuple[str, str]]:
    """Keep the autoscaler from taking one away by a job that lasts."""
    jobs = [
        place(
            ray.client.post(
                "/v1/generate",
                json={"n": 40, "seed": seed, "priority": -10, "sampler": {"steps": 1000}},
                headers={"Prefer": "respond-async"},
            )
        )
        for seed in range(6)
    ]
    patiently(lambda: len(ray.replicas()) == 2, ray.output)
    one, two = sorted(ray.replicas())
    try:
        yield one, two
    finally:
        for job in jobs:
            ray.client.delete(job)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_node_that_dies_under_load_costs_no_request(ray: Ray) -> None:
    """No request of a client that tries again is lost, and every sample is what it would be."""
    seeds = range(6)
    with Client(ray.url, retry=Retry(attempts=8, backoff=0.5)) as client:
        expected = [client.generate("ring", seed=seed, **body(seed)).array() for seed in seeds]
    over, made = Event(), list[int]()

    def ask(number: int) -> None:
        with Client(ray.url, timeout=PATIENCE_S, retry=Retry(attempts=8, backoff=0.5)) as client:
            for turn in count(number):
                if over.is_set():
                    return
                seed = turn % len(seeds)
                result = client.generate("ring", seed=seed, **body(seed))
                assert (result.array() == expected[seed]).all()
                made.append(seed)

    with two_replicas(ray), ThreadPoolExecutor() as threads:
        asking = [threads.submit(ask, number) for number in range(4)]
        patiently(lambda: len(made) > 20, ray.output)
        ray.kill_node()
        killed_at = len(made)
        patiently(lambda: len(made) > killed_at + 40, ray.output)
        over.set()
        for each in asking:
            each.result()
    print(f"{len(made)} requests, {killed_at} of them before a node of two died; none lost")
    assert len(ray.replicas()) == 1


def body(seed: int) -> dict[str, Any]:
    return {"n": 1 + seed % 3, "steps": 20 + 10 * seed, "method": "heun"}

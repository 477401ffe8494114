"""What a sample costs beside the network: API process, wire, store."""

from __future__ import annotations

import json
import pickle
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.throughput import served
from sureflow.checkpoint import load
from sureflow.core.frame import Frame
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow.folders import embedded_folder
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow_server.api.answer import record
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Result
from sureflow_server.engine.messages import Finished, Report

ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Account:
    """Of one sample of a model, Heun with 20 steps, as an image in JSON.

    Attributes:
        rows: Network rows.
        request_s: Seconds of CPU that the API process of a real server spends on a request for one.
        api_s: Seconds that it spends on each further one: from the worker's pipe to JSON.
        answer_bytes: On the wire, as JSON with a PNG.
        recipe_bytes: What a handle cannot do without: what was asked for, and the accepted times.
        frame_bytes: A key frame that holds the state alone.
    """

    rows: int
    request_s: float
    api_s: float
    answer_bytes: int
    recipe_bytes: int
    frame_bytes: int


def measure(name: str, quick: bool = False) -> Account:
    """Measure it with samples of the model."""
    model = load(name)
    classes = len(model.card.classes)
    labels = [n % classes if classes else None for n in range(4 if quick else 16)]
    specs = [FlowSpec(1, n, label=label) for n, label in enumerate(labels)]
    samples = run(model, specs, 4)
    plan = _plan(model, specs)
    report = pickle.dumps(_report(samples))

    def answer() -> bytes:
        received: Report = pickle.loads(report)
        records = [record(Result(each.sample, None), plan) for each in received.finished]
        return json.dumps(records, separators=(",", ":")).encode()

    sample = samples[0]
    recipe = {"spec": asdict(sample.spec), "t": sample.t.tolist(), "model": model.card.version}
    frame = Frame(sample.commit.step, sample.commit.t, {"x": sample.data})
    return Account(
        rows=sample.evaluations,
        request_s=_request_s(name, 20 if quick else 300),
        api_s=_seconds(answer) / len(samples),
        answer_bytes=len(answer()) // len(samples),
        recipe_bytes=len(json.dumps(recipe)),
        frame_bytes=len(frame.dump()),
    )


def _plan(model: Model, specs: list[FlowSpec]) -> Plan:
    return Plan(
        kind="generate",
        card=model.card,
        seed=1,
        lanes=tuple(specs),
        filter=None,
        form="png" if model.card.media == "image" else "list",
        profile=False,
        map=False,
        deadline_s=None,
        priority=0,
    )


def _report(samples: list[Sample]) -> Report:
    finished = [Finished(1, n, sample, 0.0, 1.0) for n, sample in enumerate(samples)]
    return Report(finished=finished)


def _request_s(name: str, requests: int) -> float:
    """CPU seconds of the API process per request, by its own account in ``/metrics``."""
    with (
        TemporaryDirectory() as folder,
        served(name, 8, _alone(name, Path(folder))) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):

        def ask(count: int) -> float:
            for seed in range(count):
                body = {"model": name, "seed": seed, "sampler": {"steps": 1}}
                client.post("/v1/generate", json=body).raise_for_status()
            page = client.get("/metrics").text
            return float(re.findall(r"^process_cpu_seconds_total (\S+)$", page, re.MULTILINE)[0])

        before = ask(requests // 10)
        return (ask(requests) - before) / requests


def _alone(name: str, folder: Path) -> Path:
    """A folder with this checkpoint and no other, so that a server starts sooner."""
    (folder / name).symlink_to(embedded_folder() / name)
    return folder


def _seconds(work: Callable[[], object]) -> float:
    """Median, of the time that this thread was running."""
    seen = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        work()
        seen.append(time.thread_time() - begun)
    return statistics.median(seen)

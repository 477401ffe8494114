"""Calibrating while a server serves: does it get in the way, and is confidence a share afterwards?

A server on copies of the checkpoints is asked for small requests at random times, in windows with
and without a calibration in the background, which take turns so that what else the machine does
falls on both; what is printed is the ratio of their latencies. Then settings are calibrated through
the API, and fresh samples are drawn at each of them and at settings in between.

``python -m benchmarks.calibrating --model ring --at heun:15 --at rk4:7 --between heun:12``

The model ``ring-classes`` is ``ring-exact`` with its eight modes shared out among four classes.
Where a sample costs next to nothing, there can be so many that chance hides no error of a class.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np

from benchmarks.report import Report, options
from benchmarks.serving.load import Call, play
from benchmarks.throughput import served
from sureflow.checkpoint import CALIBRATION, load, read_config, save
from sureflow.confidence.quantile_map import distance
from sureflow.core.arrays import Floats
from sureflow.core.setting import Setting
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.setting import parse
from sureflow.folders import embedded_folder
from sureflow.networks.registry import build

PATIENCE_S = 60.0
ENDED = ("completed", "failed", "cancelled")
EACH = 512
"""Samples of a request of those that confidence is measured on."""

WITH_CLASSES = "ring-classes"

LONG: dict[str, Any] = {"sampler": {"method": "rk4", "steps": 60}, "draws": 20_000}
"""A calibration that outlasts every window."""


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", default="ring")
    parser.add_argument("--at", action="append", default=[], help="calibrate it; METHOD:STEPS")
    parser.add_argument("--between", action="append", default=[], help="measure it as well")
    parser.add_argument("--draws", type=int, help="of a calibration; by default the server's")
    parser.add_argument("--samples", type=int, default=4000, help="to measure confidence on")
    parser.add_argument("--rate", type=float, default=4.0, help="requests a second")
    parser.add_argument("--windows", type=int, default=20, help="with, and as many without")
    parser.add_argument("--window-s", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=20, help="of a request's Heun solver")
    chosen = parser.parse_args()
    report = Report("calibrating")
    with tempfile.TemporaryDirectory() as folder:
        if chosen.model == WITH_CLASSES:
            _make_with_classes(Path(folder) / WITH_CLASSES)
        else:
            shutil.copytree(embedded_folder() / chosen.model, Path(folder) / chosen.model)
        with (
            served(chosen.model, folder=Path(folder)) as url,
            httpx.Client(base_url=url, timeout=600) as client,
        ):
            if chosen.windows:
                asyncio.run(_in_the_way(report, url, chosen))
            card = client.get(f"/v1/models/{chosen.model}").json()
            for text in chosen.at:
                _calibrate(report, client, chosen.model, text, chosen.draws)
            for text in (*chosen.at, *chosen.between):
                _measure(report, client, card, text, chosen.samples)
    report.write(chosen.json)


def _make_with_classes(folder: Path) -> None:
    """Write ``ring-exact`` with four classes of two modes each, and tables of reference draws."""
    config = read_config(embedded_folder() / "ring-exact")
    network = {**config.network, "labels": [0, 0, 1, 1, 2, 2, 3, 3]}
    changed = {"name": WITH_CLASSES, "classes": ("a", "b", "c", "d"), "network": network}
    save(folder, config.model_copy(update=changed), build(network))
    tables = calibrate(load(folder), 8000, [1.0], 1, score="likelihood", quiet=True)
    tables.save(folder / CALIBRATION)


async def _in_the_way(report: Report, url: str, chosen: Any) -> None:
    """Latencies of small requests with a calibration in the background, and without."""
    chance = random.Random(0)
    found: dict[bool, list[float]] = {False: [], True: []}
    async with httpx.AsyncClient(base_url=url, timeout=600) as client:
        card = (await client.get(f"/v1/models/{chosen.model}")).json()
        await client.post("/v1/generate", json={"n": 1})
        for number in range(2 * chosen.windows):
            busy = number % 2 == 1
            job = ""
            if busy:
                begun = await client.post(f"/v1/models/{chosen.model}/calibrate", json=LONG)
                job = urljoin(begun.url.path, begun.headers["location"])
                while (await client.get(job)).json()["state"] == "queued":
                    await asyncio.sleep(0.05)
            found[busy] += await _window(client, chosen, chance, len(card["classes"]))
            if job:
                assert (await client.get(job)).json()["state"] == "running"
                await client.delete(job)
    for share in (50, 99):
        without, beside = (1000 * float(np.percentile(found[b], share)) for b in (False, True))
        report.add(f"p{share} without a calibration", without, "ms")
        report.add(f"p{share} beside one", beside, "ms")
        report.add(f"p{share}: ratio", beside / without)
    report.add("requests, each", min(map(len, found.values())))


async def _window(
    client: httpx.AsyncClient, chosen: Any, chance: random.Random, classes: int
) -> list[float]:
    """Latencies of requests at random times."""
    calls, at = [], chance.expovariate(chosen.rate)
    while at < chosen.window_s:
        body: dict[str, Any] = {"n": 2, "seed": chance.randrange(2**31)}
        body |= {"sampler": {"method": "heun", "steps": chosen.steps}}
        if classes:
            body["condition"] = {"label": chance.randrange(classes)}
        calls.append(Call(at, body))
        at += chance.expovariate(chosen.rate)
    replies = await play(client, "/v1/generate", calls, PATIENCE_S)
    return [reply.latency for reply in replies]


def _calibrate(
    report: Report, client: httpx.Client, model: str, text: str, draws: int | None
) -> None:
    record = parse(text).record()
    sampler = {name: record[name] for name in ("method", "steps", "tolerance") if record[name]}
    body = {"sampler": sampler, "guidance": {"scale": record["guidance"]}}
    begun = client.post(
        f"/v1/models/{model}/calibrate", json=body | ({} if draws is None else {"draws": draws})
    )
    begun.raise_for_status()
    started = time.monotonic()
    where = urljoin(begun.url.path, begun.headers["location"])
    while (job := client.get(where).json())["state"] not in ENDED:
        time.sleep(1)
    assert job["state"] == "completed", job["error"]
    title = f"{model}, {text}: calibrated"
    report.add(f"{title}, scores", len(job["result"]["calibrated"]))
    report.add(f"{title}, samples drawn", job["progress"]["n"])
    report.add(f"{title} in", time.monotonic() - started, "s")


def _measure(
    report: Report, client: httpx.Client, card: dict[str, Any], text: str, count: int
) -> None:
    """Distances from uniform of fresh confidences, of all classes together and of the worst."""
    setting: Setting = parse(text)
    labels: list[int | None] = [*range(len(card["classes"]))] or [None]
    said, calibrated = {}, True
    for label in labels:
        found: list[float] = []
        while len(found) < count // len(labels):
            n = min(EACH, count // len(labels) - len(found))
            answer = _drawn(client, card["name"], setting, label, n, 1_000 + len(found))
            found += [sample["confidence"] for sample in answer["samples"]]
            calibrated &= all(sample["confidence_holds"] for sample in answer["samples"])
        said[label] = np.array(found)
    whole: Floats = np.concatenate([*said.values()])
    title = f"{card['name']}, {text}"
    report.add(f"{title}: said to be calibrated", int(calibrated))
    report.add(f"{title}: distance", distance(whole))
    report.add(f"{title}: by chance up to", 1.36 / len(whole) ** 0.5)
    for at in (0.1, 0.9):
        report.add(f"{title}: share that passes {at:g}", float((whole >= at).mean()))
    if len(said) > 1:
        apart = [distance(each) for each in said.values()]
        report.add(f"{title}: distance of the worst class", max(apart))
        report.add(f"{title}: distance of the median class", float(np.median(apart)))
        report.add(f"{title}: by chance up to, a class", 1.36 / (count // len(labels)) ** 0.5)


def _drawn(
    client: httpx.Client, model: str, setting: Setting, label: int | None, n: int, seed: int
) -> Any:
    record = setting.record()
    sampler = {name: record[name] for name in ("method", "steps", "tolerance") if record[name]}
    body: dict[str, Any] = {"model": model, "n": n, "seed": seed, "sampler": sampler}
    body |= {"output": {"format": "npy"}, "guidance": {"scale": record["guidance"]}}
    if label is not None:
        body["condition"] = {"label": label}
    answer = client.post("/v1/generate", json=body)
    answer.raise_for_status()
    return answer.json()


if __name__ == "__main__":
    main()

"""Mixed load: does a sample of one family depend on those of others on the same server?

Clients ask one server for clothes, molecules and cells at once, some of them edited, with random
seeds, samplers, conditions and numbers of samples. Then another server, which has nothing else to
do, makes every sample again by itself. Handles of the first one are gone on with before and after
it was started anew. Every answer is compared in all its bytes.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from typing import Any

import httpx
from tqdm import tqdm

from benchmarks.report import Report, options
from benchmarks.throughput import served
from sureflow.checkpoint import load

SHARES = {"molecules": 0.45, "cells": 0.45, "fashion": 0.1}
"""Of the samples, by model."""

MOST, TOGETHER, HANDLES = 16, 6, 4
"""Most samples of a request, requests at a time, and handles by model that are gone on with."""

COMPARED = ("data", "scores", "confidence", "commit", "evaluations")
"""What is compared of a sample."""


def main() -> None:
    """Run it; exits with an error if an answer differs."""
    parser = options(__doc__)
    parser.add_argument("--samples", type=int, help="samples to compare, default 5,000")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    total = arguments.samples or (60 if arguments.quick else 5_000)
    asked = requests_for(total, random.Random(arguments.seed))
    report = Report("mixed")
    with tempfile.TemporaryDirectory() as kept:
        options_of = ("--data-dir", kept)
        with served("fashion", 24, more=options_of) as url:
            made = asyncio.run(all_made(url, asked))
            handles = kept_handles(url)
            before = gone_on(url, handles)
        with served("fashion", 24, more=options_of) as url:
            after = gone_on(url, handles)
    differing = dict.fromkeys(SHARES, 0)
    with served("fashion", 24) as url, httpx.Client(base_url=url, timeout=600) as client:
        for body, samples in zip(asked, tqdm(made, unit="request"), strict=True):
            for sample in samples:
                alone = {**body, "n": 1, "first": sample["index"]}
                (other,) = ask(client, "/v1/generate", alone)
                differing[body["model"]] += any(sample[key] != other[key] for key in COMPARED)
    for name in SHARES:
        count = sum(body["n"] for body in asked if body["model"] == name)
        report.add(f"{name}: samples amid the others", count)
        report.add(f"{name}: differ from themselves alone", differing[name])
    parts = zip(handles, before, after, strict=True)
    wrong = sum(not data == one == other for (_, data), one, other in parts)
    report.add("handles gone on with, three families", len(before))
    report.add("they differ from their parents, or after a restart", wrong)
    report.write(arguments.json)
    if wrong or any(differing.values()):
        raise SystemExit("an answer depends on company")


def requests_for(total: int, chance: random.Random) -> list[dict[str, Any]]:
    """Random requests for so many samples."""
    classes = {name: load(name).card.classes for name in SHARES}
    found = []
    for name, share in SHARES.items():
        left = round(total * share)
        while left:
            n = min(left, chance.randint(1, MOST))
            left -= n
            found.append({**body_of(name, classes[name], chance), "n": n})
    chance.shuffle(found)
    return found


def body_of(name: str, classes: tuple[str, ...], chance: random.Random) -> dict[str, Any]:
    """A random request but for the number of samples."""
    body: dict[str, Any] = {"model": name, "seed": chance.randrange(2**40)}
    if name == "molecules":
        method = chance.choice(["ancestral", "confidence", "remasking", "first_hitting"])
        body["sampler"] = {"method": method, "steps": chance.choice([4, 8, 16])}
        if chance.random() < 0.5:
            body["condition"] = {"logp": [round(chance.uniform(1, 4), 2)]}
            body["guidance"] = {"scale": chance.choice([1, 2])}
        return body
    body["condition"] = {"label": chance.choice(classes)}
    body["guidance"] = {"scale": chance.choice([1, 1, 2])}
    methods = ["bridge", "tau", "unit"] if name == "cells" else ["heun", "euler", "ab2"]
    body["sampler"] = {"method": chance.choice(methods), "steps": chance.choice([4, 6, 10])}
    return body


async def all_made(url: str, asked: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The samples of all requests, several of which are under way at a time."""
    turn, limits = asyncio.Semaphore(TOGETHER), httpx.Limits(max_connections=TOGETHER)
    bar = tqdm(total=len(asked), unit="request")
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:

        async def one(body: dict[str, Any]) -> list[dict[str, Any]]:
            async with turn:
                answer = await client.post("/v1/generate", json=body)
            answer.raise_for_status()
            bar.update()
            samples: list[dict[str, Any]] = answer.json()["samples"]
            return samples

        return await asyncio.gather(*map(one, asked))


def kept_handles(url: str) -> list[tuple[str, Any]]:
    """Handles of a few samples of every model, each with its data."""
    found = []
    with httpx.Client(base_url=url, timeout=600) as client:
        for number, name in enumerate(SHARES):
            chance = random.Random(number)
            body = {**body_of(name, load(name).card.classes, chance), "n": HANDLES, "rewind": {}}
            body["sampler"] = {"steps": 8}
            samples = ask(client, "/v1/generate", body)
            found += [(sample["handle"]["id"], sample["data"]) for sample in samples]
    return found


def gone_on(url: str, handles: list[tuple[str, Any]]) -> list[Any]:
    """What trajectories come to that are gone on with from a step, unchanged."""
    with httpx.Client(base_url=url, timeout=600) as client:
        asked = [{"handle": handle, "at": {"step": 3}} for handle, _ in handles]
        return [ask(client, "/v1/edit", body)[0]["data"] for body in asked]


def ask(client: httpx.Client, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The samples of an answer."""
    answer = client.post(path, json=body)
    answer.raise_for_status()
    samples: list[dict[str, Any]] = answer.json()["samples"]
    return samples


if __name__ == "__main__":
    main()

"""Stress test of independence: does a sample's company ever change one of its bytes?

Random lanes (solvers, fixed and adaptive steps, guidance, classes, scores; some take up another
lane where it stood and change it) run amid random company: they arrive, pause, go on and are
cancelled at random, in samplers of random width, and then through real servers of random width
whose clients come and hang up at random. Beside the flows these serve populations of a family that
another distribution brings. Every sample that finishes is compared, byte for byte, with the same
sample made alone.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from safetensors.numpy import load as read_tensors
from tqdm import tqdm

from benchmarks.report import Report, options
from benchmarks.throughput import served
from sureflow.checkpoint import load
from sureflow.core.family import families
from sureflow.core.lane import Branch, LaneSpec, Sample
from sureflow.families.flow.operations import Guide, Inpaint, Operation, Resample, Uncertain
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.folders import embedded_folder
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler
from tests.outside.distribution import install, make_population

SHARES = {"ring": 0.5, "ring-exact": 0.25, "fashion": 0.25}
"""Of the samples, by model; those of `fashion` take nearly all of the time."""

POPULATION = "population"
"""A model of another family, served beside them."""

SERVED_SHARE = 0.2
COMPANIES = 20
SERVERS = 3
CANCELLED = 0.15
"""Chance that a lane, or a client, leaves before it is done."""

BRANCHED = 0.15
"""Chance that a lane takes up another one."""

DIFFERENTIATED = 0.1
"""Chance that a score may be chosen that needs derivatives; they cost as much as all else."""


def main() -> None:
    """Run the stress test; exits with an error if a single byte differs."""
    parser = options(__doc__)
    parser.add_argument("--samples", type=int, help="finished samples to compare, default 10,000")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    total = arguments.samples or (150 if arguments.quick else 10_000)
    servers = 1 if arguments.quick else SERVERS
    chance = random.Random(arguments.seed)
    models = {name: load(name) for name in SHARES}
    root = Path(tempfile.mkdtemp(prefix="sureflow-"))
    models[POPULATION] = load(prepare(root))
    report = Report("independence")
    compared = differing = 0
    for name, share in SHARES.items():
        wanted = round(total * share * (1 - SERVED_SHARE))
        company = amid_company(models[name], wanted, chance)
        samples, wrong = compare(models[name], company, wanted, name)
        report.add(f"{name}: samples amid company", samples)
        compared, differing = compared + samples, differing + wrong
    for server in range(servers):
        capacity = chance.choice((1, 2, 3, 5, 8, 12, 16, 23, 32, 48))
        wanted_of = {n: round(total * s * SERVED_SHARE / servers) for n, s in SHARES.items()}
        wanted_of[POPULATION] = sum(wanted_of.values()) // 4
        with served("ring", capacity, root / "models", root / "distributions") as url:
            made = asyncio.run(all_through(url, models, wanted_of, chance))
        for name, wanted in wanted_of.items():
            title = f"{name}, server {server + 1}"
            samples, wrong = compare(models[name], iter(made[name]), wanted, title)
            report.add(f"{name}: samples served by ticks of {capacity} rows", samples)
            compared, differing = compared + samples, differing + wrong
    report.add("samples compared with themselves alone", compared)
    report.add("bytes that differ", differing)
    report.write(arguments.json)
    if differing:
        raise SystemExit(1)


def prepare(root: Path) -> Path:
    """Install the family from outside, for servers and here; returns its checkpoint.

    The models to be served lie beside it.
    """
    (root / "distributions").mkdir()
    sys.path.insert(0, str(install(root / "distributions")))
    families.cache_clear()
    for name in SHARES:
        shutil.copytree(embedded_folder() / name, root / "models" / name)
    make_population(root / "models" / POPULATION)
    return root / "models" / POPULATION


async def all_through(
    url: str, models: Mapping[str, Model], wanted: Mapping[str, int], chance: random.Random
) -> dict[str, list[Made]]:
    """Samples of all models from one server, at the same time."""
    runs = [through(url, models[name], count, chance) for name, count in wanted.items()]
    return dict(zip(wanted, await asyncio.gather(*runs), strict=True))


Made = tuple[LaneSpec, Callable[[Sample], int]]
"""What was made, and how many of its bytes differ from those of a sample made alone."""


def compare(model: Model, made: Iterator[Made], wanted: int, title: str) -> tuple[int, int]:
    """Samples compared and bytes that differ."""
    samples = differing = 0
    for spec, differs in tqdm(made, title, total=wanted, disable=None):
        (alone,) = run(model, [spec], capacity=1)
        differing += differs(alone)
        samples += 1
    return samples, differing


def lane(model: Model, chance: random.Random) -> FlowSpec:
    """A random lane."""
    method = chance.choice(METHODS)
    tolerance = None
    if method in ADAPTIVE_METHODS and chance.random() < 0.4:
        tolerance = chance.choice((0.3, 0.1, 0.03))
    classes = len(model.card.classes)
    label = chance.randrange(classes) if classes and chance.random() < 0.8 else None
    guided = label is not None and chance.random() < 0.4
    plain = FlowSpec(0, 0, label=label, guidance=2.0 if guided else 1.0)
    able = [
        name
        for name, meaning in SCORES.items()
        if meaning.obstacle(model.card, plain) is None
        and not (meaning.factor and chance.random() > DIFFERENTIATED)
    ]
    return FlowSpec(
        seed=chance.randrange(2**63),
        index=chance.randrange(1000),
        method=method,
        steps=chance.randint(1, 8),
        label=label,
        guidance=chance.choice((0.0, 0.5, 1.5, 3.0)) if guided else 1.0,
        tolerance=tolerance,
        max_steps=chance.choice((5, 12, 250)),
        scores=tuple(chance.sample(able, chance.randint(1, 3))),
    )


def branched(parent: FlowSpec, model: Model, chance: random.Random) -> FlowSpec:
    """A branch of another lane at a random step, most often with operations."""
    known = np.zeros(model.card.shape, np.float32)
    mask = np.zeros(model.card.shape, np.bool_)
    mask[..., :1] = True
    operations: list[Operation] = [
        Resample(chance.random(), chance.choice(("all", mask, Uncertain(0.3)))),
        Inpaint(mask, known, chance.randint(1, 2)),
        Guide("mask", chance.random(), known, mask),
        Guide("smoothness", 0.1),
    ]
    return replace(
        parent,
        seed=chance.randrange(2**63),
        origin=Branch(
            replace(parent, scores=()),
            chance.randrange(parent.steps),
            tuple(chance.sample(operations, chance.randint(0, 2))),
        ),
    )


def amid_company(model: Model, wanted: int, chance: random.Random) -> Iterator[Made]:
    """Samples from samplers of random width in which lanes come, pause and go at random."""
    made = 0
    while made < wanted:
        sampler = Sampler(model, chance.choice((1, 2, 3, 4, 5, 7, 9, 13, 16, 17, 24, 33, 64)))
        company: dict[int, FlowSpec] = {}
        left = -(-wanted // COMPANIES)
        ticket = 0
        while (left or company) and made < wanted:
            while left and sampler.free and chance.random() < 0.5:
                company[ticket] = lane(model, chance)
                if chance.random() < BRANCHED:
                    company[ticket] = branched(company[ticket], model, chance)
                sampler.admit(ticket, company[ticket])
                ticket, left = ticket + 1, left - 1
            for other in [*company]:
                if chance.random() < 0.02:
                    sampler.pause([other])
            if chance.random() < 0.3 or not sampler.running:
                sampler.resume([*company])
            if company and chance.random() < CANCELLED / 5:
                unlucky = chance.choice([*company])
                sampler.cancel([unlucky])
                del company[unlucky]
            for finished, sample in sampler.tick().finished:
                yield company.pop(finished), _differs(sample)
                made += 1


def _differs(sample: Sample) -> Callable[[Sample], int]:
    def differing(alone: Sample) -> int:
        pairs = zip(_bytes(sample), _bytes(alone), strict=True)
        return sum(count_differing(left, right) for left, right in pairs)

    return differing


def _bytes(sample: Sample) -> list[bytes]:
    numbers = repr((sample.scores, sample.confidence, sample.commit, sample.finish_reason))
    arrays = (sample.data, sample.map, sample.t, sample.rate)
    counts = f"{sample.accepted} {sample.rejected} {sample.evaluations}"
    return [*(array.tobytes() for array in arrays), numbers.encode(), counts.encode()]


def count_differing(left: bytes, right: bytes) -> int:
    """Bytes that differ; those that only one of the two has differ too."""
    differing = sum(a != b for a, b in zip(left, right, strict=False)) if left != right else 0
    return differing + abs(len(left) - len(right))


async def through(url: str, model: Model, wanted: int, chance: random.Random) -> list[Made]:
    """Samples from a real server whose clients come and hang up at random."""
    made: list[Made] = []

    async def client(http: httpx.AsyncClient) -> None:
        while len(made) < wanted:
            body, specs = request(model, chance)
            hangs_up = chance.random() < CANCELLED
            timeout = chance.uniform(0.01, 0.2) if hangs_up else 600
            try:
                answer = await http.post("/v1/generate", json=body, timeout=timeout)
            except httpx.TimeoutException:
                continue
            answer.raise_for_status()
            tensors = read_tensors(answer.content)
            for index, spec in enumerate(specs):
                data, field = tensors["samples"][index], tensors["map"][index]
                made.append((spec, _differs_served(data.tobytes(), field.tobytes())))

    headers = {"Accept": "application/x-safetensors"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as http:
        await asyncio.gather(*(client(http) for _ in range(12)))
    return made


def request(model: Model, chance: random.Random) -> tuple[dict[str, object], list[LaneSpec]]:
    """A random request and the lanes that it asks for."""
    n = chance.choice((1, 1, 1, 2, 3, 7))
    if model.card.name == POPULATION:
        return population(model, n, chance)
    spec = lane(model, chance)
    sampler: dict[str, object] = {"method": spec.method, "steps": spec.steps}
    if spec.tolerance is not None:
        sampler = {"method": spec.method, "tolerance": spec.tolerance, "max_steps": spec.max_steps}
    body: dict[str, object] = {
        "model": model.card.name,
        "n": n,
        "seed": spec.seed,
        "sampler": sampler,
        "confidence": {"method": spec.scores[0], "also": spec.scores[1:], "map": True},
        "priority": chance.randint(-1, 1),
    }
    if spec.label is not None:
        body |= {"condition": {"label": spec.label}, "guidance": {"scale": spec.guidance}}
    return body, [replace(spec, index=index) for index in range(n)]


def population(
    model: Model, n: int, chance: random.Random
) -> tuple[dict[str, object], list[LaneSpec]]:
    """The same for populations."""
    seed, steps = chance.randrange(2**63), chance.randint(1, 40)
    kind: Any = families()[model.card.family].spec
    body = {
        "model": POPULATION,
        "n": n,
        "seed": seed,
        "sampler": {"steps": steps},
        "confidence": {"map": True},
    }
    return body, [kind(seed, index, steps) for index in range(n)]


def _differs_served(data: bytes, field: bytes) -> Callable[[Sample], int]:
    def differing(alone: Sample) -> int:
        pairs = ((data, alone.data.tobytes()), (field, alone.map.tobytes()))
        return sum(count_differing(left, right) for left, right in pairs)

    return differing


if __name__ == "__main__":
    main()

"""Two moons, served: quality of the posterior, what scores find, and densities."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.stats import kstest, spearmanr
from torch import Tensor

from benchmarks.posterior.measures import classified, marginal, sliced
from benchmarks.posterior.network import Kind, Net, simulations, train
from benchmarks.posterior.serving import MOONS, imported, sureflow, write_simulations
from benchmarks.posterior.two_moons import Posterior, posteriors, prior, simulate
from benchmarks.report import Report
from benchmarks.truth.measures import auroc
from sureflow_client import Client, Result

KINDS: tuple[Kind, ...] = ("flow", "diffusion")
SIMULATIONS = 100_000
FREE = ("propagated", "likelihood", "path_residual", "straightness", "trajectory", "residual")
DEAR = ("divergence",)
OBSERVATIONS = 5
DISTANCES = {"classifier": classified, "sliced": sliced, "marginal": marginal}
CONDITION = {
    "kind": "vector",
    "shape": [2],
    "says": "what the simulator answered",
    "required": True,
}
ADAPTERS: dict[str, dict[str, Any]] = {
    "flow": {
        "shape": [2],
        "inputs": {"x": "theta", "t": "time", "observation": "observation"},
        "conditions": {"observation": CONDITION},
    }
}
ADAPTERS["diffusion"] = {
    **ADAPTERS["flow"],
    "path": {"kind": "vp"},
    "prediction": "noise",
    "time": "1 - t",
}


def name_of(kind: Kind, seed: int) -> str:
    """Of a model."""
    return f"moons-{kind}-{seed}"


def prepare(folder: Path, chosen: Namespace) -> None:
    """Train networks of all kinds and seeds, import them, fit a variance and calibrate."""
    for seed in range(chosen.seeds):
        theta, observed = simulations(SIMULATIONS, seed)
        for kind in KINDS:
            name = name_of(kind, seed)
            if (folder / "models" / name / "calibration.safetensors").exists():
                continue
            data = write_simulations(folder, name, theta, observed)
            weights, net = folder / name / "net.safetensors", Net()
            if weights.exists():
                net.load_state_dict(load_file(weights))
            else:
                net = train(kind, theta, observed, chosen.steps, seed)
            reference = MOONS.partition("=")[2]
            imported(folder, name, reference, net, ADAPTERS[kind], "--data", str(data))
            model = str(folder / "models" / name)
            runs = ["--runs", str(folder / "runs"), "--quiet", "--plugin", MOONS]
            sureflow("fit", model, "--data", str(data), *runs, *chosen.fit)
            draws = ["--conditions", str(data), "--at", f"heun:{chosen.lane_steps}", *chosen.draws]
            sureflow("calibrate", model, *draws, "--quiet", "--plugin", MOONS)


def measure(report: Report, client: Client, chosen: Namespace) -> None:
    """Ask for samples of every observation, from every model."""
    exact = posteriors(OBSERVATIONS)
    _floor(report, exact, chosen.samples)
    for kind in KINDS:
        found: dict[str, list[float]] = {}
        for seed in range(chosen.seeds):
            for number, posterior in enumerate(exact):
                for key, value in _one(client, kind, seed, posterior, number, chosen).items():
                    found.setdefault(key, []).append(value)
        for key, values in found.items():
            add(report, f"{kind}: {key}", values)
        distance = _confidence(client, kind, 0, chosen)
        report.add(f"{kind}: confidence, distance from uniform", distance)


def add(report: Report, label: str, values: list[float]) -> None:
    """The mean, and half of an interval of 95 %, over seeds of training and observations."""
    known = np.array(values)[np.isfinite(values)]
    report.add(label, float(known.mean()) if len(known) else math.nan)
    if len(known) > 1:
        report.add(f"{label}, +-", float(1.96 * known.std(ddof=1) / len(known) ** 0.5))


def _floor(report: Report, exact: list[Posterior], count: int) -> None:
    for name, distance in DISTANCES.items():
        values = []
        for number, posterior in enumerate(exact):
            generator = torch.Generator().manual_seed(900 + number)
            one, other = (posterior.draw(count, generator) for _ in range(2))
            values.append(distance(one, other))
        add(report, f"exact: {name}", values)


def _one(
    client: Client, kind: Kind, seed: int, posterior: Posterior, number: int, chosen: Namespace
) -> dict[str, float]:
    """All figures of one model and one observation."""
    observed = {"observation": posterior.x.tolist()}
    generator = torch.Generator().manual_seed(100 + number)
    truth = posterior.draw(chosen.samples, generator)
    theta, scores = _asked(client, kind, seed, number, observed, chosen.samples, FREE, chosen)
    # It costs many times the others, so that fewer samples have it: the first ones, with its score.
    costly = _asked(client, kind, seed, number, observed, chosen.differentiated, DEAR, chosen)[1]
    found = {name: distance(theta, truth) for name, distance in DISTANCES.items()}
    log_density = posterior.log_density(theta)
    outside = log_density < posterior.least
    found["outside of the region"] = float(outside.double().mean())
    found["outside of the support"] = float(log_density.isinf().double().mean())
    scores |= costly
    judged = {
        **scores,
        "distance from the origin": theta.norm(dim=1),
        "distance from the mean": (theta - truth.mean(0)).norm(dim=1),
    }
    for name, values in judged.items():
        known = slice(len(values))
        bad = outside[known]
        found[f"Spearman of {name}"] = float(spearmanr(values, -log_density[known])[0])
        found[f"AUROC of {name}"] = auroc(values, bad) if bad.any() else math.nan
    for name in ("likelihood", "divergence"):
        known = slice(len(scores[name]))
        gap = (scores[name] + log_density[known])[~outside[known]]
        found |= _gaps(f"{name}, made", gap)
    found |= _inverted(client, name_of(kind, seed), observed, posterior, truth, chosen)
    return found


def _asked(
    client: Client,
    kind: Kind,
    seed: int,
    number: int,
    observed: dict[str, Any],
    count: int,
    scores: tuple[str, ...],
    chosen: Namespace,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Samples of an observation, and their scores."""
    answer = client.generate(
        name_of(kind, seed),
        count,
        seed=1000 * seed + number,
        condition=observed,
        method="heun",
        steps=chosen.lane_steps,
        score=scores[0],
        also=scores[1:],
        output="npy",
    )
    theta = torch.from_numpy(answer.array()).double()
    return theta, {name: _values(answer, name) for name in scores}


def _values(answer: Result, name: str) -> Tensor:
    said = [sample.scores[name] for sample in answer.samples]
    return torch.tensor([math.nan if value is None else value for value in said]).double()


def _inverted(
    client: Client,
    model: str,
    observed: dict[str, Any],
    posterior: Posterior,
    truth: Tensor,
    chosen: Namespace,
) -> dict[str, float]:
    """Densities that the model gives to exact draws of the posterior."""
    given = truth[: chosen.inverted].float()
    answer = client.invert(
        given.numpy(), model, condition=observed, score="likelihood", also=["divergence"], seed=0
    )
    log_density = posterior.log_density(given)
    found: dict[str, float] = {}
    for name in ("likelihood", "divergence"):
        values = _values(answer, name)
        found |= _gaps(f"{name}, of exact draws", (values + log_density)[log_density.isfinite()])
    return found


def _gaps(name: str, gap: Tensor) -> dict[str, float]:
    """Of differences of ``-log p`` from the exact one, in nats."""
    root = float(gap.square().mean().sqrt())
    return {
        f"{name}, mean difference": float(gap.mean()),
        f"{name}, rms difference": root,
        f"{name}, median of the size": float(gap.abs().median()),
    }


def _confidence(client: Client, kind: Kind, seed: int, chosen: Namespace) -> float:
    """Distance from uniform of confidences over observations that nobody has seen."""
    generator = torch.Generator().manual_seed(77)
    fresh = simulate(prior(chosen.fresh, generator), generator)
    said: list[float] = []
    for number, x in enumerate(fresh):
        answer = client.generate(
            name_of(kind, seed),
            2,
            seed=number,
            condition={"observation": x.tolist()},
            method="heun",
            steps=chosen.lane_steps,
        )
        said += [float(sample.confidence or 0) for sample in answer.samples]
    return float(kstest(said, "uniform").statistic)

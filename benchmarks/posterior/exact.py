"""Densities of a Gaussian posterior whose network is exact, served."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import torch

from benchmarks.posterior.gaussian import CASES
from benchmarks.posterior.serving import GAUSSIAN, imported
from benchmarks.report import Report
from sureflow_client import Client

OBSERVED = ((0.0, 0.0), (1.0, -0.5), (-2.0, 1.0))
STEPS = 25


def name_of(case: str) -> str:
    """Of a model."""
    return f"gaussian-{case.replace(', ', '-').replace(' ', '-')}"


def prepare(folder: Path, chosen: Namespace) -> None:
    """Import every case."""
    for title, case in CASES.items():
        if not (folder / "models" / name_of(title)).exists():
            reference = GAUSSIAN.partition("=")[2]
            imported(folder, name_of(title), reference, case.network(), case.adapter)


def measure(report: Report, client: Client, chosen: Namespace) -> None:
    """The score ``divergence`` against densities in closed form, over all observations."""
    for title, case in CASES.items():
        found = []
        for seed, x in enumerate(OBSERVED):
            answer = client.generate(
                name_of(title),
                chosen.differentiated,
                seed=seed,
                condition={"observation": x},
                method="rk4",
                steps=STEPS,
                grid="uniform",
                score="divergence",
                output="npy",
            )
            said = torch.tensor([float(s.uncertainty or 0) for s in answer.samples])
            posterior, made = case.densities(torch.from_numpy(answer.array()), torch.tensor(x))
            found.append(torch.stack([said.double() + posterior, said.double() + made]))
        of_posterior, of_flow = torch.cat(found, 1)
        report.add(f"{title}: data where the path begins", case.coupling[0])
        for name, gap in (("flow", of_flow), ("posterior", of_posterior)):
            report.add(f"{title}: to the {name}, mean", float(gap.mean()), "nats")
            report.add(f"{title}: to the {name}, rms", float(gap.square().mean().sqrt()), "nats")
            report.add(f"{title}: to the {name}, largest", float(gap.abs().max()), "nats")

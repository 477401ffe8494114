"""Solvers that are measured and not served, on Gaussian data, whose path is known."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.solvers import page
from benchmarks.solvers.candidates import CANDIDATES, Problem, Solver, unipc
from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run
from tests.stubs import model_of

MEAN, DEVIATION, A = 0.7, 0.4, 0.02
"""Of the data, and the factor of the data where sampling begins."""


def data(y: Tensor, t: float) -> Tensor:
    """``E[x1 | y]``."""
    alpha, sigma = t + (1 - t) * A, 1 - t
    gain = alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2)
    return MEAN + gain * (y - alpha * MEAN)


def problem(count: int, evaluations: int) -> Problem:
    drawn = torch.Generator().manual_seed(0)
    x1 = MEAN + DEVIATION * torch.randn(count, 1, generator=drawn, dtype=torch.double)
    start = A * x1 + torch.randn(count, 1, generator=drawn, dtype=torch.double)

    def grid(steps: int) -> np.ndarray:
        return np.linspace(0, 1, steps + 1)

    def fresh(step: int) -> Tensor:
        chance = torch.Generator().manual_seed(step + 1)
        return torch.randn(count, 1, generator=chance, dtype=torch.double)

    return Problem(data, start, fresh, (A, 1.0), grid, evaluations)


@pytest.mark.parametrize("name", ["unipc of order 3", "deis of order 2"])
def test_those_of_the_ode_come_to_its_end(name: str) -> None:
    """From N(a m, a^2 s^2 + 1) the ODE goes to N(m, s^2) by one line."""
    errors = []
    for evaluations in (10, 20, 40, 80):
        one = problem(200, evaluations)
        spread = (A**2 * DEVIATION**2 + 1) ** 0.5
        exact = MEAN + DEVIATION * (one.start - A * MEAN) / spread
        errors.append(float((CANDIDATES[name](one) - exact).abs().max()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 3e-3


@pytest.mark.parametrize("name", [n for n in CANDIDATES if n[:3] not in ("uni", "dei")])
def test_those_with_noise_keep_the_law(name: str) -> None:
    """Mean and deviation of 20,000 ends, within four standard errors and a little bias."""
    ends = CANDIDATES[name](problem(20_000, 200))
    assert float(ends.mean()) == pytest.approx(MEAN, abs=4 * DEVIATION / 20_000**0.5 + 5e-3)
    assert float(ends.std()) == pytest.approx(DEVIATION, abs=4 * DEVIATION / 40_000**0.5 + 8e-3)


def test_unipc_of_order_2_is_the_one_that_is_served() -> None:
    network = GaussianMixture([[2.0, 0.0], [-2.0, 1.0]], [0.5, 0.5], [0.3, 0.3])
    made = run(model_of(network), [FlowSpec(3, n, "unipc", 9) for n in range(4)])
    start = torch.stack([normal((2,), 3, n, Purpose.START) for n in range(4)])

    def expected(y: Tensor, t: float) -> Tensor:
        return y + (1 - t) * network(y, torch.full((len(y),), t))

    def grid(steps: int) -> np.ndarray:
        return np.linspace(0, 1, steps + 1)

    plain: Solver = partial(unipc, order=2)
    one = Problem(expected, start, lambda step: start, (0.0, 1.0), grid, 9)
    found = np.stack([sample.data for sample in made])
    assert found == pytest.approx(plain(one).numpy(), abs=2e-5)


def test_the_page_keeps_what_a_person_concluded(tmp_path: Path) -> None:
    (tmp_path / "solvers.md").write_text("# Old\n\n## What follows\n\nMine.\n")
    figures = {}
    for name, value in (("error", 0.1), ("fd", 5.0), ("misread", 1.0)):
        for label in ("fine", "unipc at 10", "unipc at 20"):
            figures |= {f"diffusion: {label}: {name}": value, f"diffusion: {label}: {name} +-": 0.0}
    for method in ("dpmpp_2m", "unipc"):
        for name in ("error", "fd"):
            mark = f"diffusion: {method} at 10 over heun at 20: {name}"
            figures |= {mark: 0.8, f"{mark} +-": 0.1}
    page.write(figures, tmp_path)
    text = (tmp_path / "solvers.md").read_text()
    assert text.endswith("## What follows\n\nMine.\n")
    assert "| unipc | served | 0.1000 ± 0.0000 | 5.0 ± 0.0 | 1.0 ± 0.0 | 0.1000" in text

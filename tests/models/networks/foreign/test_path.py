"""Every path is what its paper says: clock and share, tables of betas, schedules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from gaussian import PATHS, bars

from sureflow.networks.foreign.continuous import ExplodingPath, LinearPath
from sureflow.networks.foreign.convention import Convention
from sureflow.networks.foreign.discrete import DiscretePath
from sureflow.networks.foreign.path import AffinePath

SIX = torch.linspace(0, 1, 41, dtype=torch.float64)


def read(path: dict[str, Any]) -> AffinePath:
    return Convention(path, "noise").path


@pytest.mark.parametrize("path", PATHS)
def test_share_and_clock_are_inverse(path: str) -> None:
    found = read(dict(PATHS[path].path))
    share = found.share(SIX)
    assert (share.diff() < 0).all()
    assert float(share[0]) == pytest.approx(found.first, abs=1e-12)
    torch.testing.assert_close(found.clock(share), SIX, rtol=0, atol=1e-6)


@pytest.mark.parametrize("path", PATHS)
def test_signal_and_noise_are_those_of_the_formula(path: str) -> None:
    truth = PATHS[path]
    found = read(dict(truth.path))
    share = found.share(SIX)
    told = SIX
    if truth.kind == "discrete":
        assert isinstance(found, DiscretePath)
        told = (1 - SIX) * (len(found.signals) - 1)
        torch.testing.assert_close(found.step(share), told, rtol=0, atol=1e-2)
    if truth.kind in ("ve", "edm"):  # equation 5 of Karras et al.
        told = (80 ** (1 / 7) + SIX * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    if truth.kind == "edm":
        told = told.log() / 4
    alpha, sigma = truth.parts(told)
    torch.testing.assert_close(share, sigma / (alpha + sigma), rtol=0, atol=1e-7)
    if truth.kind == "edm":
        size = (torch.exp(8 * told) + 0.25).sqrt()
        alpha, sigma = alpha / size, sigma / size
    torch.testing.assert_close(found.scale(share), alpha + sigma, rtol=1e-6, atol=0)


@pytest.mark.parametrize("path", ["linear", "cosine", "offset cosine", "vp"])
def test_rates_are_the_derivatives(path: str) -> None:
    truth = PATHS[path]
    found, told = read(dict(truth.path)), SIX[2:-2].clone().requires_grad_()
    rates = found.rates(found.share(told.detach()))
    assert rates is not None
    for which, rate in enumerate(rates):
        (exact,) = torch.autograd.grad(truth.parts(told)[which].sum(), told)
        torch.testing.assert_close(rate, exact, rtol=1e-6, atol=1e-9)


SCHEDULES: list[dict[str, Any]] = [
    {"betas": "linear"},
    {"betas": "scaled_linear", "first": 0.00085, "last": 0.012},
    {"betas": "cosine", "steps": 300},
    {"betas": "sigmoid", "first": 1e-4, "last": 0.02, "steps": 500},
    {"betas": [0.01, 0.02, 0.5, 0.3]},
]


@pytest.mark.parametrize("given", SCHEDULES)
@pytest.mark.parametrize("zero_snr", [False, True])
def test_table_of_betas(given: dict[str, Any], zero_snr: bool) -> None:
    found = read({"kind": "discrete", "zero_snr": zero_snr, **given})
    assert isinstance(found, DiscretePath)
    defaults = {"first": 1e-4, "last": 0.02, "steps": 1000}
    named = {**defaults, **given}
    table = bars(named["betas"], named["first"], named["last"], named["steps"])
    if zero_snr:
        root = np.sqrt(table)
        assert float(found.signals[0]) == pytest.approx(table[0])
        assert float(found.signals[-1]) == 0
        root = (root - root[-1]) / (root[0] - root[-1]) * root[0]
        table = root**2
    np.testing.assert_allclose(found.signals.numpy(), table, rtol=1e-9, atol=1e-15)
    assert found.last == pytest.approx(1 / (1 + math.sqrt(table[0] / (1 - table[0]))))
    whole = torch.arange(len(table) - 1, -1, -1)
    assert torch.equal(found.step(found.noise_shares.flip(0)), whole.double())


@pytest.mark.parametrize(
    ("betas", "theirs"),
    [
        ("linear", "linear"),
        ("scaled_linear", "scaled_linear"),
        ("cosine", "squaredcos_cap_v2"),
        ("sigmoid", "sigmoid"),
    ],
)
@pytest.mark.parametrize("zero_snr", [False, True])
def test_table_of_diffusers(betas: str, theirs: str, zero_snr: bool) -> None:
    diffusers = pytest.importorskip("diffusers")
    kind = diffusers.DDPMScheduler
    given = {"beta_start": 0.0002, "beta_end": 0.03, "num_train_timesteps": 400}
    table = kind(beta_schedule=theirs, rescale_betas_zero_snr=zero_snr, **given).alphas_cumprod
    found = read(
        {
            "kind": "discrete",
            "betas": betas,
            "first": 0.0002,
            "last": 0.03,
            "steps": 400,
            "zero_snr": zero_snr,
        }
    )
    assert isinstance(found, DiscretePath)
    torch.testing.assert_close(found.signals.float(), table, rtol=1e-4, atol=1e-8)


def test_alpha_of_the_last_step_counts() -> None:
    """Sampling begins from the noise of the last step, not from pure noise."""
    found = read({"kind": "discrete", "betas": "scaled_linear", "first": 0.00085, "last": 0.012})
    assert isinstance(found, DiscretePath)
    alpha = float(found.signals[-1].sqrt())
    assert found.first == pytest.approx(1 / (1 + alpha / math.sqrt(1 - alpha**2)))
    assert found.start == 1


ALL: list[dict[str, Any]] = [
    *({**truth.path, "spacing": s} for truth in PATHS.values() for s in ("trailing", "linspace")),
    {"kind": "linear", "shift": 3.0},
    {"kind": "linear", "shift": 0.3, "spacing": "linspace"},
]


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("steps", [1, 2, 9, 50, 400])
def test_schedule_starts_at_the_first_and_descends(path: dict[str, Any], steps: int) -> None:
    found = read(path)
    shares = found.schedule(steps)
    assert shares.shape == (steps,)
    if path["kind"] != "discrete" or path.get("spacing") == "linspace":
        assert float(shares[0]) == pytest.approx(found.first, abs=1e-12)
    assert (shares.diff() < 0).all()
    assert float(shares[-1]) > 0
    if isinstance(found, DiscretePath) and steps <= len(found.signals):
        step = found.step(shares)
        assert torch.equal(step, step.round())


def test_trailing_and_linspace_steps() -> None:
    found = read({"kind": "discrete"})
    assert found.step(found.schedule(5)).tolist() == [999, 799, 599, 399, 199]
    found = read({"kind": "discrete", "spacing": "linspace"})
    assert found.step(found.schedule(5)).tolist() == [999, 749, 500, 250, 0]


def test_more_steps_than_in_training() -> None:
    found = read({"kind": "discrete", "betas": [0.1, 0.2, 0.3, 0.4]})
    steps = found.step(found.schedule(7))
    assert steps.tolist() == pytest.approx([3, 2.5, 2, 1.5, 1, 0.5, 0])


def test_shift_is_that_of_sd3() -> None:
    found = LinearPath(shift=3.0)
    sigmas = 1 - torch.arange(8, dtype=torch.float64) / 8
    torch.testing.assert_close(found.schedule(8), 3 * sigmas / (1 + 2 * sigmas))


def test_schedules_of_diffusers() -> None:
    diffusers = pytest.importorskip("diffusers")
    for spacing, steps in (("trailing", 7), ("linspace", 12)):
        ddim = diffusers.DDIMScheduler(timestep_spacing=spacing)
        ddim.set_timesteps(steps)
        found = read({"kind": "discrete", "spacing": spacing})
        assert found.step(found.schedule(steps)).tolist() == ddim.timesteps.tolist()
    flow = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    flow.set_timesteps(9)
    found = LinearPath(shift=3.0, spacing="linspace")
    torch.testing.assert_close(found.schedule(9).float(), flow.sigmas[:-1], rtol=1e-5, atol=1e-6)
    edm = diffusers.EDMEulerScheduler(sigma_min=0.01, sigma_max=50.0)
    edm.set_timesteps(9)
    shares = ExplodingPath(sigma_min=0.01, sigma_max=50.0).schedule(9)
    torch.testing.assert_close((shares / (1 - shares)).float(), edm.sigmas[:-1])


def test_the_truth_of_these_tests_is_on_the_path() -> None:
    """Where the variance is preserved it is 1."""
    for truth in PATHS.values():
        if truth.kind in ("discrete", "cosine", "vp"):
            told = SIX * 100 if truth.kind == "discrete" else SIX
            alpha, sigma = truth.parts(told)
            torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(SIX))


LIKE = {"table of linear": "linear", "table of cosine": "cosine", "table of vp": "vp"}


@pytest.mark.parametrize("prediction", ["noise", "data", "v", "velocity"])
@pytest.mark.parametrize("path", LIKE)
def test_tables_convert_as_the_path_they_are_of(path: str, prediction: Any) -> None:
    """Between the entries too; the rate of ``vp`` is without bound at the data."""
    s = torch.linspace(0.01, 0.97, 701)
    found = Convention(PATHS[path].path, prediction).at(s)
    expected = Convention(PATHS[LIKE[path]].path, prediction).at(s)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("path", [*LIKE, "table of bent"])
def test_tables_are_exact_at_their_entries(path: str) -> None:
    given = PATHS[path].path
    found = read(dict(given))
    alpha, sigma, time = (torch.from_numpy(np.array(given[z])) for z in ("alpha", "sigma", "time"))
    share = sigma / (alpha + sigma)
    clock = time if (share[0] > share[-1]) == (time[0] < time[-1]) else 1 - time
    torch.testing.assert_close(found.clock(share), clock, rtol=0, atol=1e-15)
    torch.testing.assert_close(found.share(clock), share, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.scale(share), alpha + sigma, rtol=1e-14, atol=0)


def test_rates_of_tables_are_the_derivatives() -> None:
    truth = PATHS["table of bent"]
    found, told = read(dict(truth.path)), SIX[2:-2].clone().requires_grad_()
    rates = found.rates(found.share(told.detach()))
    assert rates is not None
    for which, rate in enumerate(rates):
        (exact,) = torch.autograd.grad(truth.parts(told)[which].sum(), told)
        torch.testing.assert_close(rate, exact, rtol=2e-4, atol=2e-4)


def test_tables_without_times_and_of_few_entries() -> None:
    found = read({"kind": "affine", "alpha": [1, 0], "sigma": [0, 1]})
    assert found.share(SIX).tolist() == pytest.approx((1 - SIX).tolist())
    assert (found.first, found.last, found.start) == (1, 0, 1)
    rough = read({"kind": "affine", "alpha": [0, 0.3, 1, 1], "sigma": [2, 1, 1, 0.1]})
    share = torch.linspace(rough.last, rough.first, 999, dtype=torch.float64)
    assert (rough.clock(share).diff() < 0).all()
    assert rough.clock(share)[[0, -1]].tolist() == [1, 0]
    torch.testing.assert_close(rough.share(rough.clock(share)), share, rtol=0, atol=1e-9)

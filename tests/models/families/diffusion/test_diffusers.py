"""The same samples as the schedulers of diffusers, from the same noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from gaussian import diffusion_of
from torch import Tensor, nn

import sureflow
from sureflow.core.draw import Purpose, normal
from sureflow.model import Model
from sureflow.networks import FrozenVelocity

diffusers = pytest.importorskip("diffusers")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPE, COUNT, SEED, STEPS = (1, 4, 4), 3, 5, 10


class Small(nn.Module):
    """Some network; what it predicts is bounded, and depends on the time."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(16, 16, generator=drawn) / 4)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        rows = torch.tanh(x.flatten(1)) @ self.weight + torch.sin(t.reshape(-1, 1) / 150)
        return rows.reshape(x.shape)


MODULE = Small().requires_grad_(False)


def model_of(**arguments: Any) -> Model:
    return diffusion_of(FrozenVelocity(MODULE, shape=SHAPE, variance="none", **arguments))


def ours(model: Model, **options: Any) -> Tensor:
    made = sureflow.sample(model, COUNT, SEED, **{"method": "euler", "steps": STEPS, **options})
    return torch.from_numpy(np.stack([sample.data for sample in made]))


def drawn(purpose: Purpose, step: int = 0) -> Tensor:
    return torch.stack([normal(SHAPE, SEED, index, purpose, step) for index in range(COUNT)])


def fresh() -> Iterator[Tensor]:
    """Our noise after the first step, after the second..."""
    return (drawn(Purpose.STEP, 2 * step) for step in range(1, STEPS + 1))


def theirs(scheduler: Any, start: Tensor, noisy: bool = False, **options: Any) -> Tensor:
    x, noise = start, fresh()
    for t in scheduler.timesteps:
        given = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        told = MODULE(given, t.float().expand(COUNT))
        if noisy:
            options["variance_noise"] = next(noise)
        x = scheduler.step(told, t, x, **options).prev_sample
    return x


def close(found: Tensor, expected: Tensor) -> None:
    """Within 1e-4 of the largest."""
    assert float(expected.abs().max()) > 0.3
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4


PREDICTIONS = {"noise": "epsilon", "v": "v_prediction", "data": "sample"}
BETAS = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_ddim(prediction: str, betas: str, eta: float) -> None:
    model = model_of(path={"kind": "discrete", "betas": betas}, prediction=prediction)
    scheduler = diffusers.DDIMScheduler(
        beta_schedule=BETAS[betas],
        prediction_type=PREDICTIONS[prediction],
        clip_sample=False,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(STEPS)
    expected = theirs(scheduler, drawn(Purpose.START), eta > 0, eta=eta)
    close(ours(model, eta=eta), expected)


@pytest.mark.parametrize("eta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("prediction", ["v", "data"])
def test_ddim_from_pure_noise(prediction: str, eta: float) -> None:
    """Zero terminal signal (Lin et al., 2023); at eta 1 theirs takes the root of less than 0."""
    path = {"kind": "discrete", "betas": "scaled_linear", "zero_snr": True}
    scheduler = diffusers.DDIMScheduler(
        beta_schedule="scaled_linear",
        prediction_type=PREDICTIONS[prediction],
        clip_sample=False,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )
    scheduler.set_timesteps(STEPS)
    expected = theirs(scheduler, drawn(Purpose.START), eta > 0, eta=eta)
    close(ours(model_of(path=path, prediction=prediction), eta=eta), expected)


def test_ddpm_is_eta_1() -> None:
    """With the smaller of its variances, on all of its steps."""
    path = {"kind": "discrete", "betas": "linear", "steps": STEPS, "first": 0.01, "last": 0.5}
    scheduler = diffusers.DDPMScheduler(
        num_train_timesteps=STEPS,
        beta_start=0.01,
        beta_end=0.5,
        clip_sample=False,
        variance_type="fixed_small",
    )
    scheduler.set_timesteps(STEPS)
    noise = fresh()
    with pytest.MonkeyPatch.context() as patch:
        module = "diffusers.schedulers.scheduling_ddpm.randn_tensor"
        patch.setattr(module, lambda *_, **__: next(noise))
        expected = theirs(scheduler, drawn(Purpose.START))
    close(ours(model_of(path=path, prediction="noise"), eta=1.0), expected)


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_multistep(prediction: str, betas: str) -> None:
    """DPM-Solver++ (2M), its SDE, and UniPC of order 2; two of these steps are far from Euler's."""
    model = model_of(path={"kind": "discrete", "betas": betas}, prediction=prediction)
    shared = {
        "beta_schedule": BETAS[betas],
        "prediction_type": PREDICTIONS[prediction],
        "timestep_spacing": "trailing",
        "final_sigmas_type": "zero",
    }
    start, dpm = drawn(Purpose.START), diffusers.DPMSolverMultistepScheduler
    plain = theirs(reset(dpm(**shared)), start)
    close(ours(model, method="dpmpp_2m"), plain)
    if (prediction, betas) != ("noise", "cosine"):  # there the last step alone decides
        assert float((ours(model) - plain).abs().max() / plain.abs().max()) > 0.03
    close(
        ours(model, method="unipc"),
        theirs(reset(diffusers.UniPCMultistepScheduler(**shared)), start),
    )
    noisy = dpm(**shared, algorithm_type="sde-dpmsolver++")
    close(ours(model, method="dpmpp_2m", eta=1.0), theirs(reset(noisy), start, True))


def test_euler_discrete_is_our_euler() -> None:
    model = model_of(path={"kind": "discrete", "betas": "scaled_linear"}, prediction="noise")
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_schedule="scaled_linear", timestep_spacing="trailing"
    )
    scheduler.set_timesteps(STEPS)
    start = drawn(Purpose.START) * (scheduler.sigmas[0] ** 2 + 1) ** 0.5
    close(ours(model), theirs(scheduler, start))


def test_euler_ancestral_is_eta_1() -> None:
    model = model_of(path={"kind": "discrete", "betas": "scaled_linear"}, prediction="noise")
    scheduler = diffusers.EulerAncestralDiscreteScheduler(
        beta_schedule="scaled_linear", timestep_spacing="trailing"
    )
    scheduler.set_timesteps(STEPS)
    start, noise = drawn(Purpose.START) * (scheduler.sigmas[0] ** 2 + 1) ** 0.5, fresh()
    with pytest.MonkeyPatch.context() as patch:
        module = "diffusers.schedulers.scheduling_euler_ancestral_discrete.randn_tensor"
        patch.setattr(module, lambda *_, **__: next(noise))
        expected = theirs(scheduler, start)
    close(ours(model, eta=1.0), expected)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching(shift: float) -> None:
    model = model_of(
        path={"kind": "linear", "shift": shift},
        prediction="reverse_velocity",
        time="1000 * (1 - t)",
    )
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / STEPS, STEPS).tolist())
    close(ours(model), theirs(scheduler, drawn(Purpose.START)))


def test_edm() -> None:
    model = model_of(path={"kind": "edm"}, prediction="edm", time="0.25 * log(sigma)")
    scheduler = diffusers.EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5)
    scheduler.set_timesteps(STEPS)
    close(ours(model), theirs(scheduler, drawn(Purpose.START) * 80))
    close(ours(model, grid="karras"), theirs(reset(scheduler), drawn(Purpose.START) * 80))


def reset(scheduler: Any) -> Any:
    scheduler.set_timesteps(STEPS)
    return scheduler


def test_karras_grid() -> None:
    """The grid as it is in DPM-Solver and Euler schedulers with ``use_karras_sigmas``."""
    model = model_of(path={"kind": "discrete", "betas": "scaled_linear"}, prediction="noise")
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_schedule="scaled_linear", use_karras_sigmas=True, sigma_min=None, sigma_max=None
    )
    scheduler.set_timesteps(STEPS)
    (sample,) = sureflow.sample(model, 1, SEED, method="euler", steps=STEPS, grid="karras")
    share = model.network.convention.share(torch.from_numpy(sample.t))
    torch.testing.assert_close(
        (share / (1 - share)).float(), scheduler.sigmas[:-1], rtol=1e-3, atol=1e-4
    )


def test_heun_is_heun_on_a_path_with_our_clock() -> None:
    """Of flow matching; at the last step theirs is Euler's, since no velocity is asked at t = 1."""
    model = model_of(path={"kind": "linear"}, prediction="reverse_velocity", time="1000 * (1 - t)")
    x = drawn(Purpose.START)
    for step in range(STEPS):
        t, h = step / STEPS, 1 / STEPS
        first = -MODULE(x, torch.full((COUNT,), 1000 * (1 - t)))
        second = -MODULE(x + h * first, torch.full((COUNT,), 1000 * (1 - t - h)))
        x = x + h * (first + second) / 2
    close(ours(model, method="heun"), x)

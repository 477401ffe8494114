"""Any convention becomes the velocity of the canonical clock."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from gaussian import PAIRS, PATHS, Exact, described
from hypothesis import given
from hypothesis import strategies as st

from sureflow.networks import FrozenVelocity
from sureflow.networks.foreign.convention import Convention


def _points(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    s = torch.linspace(0.02, 0.98, count)
    return torch.randn(count, 2, generator=drawn, dtype=torch.float64), s


@pytest.mark.parametrize(("path", "prediction"), PAIRS)
def test_an_exact_network_becomes_the_exact_velocity(path: str, prediction: str) -> None:
    network = FrozenVelocity(Exact(path, prediction), **described(path, prediction))
    x, s = _points()
    expected, _ = PATHS[path].velocity(x, s.double())
    torch.testing.assert_close(network(x, s), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", PATHS)
def test_coupling_and_clock(path: str) -> None:
    convention = Convention(PATHS[path].path, "noise")
    assert convention.coupling == pytest.approx(PATHS[path].coupling(), abs=1e-9)
    s = torch.linspace(0, 1, 33, dtype=torch.float64)
    share = convention.share(s)
    assert float(share[0]) == pytest.approx(convention.path.first)
    assert float(share[-1]) == 0
    torch.testing.assert_close(convention.clock(share), s, rtol=0, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_state_and_target_of_training(path: str) -> None:
    """The state is ``(1 - s) (a x1 + b x0) + s x1``, whose noise is unit at the beginning."""
    network = FrozenVelocity(Exact(path, "noise"), **described(path, "noise"))
    x0, x1 = torch.randn(2, 3, 2).unbind()
    a, b = PATHS[path].coupling()
    torch.testing.assert_close(network.start(x0, x1), a * x1 + b * x0)


def test_plain_is_bitwise_the_module() -> None:
    module = torch.nn.Linear(2, 2)

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = module

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.body(x) + t[:, None]
            return out

    plain = Plain()
    network = FrozenVelocity(plain, shape=(2,), path={"kind": "linear"}, variance="none")
    assert network.convention.plain
    x, s = torch.randn(9, 2), torch.rand(9)
    assert torch.equal(network(x, s), plain(x, s))
    assert torch.equal(network.start(x, -x), x)
    turned = FrozenVelocity(
        plain, shape=(2,), prediction="reverse_velocity", time="1 - t", variance="none"
    )
    torch.testing.assert_close(turned(x, s), -plain(x, 1 - s), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", PATHS)
def test_schedule_of_the_flow(path: str) -> None:
    convention = Convention(PATHS[path].path, "noise")
    for steps in (1, 2, 7, 50):
        times = convention.schedule(steps)
        assert (float(times[0]), float(times[-1]), len(times)) == (0, 1, steps + 1)
        assert (times.diff() > 0).all()


def test_steps_that_are_not_apart_are_refused() -> None:
    convention = Convention({"kind": "ve", "sigma_min": 79.9999999999}, "noise")
    with pytest.raises(ValueError, match="50 steps of the model's own schedule are not apart"):
        convention.schedule(50)


def test_whole_times_are_told_as_integers() -> None:
    seen: list[torch.Tensor] = []

    class Whole(torch.nn.Module):
        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            seen.append(t)
            return x

    def told(time: str) -> torch.Tensor:
        network = FrozenVelocity(
            Whole(), shape=(2,), path={"kind": "discrete"}, prediction="v", time=time
        )
        network(torch.zeros(3, 2), torch.tensor([0.0, 0.5, 1.0]))
        return seen[-1]

    assert told("round(step)").tolist()[::2] == [999, 0]
    assert not told("round(step)").is_floating_point()
    assert told("round(step) / 1000").tolist()[::2] == pytest.approx([0.999, 0])
    assert told("step").is_floating_point()
    assert told("7").tolist() == [7.0] * 3
    assert told("exp(1)").tolist() == pytest.approx([math.e] * 3)


def tables(alpha: list[float], sigma: list[float], **time: list[float]) -> dict[str, Any]:
    """A path of kind affine."""
    return {"kind": "affine", "alpha": alpha, "sigma": sigma, **time}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"path": {"kind": "linear", "shift": 0}}, r"path\.shift: "),
    ({"path": {"kind": "linear", "shift": math.nan}}, r"path\.shift: "),
    ({"path": {"kind": "linear", "shift": math.inf}}, r"path\.shift: "),
    ({"path": {"kind": "linear", "steps": 1}}, r"path\.steps: "),
    ({"path": {"kind": "linear", "surprise": 1}}, r"path\.surprise: "),
    ({"path": {"kind": "line"}}, r"path\.kind: "),
    ({"path": {}}, r"path\.kind: "),
    ({"path": [1, 2]}, "path: "),
    ({"path": "linear"}, "path: "),
    ({"path": {"kind": "discrete", "betas": "quadratic"}}, r"path\.betas: .*'cosine'"),
    ({"path": {"kind": "discrete", "betas": [0.1]}}, r"path\.betas: .*at least 2"),
    ({"path": {"kind": "discrete", "betas": [0.1] * 10**6}}, r"path\.betas: .*at most 100000"),
    ({"path": {"kind": "discrete", "betas": [0.1, 1.5]}}, r"path\.betas\.1: "),
    ({"path": {"kind": "discrete", "betas": [0.1, -0.5]}}, r"path\.betas\.1: "),
    ({"path": {"kind": "discrete", "betas": [0.1, math.nan]}}, r"path\.betas\.1: "),
    ({"path": {"kind": "discrete", "betas": [0.1, 0.0]}}, "path: betas should leave less"),
    ({"path": {"kind": "discrete", "betas": [0.1, 1.0]}}, "path: betas should leave less"),
    ({"path": {"kind": "discrete", "last": 1.0}}, "path: betas should leave less"),
    ({"path": {"kind": "discrete", "steps": 10**9}}, r"path\.steps: "),
    ({"path": {"kind": "discrete", "steps": 10**400}}, r"path\.steps: "),
    ({"path": {"kind": "discrete", "spacing": "leading"}}, r"path\.spacing: "),
    ({"path": {"kind": "vp", "beta_min": 20, "beta_max": 0.1}}, "path: beta_max should be above"),
    (
        {"path": {"kind": "vp", "beta_max": 1e6}},
        "path: beta_min and beta_max should be",
    ),
    (
        {"path": {"kind": "vp", "end": 1e-300}, "prediction": "velocity"},
        "path: is not finite",
    ),
    ({"path": {"kind": "vp", "end": 1}}, r"path\.end: "),
    ({"path": {"kind": "ve", "sigma_min": 5, "sigma_max": 2}}, "path: sigma_max should be above"),
    ({"path": {"kind": "ve", "rho": 0.5}}, r"path\.rho: "),
    ({"path": {"kind": "edm", "sigma_data": -1}}, r"path\.sigma_data: "),
    ({"path": {"kind": "cosine", "offset": -0.1}}, r"path\.offset: "),
    ({"path": {"kind": "affine", "alpha": [0, 1]}}, r"path\.sigma: Field required"),
    ({"path": tables([0], [1])}, r"path\.alpha: .*at least 2"),
    ({"path": tables([0.5] * 10**5, [0.5] * 10**5)}, r"path\.alpha: .*at most 5000"),
    ({"path": tables([0, math.nan], [1, 0])}, r"path\.alpha\.1: "),
    ({"path": tables([0, 1], [math.inf, 0])}, r"path\.sigma\.0: "),
    ({"path": tables([0, -1], [1, 0])}, r"path\.alpha\.1: "),
    ({"path": tables([0, 1], [1, 0], time=[0, 2])}, r"path\.time\.1: "),
    ({"path": tables([0, 1], [1, 0], time=[0, 0.5, 1])}, "path: .*alpha 2, sigma 2, time 3"),
    ({"path": tables([0, 0.5, 1], [1, 0])}, "path: its tables should .*alpha 3, sigma 2"),
    ({"path": tables([0, 0, 1], [1, 0, 0])}, "path: alpha and sigma are both 0 at entry 1"),
    (
        {"path": tables([0, 0.5, 0.4, 1], [1, 0.5, 0.6, 0])},
        "path: sigma / alpha should rise with every entry, or fall .* from entry 1 to 2",
    ),
    ({"path": tables([1, 1], [0.5, 0.5])}, "path: sigma / alpha should .* from entry 0 to 1"),
    ({"path": tables([0, 0, 1], [1, 0.9, 0])}, "path: sigma / alpha should .* entry 0 to 1"),
    ({"path": tables([0, 0.5, 1], [1, 0.5, 0], time=[0, 0.5, 0.5])}, "path: time should .* 1 to 2"),
    ({"path": {"kind": "ve"}, "prediction": "velocity"}, "prediction: no network predicts"),
    ({"path": {"kind": "discrete"}, "prediction": "velocity"}, "prediction: no network predicts"),
    ({"prediction": "edm"}, "prediction: edm is for a path of kind edm"),
    ({"prediction": "score"}, "prediction: 'score' is unknown"),
    ({"prediction": ["noise"]}, r"prediction: \['noise'\] is unknown"),
    ({"time": "step"}, "time: 'step' is unknown here; there are t, sigma"),
    ({"time": 5}, "time: expected an expression, as text"),
    ({"time": "1 / 0"}, "time: '1 / 0' has no value"),
    ({"time": "round(log(sigma))"}, "time: is not finite everywhere"),
    ({"time": "log(sigma)"}, "time: is not finite everywhere"),
    ({"time": "1e400 * t"}, "time: is not finite everywhere"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_a_wrong_description_is_refused_by_its_field(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Convention(**{"prediction": "v", **arguments})


NUMBERS = st.one_of(
    st.floats(), st.integers(), st.sampled_from([0, 1, -1, 1e-300, 1e300, 10**400, 0.02, 1000, 1e6])
)
VALUES = st.one_of(
    NUMBERS,
    st.text(max_size=4),
    st.sampled_from(["linear", "scaled_linear", "cosine", "trailing", "linspace", None, True]),
    st.lists(NUMBERS, max_size=5),
)
NAMES = (
    *("shift", "steps", "spacing", "offset", "beta_min", "beta_max", "end", "sigma_min"),
    *("alpha", "sigma", "time"),
    *("sigma_max", "rho", "sigma_data", "betas", "first", "last", "zero_snr", "surprise"),
)


@given(
    kind=st.sampled_from(["linear", "discrete", "cosine", "vp", "ve", "edm", "affine"]),
    fields=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
    prediction=st.sampled_from(["noise", "data", "v", "velocity", "reverse_velocity", "edm"]),
)
def test_any_description_is_a_finite_convention_or_refused(
    kind: str, fields: dict[str, Any], prediction: Any
) -> None:
    fields = {name: value for name, value in fields.items() if value != 100_000}
    said = ""
    try:
        convention = Convention({"kind": kind, **fields}, prediction)
        affine = convention.at(torch.linspace(0, 1, 7))
        assert all(z.isfinite().all() for z in affine)
    except ValueError as error:
        said = str(error)
    assert said.startswith(("path", "prediction", "time")) or not said


@given(st.recursive(VALUES, lambda z: st.dictionaries(st.text(max_size=6), z, max_size=3)))
def test_anything_else_is_refused(given: Any) -> None:
    if given is None:
        return
    with pytest.raises(ValueError, match=r"^path"):
        Convention(given)

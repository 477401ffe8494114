from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from stubs import Scripted, model_of

from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.grid import Grid, uniform
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS
from sureflow.model import Model
from sureflow.sampling.sample import run, sample

densities = st.lists(st.floats(-5, 5), min_size=2, max_size=9).map(np.array)


@given(densities, st.integers(1, 1000))
def test_times_ascend_from_zero_to_one(density: np.ndarray, steps: int) -> None:
    times = Grid(density).times(steps)
    assert times.shape == (steps + 1,)
    assert times[0] == 0
    assert times[-1] == 1
    assert (np.diff(times) > 0).all()


@settings(max_examples=30)
@given(densities, st.integers(1, 60))
def test_every_step_has_the_same_share_of_the_density(density: np.ndarray, steps: int) -> None:
    fine = np.linspace(0, 1, 20_001)
    mass = np.exp(np.interp(fine, np.linspace(0, 1, len(density)), density))
    sums = np.append(0, np.cumsum((mass[1:] + mass[:-1]) / 2))
    shares = np.diff(np.interp(Grid(density).times(steps), fine, sums / sums[-1]))
    assert shares == pytest.approx(np.full(steps, 1 / steps), rel=0.01)


@given(st.floats(-5, 5), st.integers(1, 1000))
def test_a_constant_density_is_the_uniform_grid(height: float, steps: int) -> None:
    assert Grid(np.full(4, height)).times(steps) == pytest.approx(uniform(steps), abs=1e-12)


def test_the_uniform_grid_is_that_of_exact_quotients() -> None:
    assert uniform(3).tolist() == [0, 1 / 3, 2 / 3, 1]


@pytest.mark.parametrize("density", [[], [0.0], [[0.0, 1.0]], [0.0, np.nan], [0.0, 6.0]], ids=str)
def test_what_is_no_density_is_refused(density: list[float]) -> None:
    with pytest.raises(ValueError, match="log_density"):
        Grid(np.array(density))


def test_round_trip(tmp_path: Path) -> None:
    grid = Grid(np.array([0.1, -0.7, 2.0]), {"draws": 3})
    grid.save(tmp_path / "grid.safetensors")
    assert (tmp_path / "grid.safetensors").stat().st_mode & 0o777 == 0o644
    read = Grid.load(tmp_path / "grid.safetensors")
    assert read.settings == {"draws": 3}
    assert read.times(17).tobytes() == grid.times(17).tobytes()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"density": np.zeros(3)}, "holds"),
        ({"log_density": np.zeros(3), "more": np.zeros(3)}, "holds"),
        ({"log_density": np.zeros(3, np.float32)}, "float32"),
        ({"log_density": np.zeros((2, 2))}, "shape"),
    ],
)
def test_files_that_do_not_fit_say_why(tmp_path: Path, tensors, message: str) -> None:
    save_file(tensors, tmp_path / "grid.safetensors")
    with pytest.raises(ValueError, match=message):
        Grid.load(tmp_path / "grid.safetensors")


def late() -> Model:
    """A field that turns quickly towards the end, with a grid that is dense there."""

    def velocity(x, t, label):
        return torch.where(t > 0.7, torch.cos(40 * (t - 0.7)), 1.0)[:, None].expand_as(x)

    model = model_of(Scripted(velocity))
    return Model(model.card, model.network, None, Grid(np.array([-1.5, -1.5, 1.0, 1.0])))


@pytest.mark.parametrize("method", METHODS)
def test_steps_placed_where_the_field_turns_come_closer(method: str) -> None:
    truth = normal((2,), 0, 0, Purpose.START).numpy() + 0.7 + np.sin(40 * 0.3) / 40
    errors = {}
    for grid in ("uniform", "fitted"):
        specs = [FlowSpec(0, 0, method, steps, grid=grid) for steps in range(8, 16)]
        ends = np.stack([result.data for result in run(late(), specs)])
        errors[grid] = float(np.square(ends - truth).mean())
    assert errors["fitted"] < errors["uniform"]


def test_lanes_on_different_grids_share_a_batch() -> None:
    model = late()
    specs = [
        FlowSpec(0, index, "heun", steps, grid=grid)
        for index, (steps, grid) in enumerate([(5, "uniform"), (5, "fitted"), (9, "fitted")] * 3)
    ]
    for spec, together in zip(specs, run(model, specs, 4), strict=True):
        (alone,) = run(model, [spec])
        assert together.data.tobytes() == alone.data.tobytes()
        times = model.grid.times(spec.steps) if spec.grid == "fitted" else uniform(spec.steps)
        assert together.t.tolist() == times[:-1].astype(np.float32).tolist()


def test_a_tolerance_knows_no_grid() -> None:
    pair = [sample(late(), tolerance=0.01, grid=grid)[0] for grid in ("uniform", "fitted")]
    assert pair[0].data.tobytes() == pair[1].data.tobytes()


def test_a_model_without_a_fitted_grid_refuses_it(mixture: Model) -> None:
    with pytest.raises(ValueError, match=r"^grid: test has no fitted grid"):
        sample(mixture, grid="fitted")
    with pytest.raises(ValueError, match=r"^grid: 'dense' is unknown"):
        sample(mixture, grid="dense")

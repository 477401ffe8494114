"""Energies of crystals against closed forms, and lanes that are guided down them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import special_ortho_group
from torch import Tensor

from sureflow.core.elements import RADII
from sureflow.core.lane import Branch, Sample
from sureflow.families.crystals.energies import APART, ENERGIES, register, repulsion
from sureflow.families.crystals.operations import GuideDown
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.model import Model
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import run

SODIUM, CHLORINE = 11, 17


def salt(distance: float, length: float = 9.0) -> tuple[Tensor, Tensor, Tensor]:
    """Two atoms along the first vector of a cube."""
    frac = torch.tensor([[0.0, 0, 0], [distance / length, 0, 0]], dtype=torch.float64)
    lattice = length * torch.eye(3, dtype=torch.float64)
    return lattice, frac, torch.tensor([SODIUM, CHLORINE])


def energy_of(sample: Sample, energy: str = "repulsion") -> float:
    table = torch.from_numpy(sample.data).double()
    return float(ENERGIES[energy](table[:3, :3], table[3:, :3], table[3:, 3].long()))


def test_two_atoms_repel_each_other_by_the_formula() -> None:
    reach = APART * (RADII[SODIUM] + RADII[CHLORINE])
    for distance in (0.3, 1.0, 2.0):
        expected = (1 - distance / reach) ** 2
        assert float(repulsion(*salt(distance))) == pytest.approx(expected)
    assert float(repulsion(*salt(reach * 1.001))) == 0


def test_an_atom_repels_its_own_images() -> None:
    """In a cube of length a: along three axes, as the diagonals are farther than it reaches."""
    reach = APART * 2 * RADII[SODIUM]
    length = 0.8 * reach
    atom = torch.zeros(1, 3, dtype=torch.float64), torch.tensor([SODIUM])
    found = repulsion(length * torch.eye(3, dtype=torch.float64), *atom)
    assert float(found) == pytest.approx(3 * 0.2**2)


def test_it_does_not_depend_on_origin_image_or_rotation() -> None:
    rng = np.random.default_rng(0)
    lattice = torch.from_numpy(3 * np.eye(3) + 0.5 * rng.standard_normal((3, 3)))
    frac, species = torch.from_numpy(rng.random((4, 3))), torch.tensor([12, 22, 8, 8])
    value = float(repulsion(lattice, frac, species))
    assert value > 0.1
    turned = lattice @ torch.from_numpy(special_ortho_group.rvs(3, random_state=0))
    moved = frac + torch.from_numpy(rng.random(3))
    images = frac + torch.from_numpy(rng.integers(-2, 3, (4, 3)))
    for other in ((turned, frac), (lattice, moved), (lattice, images)):
        assert float(repulsion(*other, species)) == pytest.approx(value, rel=1e-9)


def test_its_gradient_is_that_of_differences_and_always_finite() -> None:
    lattice, frac, species = salt(1.1)
    frac[1, 1] = 0.05
    assert torch.autograd.gradcheck(
        lambda a, b: repulsion(a, b, species), (lattice.requires_grad_(), frac.requires_grad_())
    )
    together = torch.zeros(2, 3, requires_grad=True)
    unknown = torch.tensor([0, 2])
    repulsion(torch.eye(3), together, unknown).backward()  # type: ignore[no-untyped-call]
    assert together.grad is not None
    assert torch.isfinite(together.grad).all()


def specs(count: int, **fields: object) -> list[CrystalSpec]:
    cells = ((11, 17), (20, 22, 8, 8))
    return [
        CrystalSpec(
            5,
            index,
            condition={"composition": np.array(cells[index % 2], np.float32)},
            size=(len(cells[index % 2]),),
            steps=12,
            scores=("trajectory",),
            **fields,
        )
        for index in range(count)
    ]


def guided(spec: CrystalSpec, operator: str, strength: float, step: int = 0) -> CrystalSpec:
    return replace(spec, origin=Branch(spec, step, (GuideDown(operator, strength),)))


def test_guided_crystals_have_less_of_the_energy(crystals: Model) -> None:
    """Of a network that has learned nothing, whose atoms lie upon each other."""
    plain = specs(12)
    for spec in plain:
        crystals.check(guided(spec, "repulsion", 1.0))
    before = [energy_of(sample) for sample in run(crystals, plain, 6)]
    means = [np.mean(before)]
    for strength in (0.1, 1.0):
        edits = [guided(spec, "repulsion", strength) for spec in plain]
        after = [energy_of(sample) for sample in run(crystals, edits, 6)]
        assert all(a <= b + 1e-6 for a, b in zip(after, before, strict=True))
        means.append(np.mean(after))
    assert means[2] < means[1] < means[0]
    assert means[2] < 0.3 * means[0]


def test_an_energy_of_ones_own_moves_the_cell(crystals: Model) -> None:
    """The square of what the volume lacks of 30 cubic angstrom per atom."""

    def volume(lattice: Tensor, frac: Tensor, species: Tensor) -> Tensor:
        return (torch.linalg.det(lattice) / len(species) / 30 - 1).square()

    register("volume of 30", volume)
    plain = specs(8)
    edits = [guided(spec, "volume of 30", 0.5) for spec in plain]
    after, before = (
        np.array([energy_of(sample, "volume of 30") for sample in run(crystals, lanes, 8)])
        for lanes in (edits, plain)
    )
    assert (after <= before + 1e-3).all()
    assert after.sum() < 0.4 * before.sum()


def test_a_guided_lane_has_its_bytes_in_company_from_a_frame_and_by_its_recipe(
    crystals: Model,
) -> None:
    edits = [guided(spec, "repulsion", 0.7, step=3) for spec in specs(6)]
    crowd = run(crystals, [*edits, *specs(3)], 5)
    for edit, sample in zip(edits, crowd, strict=False):
        (alone,) = run(crystals, [edit], 1)
        (again,) = run(crystals, [parse(dump(edit))], 1)
        (whole,) = run(crystals, [replace(edit, keep=(0.5,))], 1)
        (frame,) = whole.frames
        rest = replace(edit, origin=Branch(edit, frame.step, (), frame))
        (later,) = run(crystals, [rest], 1)
        for other in (alone, again, later):
            assert other.data.tobytes() == sample.data.tobytes()
            assert other.scores == sample.scores


def test_an_energy_that_is_not_there_is_refused(crystals: Model) -> None:
    (spec,) = specs(1)
    with pytest.raises(ValueError, match=r"operations\.0\.operator: .*choose from .*repulsion"):
        crystals.check(guided(spec, "brightness", 1.0))

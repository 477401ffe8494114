"""The lanes of crystals: those of a flow, on the torus as far as coordinates go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Slots
from sureflow.core.crystal import CELL, SCALE, table_of
from sureflow.core.draw import Purpose, normal, uniform
from sureflow.core.lane import LATENT, Array, Inverted, View
from sureflow.core.transfer import to_device
from sureflow.families.crystals.energies import ENERGIES
from sureflow.families.crystals.spec import COMPOSITION
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.objectives import Objective
from sureflow.networks.crystal_state import displacement, metric, nearest, noise_of, start


class CrystalLanes(FlowLanes):
    """Lanes of one number of atoms. Coordinates stay unwrapped until a crystal is finished."""

    def draw(self, seed: int, index: int, purpose: Purpose, step: int = 0) -> Tensor:
        """Noise: a normal cell, and coordinates uniform on the torus."""
        at = (self.shape, seed, index, purpose, step)
        return noise_of(normal(*at), uniform(*at))

    def renewed(self, noise: Tensor, fresh: Tensor, strength: float) -> Tensor:
        """Noise, a part of which is drawn anew; uniform coordinates stay so if they are moved."""
        cell = super().renewed(noise[:CELL], fresh[:CELL], strength)
        return torch.cat([cell, noise[CELL:] + strength * fresh[CELL:]])

    def begun(self, owner: Slots, noise: Tensor, data: Tensor) -> Tensor:
        """The order and image of the noise from which the path to the data is the shortest one."""
        species = self.given.arrays[COMPOSITION][to_device(owner, self.device)]
        return start(noise, data, species)

    def toward(self, slot: int, noise: Tensor, known: Tensor, mask: Tensor) -> Tensor:
        """The masked atoms nearest to where they go, but for a movement of all of them.

        The velocities of all atoms add up to zero, and so do those of the masked ones.
        """
        atoms = mask[CELL:].any(1)
        begin = noise.clone()
        if atoms.any():
            species = self.given.arrays[COMPOSITION][slot][atoms]
            begun, end = noise[CELL:][atoms], known[CELL:][atoms]
            begin[CELL:][atoms] = nearest(begun[None], end[None], species[None])[0]
        return begin

    def sample_of(self, slot: int, state: Array) -> tuple[Array, dict[str, Array]]:
        """The table of a lane's state and its elements, and the state itself."""
        species = self.given.arrays[COMPOSITION][slot].cpu().numpy()
        return table_of(state, species), {LATENT: state}

    def objective(self, slot: int, name: str) -> Objective:
        """Minus an energy of the crystal in a lane's state, with the elements that it then has."""
        energy, given = ENERGIES[name], self.given.arrays[COMPOSITION]

        def lower(state: Tensor) -> Tensor:
            lattice, _ = torch.linalg.cholesky_ex(metric(state[None])[0])
            return -energy(lattice, state[CELL:] / SCALE, given[slot].long())

        return lower

    def missed(self, given: Inverted, state: Array, spread: float) -> float:
        """How far a state is from that of a given crystal, by the shortest way on the torus."""
        way = displacement(torch.from_numpy(state[CELL:] - given.data[CELL:])).numpy()
        made = np.concatenate([state[:CELL], given.data[CELL:] + way])
        return given.error(made, spread)

    def view(self, slot: int) -> View:
        """The view of a lane, its states as tables."""
        view = super().view(slot)
        state, prediction = (
            self.sample_of(slot, each)[0] for each in (view.state, view.prediction)
        )
        return replace(view, state=state, prediction=prediction)

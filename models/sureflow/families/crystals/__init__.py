"""Crystals: a cell and atoms on the torus, made by the flow of a given composition.

A lane moves the six real numbers of the cell and the fractional coordinates of a number of atoms,
which its composition determines; see :mod:`sureflow.core.crystal`. All of a flow serves it: its
solvers, its grids, its guidance and most of its scores. Its own are the noise on the torus and the
straight paths there, compositions, tables of atoms with their formats, and the score
``renoised_nll``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.crystal import VECTORS, state_of
from sureflow.core.elements import HEAVIEST
from sureflow.core.json_array import read_of_any_length
from sureflow.core.lane import Array
from sureflow.core.schema import InvalidFieldError
from sureflow.families.crystals import requests
from sureflow.families.crystals import setting as settings
from sureflow.families.crystals.cif import can_cif, table_of_cif
from sureflow.families.crystals.codec import CrystalCodec
from sureflow.families.crystals.operation_bodies import OPERATION_BODIES
from sureflow.families.crystals.operations import OPERATIONS
from sureflow.families.crystals.options import CrystalOptions
from sureflow.families.crystals.scores.catalogue import SCORES, WHOLE
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.families.flow import Flow

FREE = "trajectory"
"""The score of a model without a variance."""


class Crystals(Flow):
    """The family of crystals."""

    name = "crystals"
    spec: ClassVar[type[CrystalSpec]] = CrystalSpec
    scores = SCORES
    default_score = WHOLE
    engine = "sureflow.families.crystals.engine:CrystalEngine"
    sampler: ClassVar[type[CrystalOptions]] = CrystalOptions
    operations = OPERATIONS
    operation_bodies = OPERATION_BODIES
    codec = CrystalCodec()
    inversion = CrystalOptions(method="dopri5", tolerance=1e-4)
    wire_names: Mapping[str, str] = {**Flow.wire_names, "size": "condition.composition"}

    canonical = staticmethod(requests.canonical)
    lane = staticmethod(requests.lane)
    edit = staticmethod(requests.edit)
    setting = staticmethod(settings.setting)
    strata = staticmethod(settings.strata)
    draws = staticmethod(settings.draws)
    drawn = staticmethod(settings.drawn)

    def view(self, card: ModelCard) -> str:
        """Cells with atoms."""
        return "crystal"

    def usual_score(self, card: ModelCard) -> str:
        """The score that ranked stable crystals best, if there is a variance."""
        return FREE if card.variance == "none" else self.default_score

    def given_sample(self, card: ModelCard, written: Any, field: str) -> Array:
        """Return the table of a crystal that is to be inverted: a CIF, or a table ``[3 + n, 4]``.

        Raises:
            InvalidFieldError: It is malformed, or has a number of atoms that is not served.
        """
        try:
            if isinstance(written, str) and "_cell_length_a" in written:
                if not can_cif():
                    raise ValueError("is a CIF, which this server reads with sureflow[crystals]")
                table = table_of_cif(written)
            else:
                table = read_of_any_length(written, 2, field)
                _check_table(table)
            state_of(table)
        except InvalidFieldError:
            raise
        except ValueError as error:
            raise InvalidFieldError(field, str(error)) from None
        requests.count_of(card, table, field)
        return table


def _check_table(table: Array) -> None:
    if table.shape[1] != 4 or len(table) <= VECTORS:
        raise ValueError(
            "is no table: three lattice vectors, each with a 0, then atoms of coordinates and"
            " atomic number"
        )
    if not np.isin(table[VECTORS:, 3], np.arange(1, HEAVIEST + 1)).all():
        raise ValueError("has an atom without an atomic number")


FAMILY = Crystals()

"""The periodic table."""

from __future__ import annotations

import numpy as np

from sureflow.core.elements import HEAVIEST, NUMBERS, SYMBOLS, properties


def test_elements_are_where_they_belong() -> None:
    assert (NUMBERS["H"], NUMBERS["Fe"], NUMBERS["Pb"], SYMBOLS[NUMBERS["U"] - 1]) == (
        1,
        26,
        82,
        "U",
    )
    assert len({*SYMBOLS}) == HEAVIEST


def test_properties_are_standardised_where_they_are_known() -> None:
    found = properties()
    assert found.shape == (1 + HEAVIEST, 7)
    assert np.isfinite(found).all()
    assert (found[0] == 0).all()
    electronegativity = found[:, 2]
    assert electronegativity.argmax() == NUMBERS["F"]
    np.testing.assert_allclose(found[1:, 0].mean(), 0, atol=1e-5)

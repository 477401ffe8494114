"""Example rows of a head begin alike, however many there are: block sizes are checked by it."""

from __future__ import annotations

import pytest
import torch

from sureflow.checkpoint import load
from sureflow.core.engine import engine_of
from sureflow.folders import embedded_folder

NAMES = sorted(path.parent.name for path in embedded_folder().glob("*/config.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_first_rows_do_not_depend_on_how_many_follow(name: str) -> None:
    model = load(name)
    engine = engine_of(model.card.family)(model)
    for bucket in engine.buckets():
        for head in engine.at(bucket).heads().values():
            few, many = head.example(3), head.example(7)
            assert few.keys() == many.keys()
            for key, value in few.items():
                assert torch.equal(many[key][:3], value), key

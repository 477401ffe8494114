"""What is said about the kernels of a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sureflow.checkpoint import load
from sureflow.folders import embedded_folder
from sureflow.numerics import describe
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.fingerprint import numerics_of

EMBEDDED = sorted(folder.name for folder in embedded_folder().iterdir() if folder.is_dir())


@pytest.mark.parametrize("name", EMBEDDED)
def test_small_blocks_of_every_embedded_model_agree(name: str) -> None:
    """One row alone is not computed beside fifteen empty ones, on no kind of processor."""
    sizes = main_head(load(name)).sizes
    assert {1, 2, 4, 8, 16} <= {*sizes}


def test_it_tells_all_that_matters() -> None:
    model = load("ring")
    told = numerics_of(model)
    assert told.items() >= describe().items()
    assert told["device"] == "cpu"
    assert told["block_rows"] == [*main_head(model).sizes]
    assert numerics_of(load("ring"))["fingerprint"] == told["fingerprint"]


def test_another_last_bit_is_another_fingerprint() -> None:
    model, told = load("ring"), numerics_of(load("ring"))
    with torch.no_grad():
        weight = max(model.network.parameters(), key=torch.numel)
        weight.copy_(torch.nextafter(weight, torch.full_like(weight, torch.inf)))
    assert numerics_of(model)["fingerprint"] != told["fingerprint"]


def test_cards_of_one_model_are_equal_whatever_they_run_on() -> None:
    card = load("ring").card
    assert replace(card, numerics={"fingerprint": "another"}) == card

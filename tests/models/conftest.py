from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from stubs import Open, model_of

from sureflow.model import Model
from sureflow.networks import UNet
from sureflow.sampling import blocks


@pytest.fixture(scope="module", autouse=True)
def sizes_tried_once() -> Iterator[None]:
    """Models of tests try their block sizes on few rows, as large networks always do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "TIMED_S", 0.0)
        yield


@pytest.fixture(scope="session")
def mixture() -> Model:
    return model_of(
        Open(
            means=[[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]],
            weights=[0.5, 0.3, 0.2],
            covariances=[0.3, 0.2, 0.25],
            labels=[0, 1, 1],
        )
    )


@pytest.fixture(scope="session")
def unet() -> Model:
    """A small random U-Net whose every parameter matters."""
    torch.manual_seed(0)
    network = UNet((1, 8, 8), channels=(16, 32), blocks=1, classes=3, embedding=32, groups=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model_of(network)

"""The offline functions."""

import numpy as np
import pytest
from stubs import model_of

import sureflow
from sureflow.families.flow.operations import Resample
from sureflow.networks import GaussianMixture


def test_a_sample_is_taken_up_again(mixture) -> None:
    (whole,) = sureflow.sample(mixture, 1, 3, label=0, steps=10)
    for at in (0, 4, 0.45, 1.0, "commit"):
        (same,) = sureflow.edit(mixture, whole, at)
        assert same.data.tobytes() == whole.data.tobytes()
    first = sureflow.edit(mixture, whole, 0.4, [Resample(0.5)], branches=3, keep=(0.6,))
    assert len({sample.data.tobytes() for sample in first}) == 3
    assert [sample.spec.index for sample in first] == [0, 1, 2]
    assert [sample.spec.origin.step for sample in first] == [4, 4, 4]
    (frame,) = first[1].frames
    (second,) = sureflow.edit(mixture, first[1], frame.t, label=1)
    assert second.spec.origin.frame is frame
    assert second.evaluations == 2 * 4
    for wrong in (10, -1, 1.5, "somewhere"):
        with pytest.raises(ValueError, match=r"^at: "):
            sureflow.edit(mixture, whole, wrong)
    with pytest.raises(ValueError, match=r"^operations.0.strength: "):
        sureflow.edit(mixture, whole, 3, [Resample(2.0)])


def test_given_samples_are_inverted() -> None:
    model = model_of(GaussianMixture([[1.0, -2.0]], [1.0], [0.5]))
    data = np.array([[1.5, -1.0], [0.5, -2.0]], np.float32)
    made = sureflow.invert(model, data, scores=("likelihood",))
    np.testing.assert_allclose([s.start for s in made], [[1.0, 2.0], [-1.0, 0.0]], atol=1e-3)
    assert all(sample.inversion_error < 1e-3 for sample in made)
    with pytest.raises(ValueError, match=r"^data: "):
        sureflow.invert(model, data[:, :1])

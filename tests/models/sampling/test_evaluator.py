import torch
from stubs import Scripted

from sureflow.sampling.evaluator import ROW_COUNTS, Evaluator, verified_sizes


def test_sizes_whose_bits_depend_on_the_batch_are_left_out() -> None:
    """A network that rounds differently below ten rows, as real kernels do below some size."""

    def velocity(x, t, label):
        return x * (1 + 1e-7 * (len(x) < 10))

    assert verified_sizes(Scripted(velocity), (4, 8, 12, 16)) == (12, 16)


def test_sizes_whose_bits_depend_on_the_position_are_left_out() -> None:
    def velocity(x, t, label):
        shift = torch.zeros(len(x))
        shift[-1] = 1e-3 if len(x) == 8 else 0.0
        return x + shift[:, None]

    assert verified_sizes(Scripted(velocity), (4, 8, 16)) == (4, 16)


def test_any_number_of_rows_is_split_into_known_sizes() -> None:
    seen = []

    def velocity(x, t, label):
        seen.append(len(x))
        return 2 * x

    evaluate = Evaluator(Scripted(velocity), (4, 8, 16))
    for count in (1, 4, 5, 16, 17, 45):
        seen.clear()
        x = torch.randn(count, 2)
        out = evaluate(x, torch.rand(count), torch.zeros(count, dtype=torch.long))
        assert torch.equal(out.mean, 2 * x)
        assert out.variance is not None
        assert len(out.variance) == count
        assert set(seen) <= {4, 8, 16}
        assert sum(seen) - count < 8


def test_a_real_network_keeps_most_sizes(unet) -> None:
    sizes = verified_sizes(unet.network, ROW_COUNTS)
    assert max(ROW_COUNTS) in sizes

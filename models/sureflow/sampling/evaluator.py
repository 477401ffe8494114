"""Network evaluation on fixed row counts, so that a row's bits do not depend on its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork
from sureflow.sampling.noise import Purpose, normal

ROW_COUNTS = (4, 8, 12, 16, 24, 32, 48, 64)


class Evaluator:
    """Evaluates any number of rows in padded blocks of verified sizes.

    Kernels choose their blocking by the size of the batch, and with it the order of their sums.
    The sizes used here were compared, bit by bit and at shifted positions, with the largest one
    when the evaluator was made; those that differ are left out.

    Args:
        network: In evaluation mode, on its device.
        candidates: Block sizes to try, ascending.
    """

    def __init__(self, network: VelocityNetwork, candidates: Sequence[int] = ROW_COUNTS) -> None:
        self.network = network
        self.sizes = verified_sizes(network, candidates)

    def __call__(self, x: Tensor, t: Tensor, label: Tensor) -> Moments:
        """Velocity and variance of rows ``x [n, *shape]``, ``t [n]``, ``label [n]``; n >= 1."""
        means, variances = [], []
        start = 0
        while start < len(x):
            size = self._size(len(x) - start)
            part = slice(start, start + size)
            out = self.network.moments(
                _pad(x[part], size), _pad(t[part], size), _pad(label[part], size)
            )
            kept = min(size, len(x) - start)
            assert out.variance is not None
            means.append(out.mean[:kept])
            variances.append(out.variance[:kept])
            start += size
        if len(means) == 1:
            return Moments(means[0], variances[0])
        return Moments(torch.cat(means), torch.cat(variances))

    def _size(self, rows: int) -> int:
        """The smallest block that holds the rows, or the largest there is."""
        return next((size for size in self.sizes if size >= rows), self.sizes[-1])


def _pad(rows: Tensor, size: int) -> Tensor:
    missing = size - len(rows)
    if missing == 0:
        return rows
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])])


def verified_sizes(network: VelocityNetwork, candidates: Sequence[int]) -> tuple[int, ...]:
    """The block sizes whose rows equal, bit for bit, those of the largest block."""
    largest = max(candidates)
    device = network.device
    x = torch.stack([normal(network.shape, 0, row, Purpose.START) for row in range(largest)])
    t = torch.linspace(0, 1, largest)
    label = torch.arange(largest) % (network.classes + 1)
    x, t, label = x.to(device), t.to(device), label.to(device)
    with torch.inference_mode():
        whole = network.moments(x, t, label)

        def agrees(size: int) -> bool:
            for start in (1, largest - size) if size < largest else ():
                part = slice(start, start + size)
                out = network.moments(x[part], t[part], label[part])
                assert out.variance is not None
                assert whole.variance is not None
                same = torch.equal(out.mean, whole.mean[part])
                if not (same and torch.equal(out.variance, whole.variance[part])):
                    return False
            return True

        return tuple(size for size in sorted(candidates) if agrees(size))

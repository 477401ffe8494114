"""A probabilistic circuit: an exact probability of discrete samples, and of every part of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.networks import tensor_file

MOST_VARIABLES, MOST_VALUES, MOST_NODES, MOST_REPLICAS = 1 << 14, 256, 64, 256
DOUBLE = torch.float64


class Circuit(nn.Module):
    """A sum-product network over variables with ``K`` values each, complete and decomposable.

    Each of ``R`` replicas has an order of the variables. Neighbours in it are joined pair by pair
    up to one root: a product of two sectors of ``N`` nodes, then ``N`` sums of all of these. The
    replicas are mixed. All weights of a sum add up to 1, in double precision, so that the
    probabilities of all samples do, and marginals are exact: the leaves of a variable that is left
    out are 1. Shih, Sadigh and Ermon, HyperSPN (2021); training is in
    :mod:`sureflow.evaluation.circuits`.

    Args:
        shape: Shape of one sample; its components are the variables.
        threshold: With two values: above it a component is 1. With more they are counts, and those
            from ``K - 1`` on are one value.
        tensors: ``order`` ``[R, P]`` int64 with ``P`` the power of two from the number of variables
            on; logits float32 of the weights: ``leaf`` ``[R, P, N, K]``, ``sum1`` ``[R, P / 2, N,
            N]``, ``sum2``, ..., ``root`` ``[R, N]``, ``mix`` ``[R]``.
        settings: How it was trained.

    Raises:
        ValueError: The tensors have other shapes or types, or other values than they can have.
    """

    order: Tensor
    leaf_weights: Tensor
    root_weights: Tensor
    mix_weights: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        threshold: float,
        tensors: dict[str, Tensor],
        settings: dict[str, Any],
    ) -> None:
        super().__init__()
        self.shape, self.threshold, self.settings = tuple(shape), float(threshold), settings
        self.variables = math.prod(shape)
        leaf = tensors.get("leaf")
        if leaf is None or leaf.dim() != 4:
            raise ValueError("leaf: missing, or not [R, P, N, K]")
        replicas, places, nodes, self.values = leaf.shape
        if not (replicas <= MOST_REPLICAS and nodes <= MOST_NODES and self.values <= MOST_VALUES):
            raise ValueError(f"leaf: [{', '.join(map(str, leaf.shape))}] is too large")
        expected = sizes(self.variables, replicas, nodes, self.values)
        if tensors.keys() != expected.keys():
            raise ValueError(f"holds {sorted(tensors)}, not {sorted(expected)}")
        for name, tensor in tensors.items():
            dtype = torch.int64 if name == "order" else torch.float32
            if tuple(tensor.shape) != expected[name] or tensor.dtype != dtype:
                raise ValueError(f"{name}: {[*tensor.shape]} {tensor.dtype}")
            if not tensor.isfinite().all():
                raise ValueError(f"{name}: holds NaN or infinity")
        every = torch.arange(places, device=tensors["order"].device)
        if not torch.equal(tensors["order"].sort(1).values, every.expand(replicas, -1)):
            raise ValueError("order: is no permutation")
        self._given = dict(tensors)
        self.register_buffer("order", tensors["order"], persistent=False)
        self.levels = len(expected) - 4
        for name in ("leaf", *(f"sum{n + 1}" for n in range(self.levels)), "root", "mix"):
            weights = torch.softmax(tensors[name].to(DOUBLE), -1)
            self.register_buffer(f"{name}_weights", weights, persistent=False)

    def read(self, x: Tensor) -> Tensor:
        """Values ``[n, variables]``, int64, of samples ``[n, *shape]``."""
        flat = x.flatten(1)
        if self.values == 2:
            return (flat > self.threshold).long()
        return flat.round().clamp(0, self.values - 1).long()

    def indicators(self, values: Tensor) -> Tensor:
        """Leaves ``[n, variables, K]`` of values; those of a variable below 0, left out, are 1."""
        leaves = torch.nn.functional.one_hot(values.clamp(min=0), self.values).to(DOUBLE)
        return torch.where((values < 0)[..., None], 1.0, leaves)

    def log_probability(self, leaves: Tensor) -> Tensor:
        """``log p`` of leaves ``[n, variables, K]``, ``[n]``, in the precision of the weights."""
        padding = leaves.new_ones(len(leaves), self.order.shape[1] - self.variables, self.values)
        placed = torch.cat([leaves, padding], 1)[:, self.order].to(self.leaf_weights)
        y = torch.einsum("brpk,rpmk->brpm", placed, self.leaf_weights).log()
        for number in range(1, self.levels + 1):
            y = _sum(y[:, :, ::2] + y[:, :, 1::2], getattr(self, f"sum{number}_weights"))
        if y.shape[2] == 2:
            y = y[:, :, :1] + y[:, :, 1:]
        y = _sum(y, self.root_weights[:, None, None])  # [n, R, 1, 1]
        return _sum(y.movedim(1, 3), self.mix_weights[None, None, None])[:, 0, 0, 0]

    def forward(self, x: Tensor) -> Tensor:
        """``-log p`` of samples ``[n, *shape]``, ``[n]`` in nats; larger is less probable."""
        return -self.log_probability(self.indicators(self.read(x)))

    def surprise(self, x: Tensor) -> Tensor:
        """``-log p(x_i | all others)`` of every component of samples, ``[n, *shape]`` in nats.

        ``p`` is linear in the leaves of each variable, so that its derivatives are the joint
        probabilities with other values of that variable (Darwiche, A Differential Approach to
        Inference in Bayesian Networks, 2003): one pass backward gives all.
        """
        with torch.inference_mode(False), torch.enable_grad():
            leaves = self.indicators(self.read(x.clone())).requires_grad_()
            (slope,) = torch.autograd.grad(self.log_probability(leaves).sum(), leaves)
        return slope.sum(-1).log().reshape(x.shape).float()

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies it."""
        return self._given

    def save(self, path: Path) -> None:
        """Write it into a checkpoint folder."""
        about = {"shape": [*self.shape], "threshold": self.threshold}
        tensor_file.write(path, self.tensors(), {**self.settings, **about})

    @classmethod
    def load(cls, path: Path) -> Circuit:
        """Read one.

        Raises:
            ValueError: The file is of something else, or its tensors are not those of a circuit.
        """
        tensors, settings = tensor_file.read_all(path)
        shape, threshold = settings.get("shape"), settings.get("threshold")
        if not isinstance(shape, list) or not all(type(z) is int and z > 0 for z in shape):
            raise ValueError("says no shape")
        if not (isinstance(threshold, float) and math.prod(shape) <= MOST_VARIABLES):
            raise ValueError("says no threshold, or of too many variables")
        return cls(shape, threshold, tensors, settings).eval()


def sizes(variables: int, replicas: int, nodes: int, values: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a circuit's tensors, by name."""
    places = 2 ** max(1, math.ceil(math.log2(variables)))
    found: dict[str, tuple[int, ...]] = {
        "order": (replicas, places),
        "leaf": (replicas, places, nodes, values),
    }
    width, number = places // 2, 1
    while width > 1:
        found[f"sum{number}"] = (replicas, width, nodes, nodes)
        width, number = width // 2, number + 1
    return found | {"root": (replicas, nodes), "mix": (replicas,)}


def _sum(y: Tensor, weights: Tensor) -> Tensor:
    """``log sum_n w_mn exp y_n`` for ``y [b, R, S, n]`` and weights ``[R, S, m, n]``."""
    most = y.detach().amax(-1, keepdim=True)
    return torch.einsum("brsn,rsmn->brsm", (y - most).exp(), weights).log() + most

"""A perceptron that predicts counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sureflow.moments import RowwiseLinear
from sureflow.networks.count_network import CountNetwork
from sureflow.networks.embedding import Embedding

MAX_WIDTH, MAX_LAYERS, MAX_PARTS = 4096, 64, 16

WHOLE = 32
"""Widths are multiples of it, for which products sum alike for any number of rows."""


class CountMLP(CountNetwork):
    """Predicts every count by an exponential family, whose parameters a perceptron computes.

    A component's prior, given the others, the time and the label, is in proportion to
    ``exp(sum_k a_k f_k(v))`` over counts ``v``, with the statistics ``v``, ``log v!``,
    ``log(1 + v)``, ``sqrt(v)`` and whether ``v`` is 0: Poisson, geometric and zero-inflated laws
    and what lies between; or to a sum of several such terms, for laws with several peaks. The
    posterior is that times the likelihood of the state, which is exact.

    Args:
        components: See :class:`~sureflow.networks.count_network.CountNetwork`.
        most: Likewise.
        classes: Likewise.
        source: Likewise.
        mean: Likewise.
        width: Hidden units of a layer, a multiple of 32.
        layers: Residual layers.
        dropout: Share of hidden units that are dropped in training.
        parts: Terms of a prior.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    statistics: Tensor

    def __init__(
        self,
        components: Sequence[str],
        most: int,
        classes: int = 0,
        source: str = "poisson",
        mean: float = 1.0,
        width: int = 192,
        layers: int = 3,
        dropout: float = 0.1,
        parts: int = 1,
    ) -> None:
        super().__init__(components, most, classes, source, mean)
        if not 1 <= width <= MAX_WIDTH or width % WHOLE:
            raise ValueError(f"width: {width} is no multiple of {WHOLE} up to {MAX_WIDTH}")
        if not 1 <= layers <= MAX_LAYERS:
            raise ValueError(f"layers: {layers} is not in 1 .. {MAX_LAYERS}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: {dropout} is not in 0 .. 1")
        if not 1 <= parts <= MAX_PARTS:
            raise ValueError(f"parts: {parts} is not in 1 .. {MAX_PARTS}")
        v = torch.arange(most + 1, dtype=torch.float32)
        kinds = [v / 10, torch.lgamma(v + 1) / 30, torch.log1p(v), v.sqrt(), (v == 0).float()]
        kinds += [torch.ones_like(v)] * (parts > 1)  # which weighs the terms
        self.register_buffer("statistics", torch.stack(kinds), persistent=False)
        d, self.parts = len(components), parts
        self.embedding = Embedding(width, classes)
        self.input = RowwiseLinear(2 * d, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.layers = nn.ModuleList(RowwiseLinear(width, width) for _ in range(layers))
        self.shifts = nn.ModuleList(RowwiseLinear(width, width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.output = RowwiseLinear(width, d * parts * len(kinds))
        nn.init.zeros_(self.output.weight)
        with torch.no_grad():  # as 1 / (1 + v)^2 at first; further terms have peaks of their own
            start = torch.zeros(d, parts, len(kinds))
            start[:, 0, 2] = -2
            for part in range(1, parts):
                peak = math.log(most * part / parts)
                start[:, part, 0], start[:, part, 1] = 2 * peak, -6.0
            self.output.bias.copy_(start.flatten())

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """See :class:`~sureflow.networks.count_network.CountNetwork`."""
        counts, about = x.float(), self.embedding(t, label)
        h = self.input(torch.cat([counts.log1p(), (counts > 0).float()], 1))
        for norm, layer, shift in zip(self.norms, self.layers, self.shifts, strict=True):
            h = h + self.dropout(layer(nn.functional.silu(norm(h) + shift(about))))
        kinds = len(self.statistics)
        natural = self.output(nn.functional.silu(h)).view(len(x), -1, self.parts, kinds)
        seen = self.seen(x, t)
        # Added one by one, since the order of a sum over an axis depends on the number of rows.
        total: Tensor | None = None
        for part in range(self.parts):
            term = seen
            for kind in range(kinds):
                term = term + natural[:, :, part, kind, None] * self.statistics[kind]
            total = term if total is None else torch.logaddexp(total, term)
        assert total is not None
        return total.log_softmax(2)

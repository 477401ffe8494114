"""Trains a circuit, whose weights a small network makes of embeddings, on discrete data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks.scorers.circuit import Circuit, sizes
from sureflow.training.suited import data_at

RATE, BATCH, HIDDEN = 1e-2, 64, 20


class _Weights(nn.Module):
    """Logits of all weights of a circuit: one network reads an embedding of each sector."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], size: int) -> None:
        super().__init__()
        nodes, values = shapes["leaf"][2:]
        self.shapes = {
            name: shape for name, shape in shapes.items() if name not in ("order", "mix")
        }
        made = {name: math.prod(shape[:2]) for name, shape in self.shapes.items() if name != "root"}
        made["root"] = shapes["root"][0]
        self.embeddings = nn.ParameterDict(
            {name: nn.Parameter(torch.randn(count, size)) for name, count in made.items()}
        )
        largest = nodes * max(nodes, values)
        self.net = nn.Sequential(
            nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()
        )
        self.heads = nn.ModuleDict(
            {"leaf": nn.Linear(HIDDEN, nodes * values), "sum": nn.Linear(HIDDEN, largest)}
        )
        self.mix = nn.Parameter(torch.zeros(shapes["mix"]))

    def forward(self) -> dict[str, Tensor]:
        """Logits by name."""
        found: dict[str, Tensor] = {"mix": self.mix}
        for name, shape in self.shapes.items():
            head = self.heads["leaf" if name == "leaf" else "sum"]
            made = head(self.net(self.embeddings[name]))
            count = math.prod(shape) // len(made)
            found[name] = made[:, :count].reshape(shape)
        return found


def order(shape: Sequence[int], replicas: int, places: int, generator: torch.Generator) -> Tensor:
    """Orders of the variables, ``[replicas, places]``; what is no variable comes at random places.

    Those of an image's even replicas keep neighbours together: bits of row and column take turns,
    after the image was shifted. Others are random.
    """
    found, count = [], math.prod(shape)
    for replica in range(replicas):
        if len(shape) < 2 or replica % 2:
            found.append(torch.randperm(places, generator=generator))
            continue
        rows, columns = shape[-2:]
        row = (torch.arange(rows) + int(torch.randint(rows, (1,), generator=generator))) % rows
        column = torch.randint(columns, (1,), generator=generator)
        across = (torch.arange(columns) + int(column)) % columns
        key = (_spread(row)[:, None] * 2 + _spread(across)[None]).flatten()
        key = (key[None] + torch.arange(count // len(key))[:, None] * (1 << 40)).flatten()
        rest = torch.arange(count, places)
        found.append(torch.cat([key.argsort(), rest]))
    return torch.stack(found)


def _spread(number: Tensor) -> Tensor:
    """Bits of numbers at every other place."""
    return sum((((number >> bit) & 1) << (2 * bit) for bit in range(16)), torch.zeros_like(number))


def train_circuit(
    data: Tensor,
    settings: dict[str, Any],
    *,
    values: int = 2,
    threshold: float = 0.0,
    replicas: int = 8,
    nodes: int = 8,
    steps: int = 1500,
    seed: int = 0,
    device: str = "cpu",
    quiet: bool = False,
) -> Circuit:
    """Train a circuit on samples ``[n, *shape]``, to the largest mean ``log p``.

    The last tenth is held out: of the states every 100 steps, the one that is best there is kept.

    Returns:
        The circuit. Its settings have ``nats``: ``-log p`` per variable of what is held out, and
        ``independent``: the same of variables that are independent of each other.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = tuple(data.shape[1:])
    variables = math.prod(shape)
    shapes = sizes(variables, replicas, nodes, values)
    places = order(shape, replicas, shapes["order"][1], generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = _Weights(shapes, nodes).to(device)
    optimizer = torch.optim.Adam(weights.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    at = max(len(data) // 10, 1)
    data, places = data.to(device), places.to(device)
    known, held = data[:-at], data[-at:]
    best, kept = math.inf, None
    for step in tqdm(range(steps), disable=quiet, unit="step", desc="circuit"):
        made = weights()
        rows = known[torch.randint(len(known), (BATCH,), generator=generator)]
        loss = _trained(shape, threshold, places, made, rows).mean() / variables
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 99 or step == steps - 1:
            with torch.no_grad():
                tensors = {"order": places, **weights()}
                one = Circuit(shape, threshold, tensors, settings)
                nats = float(one(held).mean()) / variables
            if nats < best:
                best, kept = nats, {name: z.detach().cpu().clone() for name, z in tensors.items()}
    assert kept is not None
    found = Circuit(shape, threshold, kept, settings)
    found.settings |= {
        "nats": round(best, 4),
        "independent": round(independent(found, known.cpu(), held.cpu()), 4),
        "trained": sum(z.numel() for z in weights.parameters()),
    }
    return found.eval()


def _trained(
    shape: tuple[int, ...],
    threshold: float,
    places: Tensor,
    made: dict[str, Tensor],
    rows: Tensor,
) -> Tensor:
    """``-log p`` of rows, differentiable by the logits."""
    one = Circuit(
        shape, threshold, {"order": places, **{k: z.detach() for k, z in made.items()}}, {}
    )
    for name, logits in made.items():
        setattr(one, f"{name}_weights", torch.softmax(logits, -1))
    surprise: Tensor = one(rows)
    return surprise


def independent(circuit: Circuit, known: Tensor, held: Tensor) -> float:
    """``-log p`` per variable of held-out samples, with add-one frequencies of each variable."""
    seen = torch.nn.functional.one_hot(circuit.read(known), circuit.values).double()
    share = (seen.sum(0) + 1) / (len(known) + circuit.values)
    found = share.log().expand(len(held), -1, -1).gather(2, circuit.read(held)[..., None])
    return -float(found.mean())


def circuit_of(model: Model, data: Path, count: int, **options: Any) -> Circuit:
    """Train a circuit on so many real samples of the kind that a model makes.

    Args:
        model: The model.
        data: As for :func:`~sureflow.training.suited.data_at`.
        count: How many of them.
        options: Those of :func:`train_circuit`.

    Raises:
        ValueError: The data do not suit the model; the message begins with the field.
        FileNotFoundError: They are not installed.
    """
    source = data_at(data, model)
    real = source.draw(count, torch.Generator().manual_seed(options["seed"])).samples
    settings = {
        "data": source.description,
        "samples": count,
        "seed": options["seed"],
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    return train_circuit(real, settings, **options)

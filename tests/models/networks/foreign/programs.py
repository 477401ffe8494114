"""Programs of small networks, for tests: of torch.export and of ONNX."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

MODEL = "archive/models/model.json"


class Image(nn.Module):
    """A convolution with a label, a constant, and an answer by name."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4)
        self.head, self.drop = nn.Conv2d(4, 1, 3, padding=1), nn.Dropout(0.1)
        self.register_buffer("frequency", torch.arange(4.0))
        self.constant = torch.ones(4)

    def forward(self, x: Tensor, t: Tensor, label: Tensor, flag: bool = True) -> dict[str, Tensor]:
        time = t[:, None] * self.frequency + self.constant + label[:, None]
        h = nn.functional.silu(self.norm(self.stem(x) + time[:, :, None, None]))
        return {"sample": self.head(self.drop(h))}


class Scaled(nn.Module):
    """One linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.layer(x) * (t.reshape(-1, 1) if t.dim() else t)
        return out


def rows(count: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 1, 6, 6, generator=generator)
    return x, torch.rand(count, generator=generator), torch.arange(count) % 3


def saved(module: nn.Module, *args: Any, **more: Any) -> bytes:
    """The file of an exported program; ``more`` are arguments of torch.export."""
    file = io.BytesIO()
    torch.export.save(torch.export.export(module.eval(), args, **more), file)
    return file.getvalue()


def image(count: int | None = None) -> bytes:
    """The program of :class:`Image` for so many rows, or for any number."""
    x, t, label = rows(count or 4)
    free = torch.export.Dim("batch")
    shapes = {name: {0: free} for name in ("x", "t", "label")} if count is None else None
    return saved(Image(), x, t, kwargs={"label": label}, dynamic_shapes=shapes)


def scaled() -> bytes:
    return saved(Scaled(), torch.zeros(2, 3), torch.zeros(2))


def repacked(data: bytes, change: Callable[[dict[str, bytes]], None], **more: Any) -> bytes:
    """An archive whose entries, by name, were changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    change(entries)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", **more) as file:
        for name, entry in entries.items():
            file.writestr(name, entry)
    return written.getvalue()


def edited(data: bytes, change: Callable[[dict[str, Any]], None], entry: str = MODEL) -> bytes:
    """An archive in which a table was changed."""

    def apply(entries: dict[str, bytes]) -> None:
        table = json.loads(entries[entry])
        change(table)
        entries[entry] = json.dumps(table).encode()

    return repacked(data, apply)


class Trap:
    """Its pickle makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def trap(path: Path) -> bytes:
    """A pickle that makes a file when it is read."""
    return pickle.dumps(Trap(path))

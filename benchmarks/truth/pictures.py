"""Risk-coverage curves, and sheets of what a model is most and least sure of."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image
from torch import Tensor

mpl.use("Agg")
import matplotlib.pyplot as plt

COLUMNS, ROWS, SCALE, GAP = 20, 5, 2, 2
COLOURS = (
    "#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999",
    "#8C6D31",
)  # fmt: skip
"""Of Okabe and Ito, for every kind of sight."""


def risks(orders: dict[str, Tensor], bad: Tensor, folder: Path, model: str) -> None:
    """Write ``truth-MODEL-risk.png``: share of bad samples among the most confident ones."""
    figure, axes = plt.subplots(figsize=(6.5, 4.4), layout="constrained")
    count = len(bad)
    kept = np.arange(1, count + 1) / count
    for (name, order), colour in zip(orders.items(), COLOURS, strict=False):
        risk = bad[order.argsort(stable=True)].double().cumsum(0).numpy() / np.arange(1, count + 1)
        axes.plot(kept[count // 20 :], 100 * risk[count // 20 :], color=colour, label=name)
    axes.set(xlabel="share kept, the most confident first", ylabel="bad among them, %", title=model)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(folder / f"truth-{model}-risk.png", dpi=110)
    plt.close(figure)


def extremes(images: Tensor, order: Tensor, bad: Tensor, folder: Path, model: str) -> None:
    """Write ``truth-MODEL-most.png`` and ``truth-MODEL-least.png``; bad ones have a frame."""
    ranked = order.argsort(stable=True)
    shown = COLUMNS * ROWS
    for name, chosen in (("most", ranked[:shown]), ("least", ranked.flip(0)[:shown])):
        sheet(images[chosen], bad[chosen]).save(folder / f"truth-{model}-{name}.png", optimize=True)


def sheet(images: Tensor, marked: Tensor) -> Image.Image:
    """Images ``[n, 1, 28, 28]`` in [-1, 1] in rows; the marked ones in a frame."""
    side = 28 * SCALE
    cell = side + 2 * GAP
    page = Image.new("RGB", (COLUMNS * cell, -(-len(images) // COLUMNS) * cell), "white")
    pixels = ((images[:, 0].clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    for number, (image, mark) in enumerate(zip(pixels, marked.tolist(), strict=True)):
        left, top = number % COLUMNS * cell, number // COLUMNS * cell
        if mark:
            page.paste("#D55E00", (left, top, left + cell, top + cell))
        picture = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
        page.paste(picture.convert("RGB"), (left + GAP, top + GAP))
    return page

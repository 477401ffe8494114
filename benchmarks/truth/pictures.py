"""Risk-coverage curves, and sheets of what a model is most and least sure of."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sureflow.confidence.certificate import upper_bounds

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


def reliability(confidence: Tensor, bad: Tensor, folder: Path, model: str, score: str) -> None:
    """Write ``truth-MODEL-reliability.png``: is confidence a share, and what does it say of errors?

    Left, the share of samples up to each confidence, which is that confidence where it holds.
    Right, the share of bad ones in every tenth of confidence, with intervals of 90 %.

    Args:
        confidence: By the score, ``[n]``.
        bad: Which samples are, ``[n]``.
        folder: Where to.
        model: Name.
        score: Name.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.9), layout="constrained")
    ranked = confidence.sort().values.numpy()
    left.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    left.plot(ranked, np.arange(1, len(ranked) + 1) / len(ranked), color=COLOURS[1])
    left.set(xlabel="confidence", ylabel="share of samples up to it", title=f"{model}, {score}")
    tenth = (10 * confidence).long().clamp(0, 9)
    count = torch.bincount(tenth, minlength=10).numpy()
    wrong = torch.bincount(tenth[bad], minlength=10).numpy()
    upper = upper_bounds(wrong, count, 0.05)
    lower = 1 - upper_bounds(count - wrong, count, 0.05)
    rate = wrong / np.maximum(count, 1)
    around = 100 * np.stack([np.maximum(rate - lower, 0), upper - rate])
    right.bar(np.arange(10) / 10 + 0.05, 100 * rate, 0.09, color=COLOURS[6])
    right.errorbar(np.arange(10) / 10 + 0.05, 100 * rate, around, fmt="none", color="black", lw=1)
    right.set(
        xlabel="confidence", ylabel="bad among them, %", title=f"all: {bad.double().mean():.1%}"
    )
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    figure.savefig(folder / f"truth-{model}-reliability.png", dpi=110)
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

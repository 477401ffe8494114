"""A contact sheet of real samples, a row per class, the most confident on the left."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from sureflow.checkpoint import load
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run

SCALE, GAP, MARGIN, HEADER = 2, 4, 96, 26


def main() -> None:
    """Draw the sheet."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--out", type=Path, default=Path("docs/fashion.png"))
    parser.add_argument("--columns", type=int, default=12, help="samples per class")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    model = load(arguments.model)
    classes = model.card.classes
    specs = [
        FlowSpec(arguments.seed, index, "heun", arguments.steps, label, arguments.guidance)
        for label in range(len(classes))
        for index in range(arguments.columns)
    ]
    samples = run(model, specs, capacity=64)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(samples, classes).save(arguments.out, optimize=True)
    print(f"wrote {arguments.out}")


def sheet(samples: list[Sample], classes: tuple[str, ...]) -> Image.Image:
    """Arrange samples by class and confidence, each with its confidence below."""
    rows = [[s for s in samples if s.spec.label == label] for label in range(len(classes))]
    side = 28 * SCALE
    cell = side + GAP
    height = HEADER + len(rows) * (cell + 10) + GAP
    page = Image.new("L", (MARGIN + max(map(len, rows)) * cell + GAP, height), 255)
    draw = ImageDraw.Draw(page)
    large, small = ImageFont.load_default(12), ImageFont.load_default(9)
    draw.text((MARGIN, 6), "most confident", fill=90, font=large)
    draw.text((page.width - GAP, 6), "least confident", fill=90, font=large, anchor="ra")
    for number, (name, row) in enumerate(zip(classes, rows, strict=True)):
        top = HEADER + number * (cell + 10)
        draw.text((MARGIN - 8, top + side // 2), name, fill=0, font=large, anchor="rm")
        ranked = sorted(row, key=lambda sample: -(sample.confidence or 0.0))
        for column, sample in enumerate(ranked):
            left = MARGIN + column * cell
            page.paste(picture(sample), (left, top))
            said = "" if sample.confidence is None else f"{sample.confidence:.2f}"
            draw.text((left + side // 2, top + side), said, fill=90, font=small, anchor="ma")
    return page


def picture(sample: Sample) -> Image.Image:
    """One grey image, dark on light, enlarged."""
    pixels = np.round((np.clip(sample.data[0], -1, 1) + 1) * 127.5).astype(np.uint8)
    size = (28 * SCALE, 28 * SCALE)
    return Image.fromarray(255 - pixels).resize(size, Image.Resampling.BICUBIC)


if __name__ == "__main__":
    main()

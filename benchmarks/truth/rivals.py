"""What anybody could rank images by, without the model that made them: the scores' rivals."""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.evaluation.judge import train_judge
from sureflow.training.arrays import scaled
from sureflow.training.data import JUDGE_FIRST, fashion_mnist
from sureflow.training.digits import digits

NEAREST, CLASSIFIER, INK, ROUGHNESS = "nearest image", "small classifier", "ink", "roughness"
NAMES = (NEAREST, CLASSIFIER, INK, ROUGHNESS)

SEEN = {"digits": 4500, "fashion": JUDGE_FIRST}
"""Number of images that each model was trained on; rivals know the same ones."""

EPOCHS, BLOCK = 20, 250


def rivals(model: str, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Rivals by name, ``[n]``, of images ``[n, 1, 28, 28]`` under labels ``[n]``; larger is worse.

    Of digits, which may be wrong: the distance from the nearest training image of the own class
    less that of any other, and what a classifier trained on these images within a minute makes of
    the label. Of clothes, which may be unreal: the distance from the nearest of the own class.
    """
    known, of = (z[: SEEN[model]] for z in (digits() if model == "digits" else fashion_mnist()))
    seen = scaled(known)
    apart = by_class(images, seen, of)
    own = apart.gather(1, labels[:, None])[:, 0]
    steps = [images.diff(dim=axis).abs().flatten(1).mean(1) for axis in (2, 3)]
    found = {NEAREST: own, INK: images.flatten(1).mean(1), ROUGHNESS: steps[0] + steps[1]}
    if model == "digits":
        found[NEAREST] = own - apart.scatter(1, labels[:, None], torch.inf).amin(1)
        found[CLASSIFIER] = doubt(images, labels, known, of)
    return found


def by_class(images: Tensor, seen: Tensor, of: Tensor) -> Tensor:
    """Distance of images ``[n, ...]`` from the nearest seen image of every class, ``[n, classes]``.

    ``of`` are the classes of the seen images, ``[m]``.
    """
    parts = []
    for block in torch.split(images.flatten(1), BLOCK):
        distances = torch.cdist(block, seen.flatten(1))
        classes = range(int(of.max()) + 1)
        parts.append(torch.stack([distances[:, of == each].amin(1) for each in classes], 1))
    return torch.cat(parts)


@torch.inference_mode()
def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Lead of the likeliest other class over the label in logits ``[n, classes]``, ``[n]``."""
    own = logits.gather(1, labels[:, None])[:, 0]
    return logits.scatter(1, labels[:, None], -torch.inf).amax(1) - own


def doubt(images: Tensor, labels: Tensor, known: Tensor, of: Tensor) -> Tensor:
    """The :func:`margin` by a classifier trained on known images ``uint8 [m, ...]``, ``[n]``."""
    with torch.inference_mode(False):
        trained = train_judge(known, of, EPOCHS, seed=1, quiet=True, mirrored=False)
    with torch.inference_mode():
        logits = torch.cat([trained(block) for block in torch.split(images.clamp(-1, 1), 500)])
    return margin(logits, labels)

"""Captions of digits: words that are computed from the images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
OPPOSITES = {"slant": ("upright", "slanted"), "ink": ("thin", "bold"), "width": ("narrow", "wide")}
"""For each measure, the words for its lower and its upper third among digits of a class."""

WORDS = ("a", "an", *(word for pair in OPPOSITES.values() for word in pair), *DIGITS)
TOKENS = 5
"""Most words of a caption: an article, three adjectives and a digit."""

SAID = 0.6
"""How often an adjective that holds is said."""


def measures(images: Images) -> dict[str, Numbers]:
    """Slant, ink and width of images ``[n, 1, height, width]`` in [-1, 1], each ``[n]``.

    The slant is the regression of the column on the row, the width the spread of the columns around
    it; both by the moments of the ink.
    """
    ink = np.clip((images[:, 0].astype(np.float64) + 1) / 2, 0, 1)
    total = np.maximum(ink.sum((1, 2)), 1e-9)
    rows, columns = np.arange(ink.shape[1]), np.arange(ink.shape[2])
    share = ink / total[:, None, None]
    y, x = share.sum(2) @ rows, share.sum(1) @ columns
    dy, dx = rows - y[:, None], columns - x[:, None]
    yy = np.einsum("nij,ni,ni->n", share, dy, dy)
    xy = np.einsum("nij,ni,nj->n", share, dy, dx)
    xx = np.einsum("nij,nj,nj->n", share, dx, dx)
    slant = -xy / np.maximum(yy, 1e-9)
    return {"slant": slant, "ink": total, "width": np.sqrt(np.maximum(xx - slant**2 * yy, 0))}


def thirds(images: Images, labels: npt.NDArray[np.int64]) -> dict[str, Numbers]:
    """The lower and upper third of each measure by class, ``[10, 2]``."""
    found = measures(images)
    return {
        name: np.array([np.quantile(found[name][labels == c], (1 / 3, 2 / 3)) for c in range(10)])
        for name in OPPOSITES
    }


def caption(adjectives: list[str], digit: int) -> str:
    """Such as "a slanted seven"."""
    words = [*adjectives, DIGITS[digit]]
    article = "an" if words[0][0] in "aeiou" and words[0] != "one" else "a"
    return " ".join([article, *words])


def captions(
    images: Images,
    labels: npt.NDArray[np.int64],
    bounds: dict[str, Numbers],
    random: np.random.Generator,
) -> list[str]:
    """A caption of each image, with some of the adjectives that hold."""
    found = measures(images)
    said = random.random((len(images), len(OPPOSITES))) < SAID
    written = []
    for number, label in enumerate(labels.tolist()):
        adjectives = []
        for place, (name, words) in enumerate(OPPOSITES.items()):
            low, high = bounds[name][label]
            value = found[name][number]
            if said[number, place] and not low <= value <= high:
                adjectives.append(words[int(value > high)])
        written.append(caption(adjectives, label))
    return written

"""Crystals: a lattice with atoms, and a drawing of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageDraw

from ._elements import colour, radius
from ._exceptions import NotAnImage

Vectors = npt.NDArray[np.float64]

SIDE, TIMES = 168, 3
"""Pixels of a drawing, and what it is first drawn larger by, to be smooth."""

NEAR = 0.04
"""Fraction of a lattice vector within which an atom is shown on the opposite face, too."""

SHOWN = 0.45
"""Radius of a drawn atom as a share of its own, so that one sees between them."""

FULL = 0.92
"""Share of the picture that a crystal takes."""

ASIDE, ABOVE = 0.5, 0.3
"""How much one looks from aside and from above."""

TINY = 1e-9

INK, PAPER, EDGE = (20, 20, 20), (255, 255, 255), (120, 128, 140)


@dataclass(frozen=True)
class Atom:
    """An atom as it is drawn.

    Attributes:
        site: Its number in the structure, from 0.
        symbol: Of its element.
        place: Cartesian coordinates in angstrom.
        radius: Radius in angstrom.
        colour: Of the element, ``#rrggbb``.
    """

    site: int
    symbol: str
    place: tuple[float, float, float]
    radius: float
    colour: str


@dataclass(frozen=True, eq=False)
class Structure:
    """A crystal.

    Attributes:
        lattice: Lattice vectors in rows, ``[3, 3]``, in angstrom.
        species: Symbols of the elements, by site.
        frac: Fractional coordinates ``[n, 3]``.
    """

    lattice: Vectors
    species: tuple[str, ...]
    frac: Vectors

    @property
    def formula(self) -> str:
        """The elements in the order in which they first occur, each with its count above 1."""
        counts = {symbol: self.species.count(symbol) for symbol in self.species}
        return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts.items())

    @property
    def lengths(self) -> Vectors:
        """Lengths of the lattice vectors, in angstrom."""
        found: Vectors = np.linalg.norm(self.lattice, axis=1)
        return found

    @property
    def angles(self) -> Vectors:
        """Angles between the second and third, first and third, first and second, in degrees."""
        unit = self.lattice / self.lengths[:, None]
        cosines = np.array([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]])
        found: Vectors = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        return found

    def sight(self) -> Vectors:
        """Return from where most of the cell is seen, ``[3, 3]``.

        Unit vectors to the right, up, and toward the eye, in rows: near the normal of the largest
        face, a little from aside and above.
        """
        normals = np.cross(self.lattice[[1, 2, 0]], self.lattice[[2, 0, 1]])
        areas = np.linalg.norm(normals, axis=1)
        first, second, third = np.argsort(-areas, kind="stable")
        units = normals / np.maximum(areas, TINY)[:, None]
        eye = units[first] + ASIDE * _turned(units[second], units[first])
        eye += ABOVE * _turned(units[third], units[first])
        eye /= np.linalg.norm(eye)
        up = self.lattice[third] - (self.lattice[third] @ eye) * eye
        up /= max(float(np.linalg.norm(up)), TINY)
        return np.stack([np.cross(up, eye), up, eye])

    def atoms(self) -> list[Atom]:
        """Return the atoms of the cell; those on a face are on the opposite one, too."""
        found = []
        for site, (symbol, frac) in enumerate(zip(self.species, self.frac % 1.0, strict=True)):
            for place in product(*map(_images, frac.tolist())):
                x, y, z = (np.array(place) @ self.lattice).tolist()
                found.append(Atom(site, symbol, (x, y, z), radius(symbol), colour(symbol)))
        return found

    def edges(self) -> list[tuple[Vectors, Vectors]]:
        """Return the twelve edges of the cell, each from one corner to another."""
        corners = [np.array(corner, float) for corner in product((0, 1), repeat=3)]
        return [
            (first @ self.lattice, second @ self.lattice)
            for place, first in enumerate(corners)
            for second in corners[place + 1 :]
            if np.abs(first - second).sum() == 1
        ]


def structure_of(data: Any) -> Structure:
    """The crystal that data with names describe.

    Raises:
        NotAnImage: They describe none.
    """
    if not isinstance(data, Mapping) or not {"lattice", "species", "frac"} <= data.keys():
        raise NotAnImage("the data are no crystal: it has lattice, species and frac")
    lattice, frac = np.array(data["lattice"], float), np.array(data["frac"], float)
    species = tuple(map(str, data["species"]))
    if lattice.shape != (3, 3) or frac.shape != (len(species), 3):
        raise NotAnImage(f"a lattice {lattice.shape} with sites {frac.shape} is no crystal")
    return Structure(lattice, species, frac)


def drawing(crystal: Structure) -> PIL.Image.Image:
    """Draw a crystal from aside, its cell in lines and its atoms in the colours of elements."""
    side = SIDE * TIMES
    image = PIL.Image.new("RGB", (side, side), PAPER)
    draw = ImageDraw.Draw(image)
    atoms, edges, sight = crystal.atoms(), crystal.edges(), crystal.sight()
    ends = [sight @ end for edge in edges for end in edge]
    around = [(end, 0.0) for end in ends]
    around += [(sight @ np.array(atom.place), SHOWN * atom.radius) for atom in atoms]
    low = np.min([place - size for place, size in around], axis=0)
    high = np.max([place + size for place, size in around], axis=0)
    middle, scale = (low + high) / 2, side * FULL / float((high - low)[:2].max())

    def seen(place: Any) -> tuple[float, float, float]:
        right, up, near = sight @ np.asarray(place) - middle
        return side / 2 + scale * right, side / 2 - scale * up, near

    for first, second in edges:
        draw.line([seen(first)[:2], seen(second)[:2]], EDGE, 2 * TIMES // 2)
    for atom in sorted(atoms, key=lambda atom: seen(atom.place)[2]):
        x, y, _ = seen(atom.place)
        _sphere(draw, x, y, SHOWN * scale * atom.radius, atom.colour)
    return image.resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)


def _sphere(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: str) -> None:
    """A disc that is lighter where light falls on it."""
    draw.circle((x, y), size, colour, INK, TIMES)
    shade = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    for share in (0.66, 0.42, 0.2):
        red, green, blue = (shade + (255 - shade) * (0.72 - share)).astype(int).tolist()
        off = 0.28 * size * (1 - share)
        draw.circle((x - off, y - off), share * size, (red, green, blue))


def _turned(vector: Vectors, toward: Vectors) -> Vectors:
    """A vector or its opposite: what has no part against another one."""
    return vector if vector @ toward >= -TINY else -vector


def _images(coordinate: float) -> list[float]:
    """A fractional coordinate, and that on the opposite face where it is near one."""
    if coordinate < NEAR:
        return [coordinate, coordinate + 1]
    return [coordinate, coordinate - 1] if coordinate > 1 - NEAR else [coordinate]

"""How atoms are drawn: a colour and a radius for each element.

Colours that chemists are used to for the elements of organic chemistry; others have the hue of
their group, the darker the further down. Radii are those of Slater (1964), in angstrom.
"""

from __future__ import annotations

import re
from colorsys import hls_to_rgb

RADII = """
H0.25 He Li1.45 Be1.05 B0.85 C0.7 N0.65 O0.6 F0.5 Ne Na1.8 Mg1.5 Al1.25 Si1.1 P1 S1 Cl1
Ar0.71 K2.2 Ca1.8 Sc1.6 Ti1.4 V1.35 Cr1.4 Mn1.4 Fe1.4 Co1.35 Ni1.35 Cu1.35 Zn1.35 Ga1.3
Ge1.25 As1.15 Se1.15 Br1.15 Kr Rb2.35 Sr2 Y1.8 Zr1.55 Nb1.45 Mo1.45 Tc1.35 Ru1.3 Rh1.35
Pd1.4 Ag1.6 Cd1.55 In1.55 Sn1.45 Sb1.45 Te1.4 I1.4 Xe Cs2.6 Ba2.15 La1.95 Ce1.85 Pr1.85
Nd1.85 Pm1.85 Sm1.85 Eu1.85 Gd1.8 Tb1.75 Dy1.75 Ho1.75 Er1.75 Tm1.75 Yb1.75 Lu1.75 Hf1.55
Ta1.45 W1.35 Re1.35 Os1.3 Ir1.35 Pt1.35 Au1.35 Hg1.5 Tl1.9 Pb1.8 Bi1.6 Po1.9 At Rn Fr Ra2.15
Ac1.95 Th1.8 Pa1.8 U1.75 Np1.75 Pu1.75 Am1.75 Cm Bk Cf Es Fm Md No Lr
"""
"""By atomic number, from hydrogen."""

UNKNOWN_RADIUS = 1.4
UNKNOWN_COLOUR = "#8a93a3"

PERIODS = (1, 3, 11, 19, 37, 55, 87, 119)
"""Atomic numbers with which the rows of the periodic table begin."""

HUES = (275, 130, 175, 205, 225, 245, 190, 20, 340, 155, 30, 260, 320, 45, 290, 40, 100, 180)
"""By group, in degrees; neighbours are far apart."""

USUAL = {
    "H": "#d9dde3",
    "C": "#565c66",
    "N": "#3b62d6",
    "O": "#d8342a",
    "F": "#57b03c",
    "P": "#d9822b",
    "S": "#d6b81f",
    "Cl": "#2f9e44",
    "Br": "#94421f",
    "I": "#7a2aa0",
}

_FOUND = re.findall(r"([A-Z][a-z]?)([\d.]*)", RADII)
_NUMBERS = {symbol: number for number, (symbol, _) in enumerate(_FOUND, 1)}
_RADII = {symbol: float(radius) for symbol, radius in _FOUND if radius}


def radius(symbol: str) -> float:
    """Return the radius of an atom in angstrom; a middling one where none is known."""
    return _RADII.get(symbol, UNKNOWN_RADIUS)


def colour(symbol: str) -> str:
    """Return the colour of an element as ``#rrggbb``; grey for what is none."""
    number = _NUMBERS.get(symbol)
    if number is None or symbol in USUAL:
        return USUAL.get(symbol, UNKNOWN_COLOUR)
    row, group = _place(number)
    red, green, blue = hls_to_rgb(HUES[group - 1] / 360, 0.68 - 0.055 * row, 0.5)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def _place(number: int) -> tuple[int, int]:
    """Row and group of an atomic number; lanthanides and actinides are of group 3."""
    row = sum(number >= first for first in PERIODS)
    after, left = number - PERIODS[row - 1], PERIODS[row] - number
    if left == 1:
        return row, 18
    return row, after + 1 if after < 2 else max(3, 19 - left)

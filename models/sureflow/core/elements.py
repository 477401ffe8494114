"""The periodic table: symbols, and what chemistry tells of an element. Free of torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TABLE = """
H 1 1 2.2 0.25 - 1 -1
He 18 1 - - - 0 0
Li 1 2 0.98 1.45 0.9 1 1
Be 2 2 1.57 1.05 0.59 2 2
B 13 2 2.04 0.85 0.41 3 3
C 14 2 2.55 0.7 0.3 4 -4
N 15 2 3.04 0.65 0.63 5 -3
O 16 2 3.44 0.6 1.26 -2 -2
F 17 2 3.98 0.5 0.7 -1 -1
Ne 18 2 - - - 0 0
Na 1 3 0.93 1.8 1.16 1 1
Mg 2 3 1.31 1.5 0.86 2 2
Al 13 3 1.61 1.25 0.68 3 3
Si 14 3 1.9 1.1 0.54 4 -4
P 15 3 2.19 1 0.55 5 -3
S 16 3 2.58 1 0.88 6 -2
Cl 17 3 3.16 1 0.78 7 -1
Ar 18 3 - 0.71 - 0 0
K 1 4 0.82 2.2 1.52 1 1
Ca 2 4 1 1.8 1.14 2 2
Sc 3 4 1.36 1.6 0.89 3 3
Ti 4 4 1.54 1.4 0.85 4 4
V 5 4 1.63 1.35 0.78 5 5
Cr 6 4 1.66 1.4 0.94 6 3
Mn 7 4 1.55 1.4 0.88 7 2
Fe 8 4 1.83 1.4 0.85 3 2
Co 9 4 1.88 1.35 0.77 3 2
Ni 10 4 1.91 1.35 0.74 2 2
Cu 11 4 1.9 1.35 0.82 2 2
Zn 12 4 1.65 1.35 0.88 2 2
Ga 13 4 1.81 1.3 0.76 3 3
Ge 14 4 2.01 1.25 0.77 4 -4
As 15 4 2.18 1.15 0.66 5 -3
Se 16 4 2.55 1.15 1.01 6 -2
Br 17 4 2.96 1.15 0.88 5 -1
Kr 18 4 3 - - 2 2
Rb 1 5 0.82 2.35 1.66 1 1
Sr 2 5 0.95 2 1.32 2 2
Y 3 5 1.22 1.8 1.04 3 3
Zr 4 5 1.33 1.55 0.86 4 4
Nb 5 5 1.6 1.45 0.82 5 5
Mo 6 5 2.16 1.45 0.78 6 4
Tc 7 5 1.9 1.35 0.74 7 4
Ru 8 5 2.2 1.3 0.66 4 3
Rh 9 5 2.28 1.35 0.74 3 3
Pd 10 5 2.2 1.4 0.85 4 2
Ag 11 5 1.93 1.6 1.09 1 1
Cd 12 5 1.69 1.55 1.09 2 2
In 13 5 1.78 1.55 0.94 3 3
Sn 14 5 1.96 1.45 0.83 4 -4
Sb 15 5 2.05 1.45 0.83 5 -3
Te 16 5 2.1 1.4 1.29 6 -2
I 17 5 2.66 1.4 1.27 7 -1
Xe 18 5 2.6 - 0.62 6 2
Cs 1 6 0.79 2.6 1.81 1 1
Ba 2 6 0.89 2.15 1.49 2 2
La 3 6 1.1 1.95 1.17 3 3
Ce 3 6 1.12 1.85 1.08 4 3
Pr 3 6 1.13 1.85 1.06 3 3
Nd 3 6 1.14 1.85 1.28 3 3
Pm 3 6 1.13 1.85 1.11 3 3
Sm 3 6 1.17 1.85 1.23 3 3
Eu 3 6 1.2 1.85 1.2 3 2
Gd 3 6 1.2 1.8 1.07 3 3
Tb 3 6 1.1 1.75 0.98 3 3
Dy 3 6 1.22 1.75 1.13 3 3
Ho 3 6 1.23 1.75 1.04 3 3
Er 3 6 1.24 1.75 1.03 3 3
Tm 3 6 1.25 1.75 1.09 3 3
Yb 3 6 1.1 1.75 1.08 3 3
Lu 3 6 1.27 1.75 1 3 3
Hf 4 6 1.3 1.55 0.85 4 4
Ta 5 6 1.5 1.45 0.82 5 5
W 6 6 2.36 1.35 0.77 6 4
Re 7 6 1.9 1.35 0.71 7 4
Os 8 6 2.2 1.3 0.67 4 4
Ir 9 6 2.2 1.35 0.77 4 3
Pt 10 6 2.28 1.35 0.81 4 2
Au 11 6 2.54 1.35 1.07 3 3
Hg 12 6 2 1.5 1.25 2 1
Tl 13 6 1.62 1.9 1.33 3 1
Pb 14 6 2.33 1.8 1.12 4 2
Bi 15 6 2.02 1.6 1.03 3 3
Po 16 6 2 1.9 0.95 4 -2
At 17 6 2.2 - 0.76 1 -1
Rn 18 6 2.2 - - 0 0
Fr 1 7 0.7 - 1.94 1 1
Ra 2 7 0.9 2.15 1.62 2 2
Ac 3 7 1.1 1.95 1.26 3 3
Th 3 7 1.3 1.8 1.08 4 4
Pa 3 7 1.5 1.8 1.04 5 5
U 3 7 1.38 1.75 0.99 6 6
Np 3 7 1.36 1.75 1 5 5
Pu 3 7 1.28 1.75 0.97 4 4
Am 3 7 1.3 1.75 1.17 3 3
Cm 3 7 1.3 - 1.05 3 3
Bk 3 7 1.3 - 1.04 3 3
Cf 3 7 1.3 - 1.03 3 3
Es 3 7 1.3 - - 3 3
Fm 3 7 1.3 - - 3 3
Md 3 7 1.3 - - 3 3
No 3 7 1.3 - - 3 3
Lr 3 7 1.3 - - 3 3
"""
"""By atomic number, from hydrogen: symbol, group, row, electronegativity (Pauling), atomic radius
(Slater 1964) and mean ionic radius (Shannon 1976), both in angstrom, highest and lowest common
oxidation state; as pymatgen lists them. A dash: not known."""

ROWS = tuple(line.split() for line in TABLE.split("\n") if line)

SYMBOLS: tuple[str, ...] = tuple(row[0] for row in ROWS)
"""Symbols by atomic number less 1."""

NUMBERS: dict[str, int] = {symbol: number for number, symbol in enumerate(SYMBOLS, 1)}
"""Atomic numbers by symbol."""

HEAVIEST = len(SYMBOLS)
"""The largest atomic number."""


RADII: npt.NDArray[np.float64] = np.array(
    [0.0, *(0.0 if row[4] == "-" else float(row[4]) for row in ROWS)]
)
"""Atomic radii in angstrom by atomic number; 0 of no element, and where none is known."""


def properties() -> npt.NDArray[np.float32]:
    """What the table tells of each element, ``[1 + HEAVIEST, 7]``, of mean 0 and deviation 1.

    Row 0, of no element, and what is not known are 0.
    """
    known = np.array(
        [[np.nan if entry == "-" else float(entry) for entry in row[1:]] for row in ROWS]
    )
    scaled = (known - np.nanmean(known, 0)) / np.nanstd(known, 0)
    return np.concatenate([np.zeros((1, known.shape[1])), np.nan_to_num(scaled)]).astype(np.float32)

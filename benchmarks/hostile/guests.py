"""Valid requests of every other family that ships: ``python -m benchmarks.hostile.guests URL``."""

from __future__ import annotations

from typing import Any

import httpx

from benchmarks.hostile.request import Sound
from benchmarks.hostile.sending import attack, handle_of

Bodies = dict[str, dict[str, Any]]

MADE: Bodies = {
    "molecules": {
        "n": 1,
        "seed": 3,
        "condition": {"logp": [1.5]},
        "guidance": {"scale": 1.5},
        "sampler": {
            "method": "remasking",
            "steps": 2,
            "temperature": 0.7,
            "top_p": 0.9,
            "remask": 0.1,
        },
        "confidence": {"also": ["entropy"], "profile": True},
        "rewind": {"keep": [0.5]},
        "output": {"format": "list"},
    },
    "cells": {
        "n": 1,
        "condition": {"label": 0},
        "guidance": {"scale": 2.0},
        "sampler": {"method": "bridge", "steps": 2},
        "rewind": {"keep": [0.5]},
    },
    "crystals": {
        "n": 1,
        "condition": {"composition": "MgF2"},
        "guidance": {"scale": 1.5, "negative": {"composition": "CaF2"}},
        "sampler": {"steps": 2, "units": 2},
        "filter": {"by": "uncertainty", "max": 9.0},
        "rewind": {"keep": [0.5]},
    },
    "breast-cancer": {
        "n": 1,
        "sampler": {
            "method": "ais",
            "steps": 2,
            "replicas": 2,
            "leapfrog": 1,
            "noise": 0.1,
        },
        "rewind": {"keep": [0.5]},
    },
}
"""Requests for samples, by model."""

OPERATIONS: dict[str, list[dict[str, Any]]] = {
    "molecules": [
        {"type": "resample", "strength": 0.5, "region": {"uncertain": 0.2}},
        {"type": "hold", "text": "CC(=O)N"},
        {"type": "guide", "bias": {"F": 2.0, "N": -100}},
        {"type": "condition", "arrays": {"logp": [1.5]}, "scale": 2},
    ],
    "cells": [
        {"type": "resample", "strength": 0.5, "region": {"components": ["LYZ"]}},
        {"type": "hold", "counts": {"LYZ": 0, "CD74": 40}},
        {"type": "condition", "label": "CD56+ NK", "scale": 2},
    ],
    "crystals": [
        {"type": "condition", "arrays": {"composition": "CaF2"}},
        {"type": "resample", "region": {"sites": [0, 2]}},
        {"type": "hold", "lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "sites": [0]},
        {"type": "guide", "operator": "repulsion", "strength": 2},
    ],
    "breast-cancer": [
        {"type": "resample", "strength": 0.5},
        {"type": "hold", "mask": [1] + [0] * 30},
        {"type": "guide", "target": [0.0] * 31, "strength": 2},
    ],
}
"""Operations of edits, by model."""

CIF = """data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cs 0 0 0
Cl 0.5 0.5 0.5
"""

INVERTED: Bodies = {
    "crystals": {"samples": [CIF], "seed": 1, "sampler": {"steps": 2}},
    "molecules": {"samples": ["CCO"], "seed": 1},
    "cells": {"samples": [[0] * 128], "seed": 1},
}
"""Samples of one's own, by model; not every family takes them."""


def sound(client: httpx.Client) -> list[Sound]:
    """Valid requests of each family; they keep handles for those that edit."""
    found = []
    for model, body in MADE.items():
        found.append(Sound("POST", "/v1/generate", body={"model": model, **body}))
        handle = handle_of(client, {"model": model, **body})
        for operation in OPERATIONS[model]:
            edit = {"handle": handle, "at": {"t": 0.5}, "operations": [operation]}
            found.append(Sound("POST", "/v1/edit", body=edit))
    for model, body in INVERTED.items():
        found.append(Sound("POST", "/v1/invert", body={"model": model, **body}))
    return found


if __name__ == "__main__":
    raise SystemExit(attack(sound, __doc__))

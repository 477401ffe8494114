"""Crystals over HTTP, from a server that really runs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from sureflow.core.crystal import VECTORS
from sureflow.core.elements import NUMBERS
from sureflow.families.crystals.cif import can_cif
from sureflow.families.crystals.energies import repulsion
from tests.server.conftest import make_checkpoint
from tests.server.running import Server, serving

NETWORK: dict[str, Any] = {
    "kind": "crystal",
    "atoms": [2, 3, 6],
    "width": 32,
    "layers": 1,
    "embedding": 32,
    "examples": ["NaCl", "MgF2"],
}
ASKED: dict[str, Any] = {"condition": {"composition": "MgF2"}, "seed": 3, "sampler": {"steps": 4}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("crystals")
    torch.manual_seed(0)
    make_checkpoint(folder / "small", NETWORK, family="crystals", media="vector")
    with serving("--models-dir", str(folder)) as running:
        yield running


def test_the_card_says_what_there_is_to_ask_for(server: Server) -> None:
    (card,) = server.client.get("/v1/models").json()["models"]
    assert card["family"] == "crystals"
    assert card["sizes"] == [[2], [3], [6]]
    composition = card["conditions"]["composition"]
    assert composition["examples"] == ["NaCl", "MgF2"]
    assert card["operations"] == ["resample", "condition", "hold", "guide"]
    assert "likelihood" not in card["scores"]
    assert ("cif" in card["formats"]) == can_cif()
    assert card["view"] == "crystal"


def test_structures_have_names_and_a_score(server: Server) -> None:
    samples = server.generate(n=3, **ASKED)["samples"]
    for sample in samples:
        assert sample["media_type"] == "application/json"
        data = sample["data"]
        assert data["formula"] == "MgF2"
        assert data["species"] == ["Mg", "F", "F"]
        assert np.shape(data["lattice"]) == (3, 3)
        assert np.shape(data["frac"]) == (3, 3)
        assert sample["method"] == "renoised_nll"
        assert sample["evaluations"] == 2 * 4 + 3
    (large,) = server.generate(**{**ASKED, "sampler": {"steps": 4, "units": 2}})["samples"]
    assert large["data"]["formula"] == "Mg2F4"


@pytest.mark.parametrize(
    ("media_type", "form"), [("chemical/x-cif", "cif"), ("chemical/x-xyz", "extxyz")]
)
def test_one_structure_can_be_the_whole_answer(server: Server, media_type: str, form: str) -> None:
    """In the form that is accepted, unless the request names another one."""
    headers = {"Accept": media_type}
    answer = server.client.post("/v1/generate", json=ASKED, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    (sample,) = server.generate(output={"format": form}, **ASKED)["samples"]
    assert answer.content == base64.b64decode(sample["data"])
    other = {**ASKED, "output": {"format": "list"}}
    assert server.client.post("/v1/generate", json=other, headers=headers).status_code == 406


def test_bytes_do_not_depend_on_company(server: Server) -> None:
    many = server.generate(n=4, **ASKED)["samples"]
    server.generate(n=4, condition={"composition": "NaCl"}, seed=1)
    (alone,) = server.generate(n=1, first=2, **ASKED)["samples"]
    assert alone["data"] == many[2]["data"]
    assert alone["uncertainty"] == many[2]["uncertainty"]


def test_bytes_do_not_depend_on_other_numbers_of_atoms_at_the_same_time(server: Server) -> None:
    """Requests of three numbers of atoms in flight together, in any order; and a replay of each."""
    cells = [("NaCl", 1), ("MgF2", 1), ("MgF2", 2), ("CaO", 1), ("TiO2", 2)]
    bodies = [
        {
            "condition": {"composition": formula},
            "seed": seed,
            "n": 3,
            "sampler": {"steps": 4, "units": units},
            "rewind": {"keep": [0.5]},
        }
        for seed in range(3)
        for formula, units in cells
    ]

    def bits(body: dict[str, Any]) -> list[Any]:
        samples = server.generate(**body)["samples"]
        return [(each["data"], each["uncertainty"], each["handle"]["id"]) for each in samples]

    alone = [bits(body) for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as pool:
        together = [*pool.map(bits, reversed(bodies))]
    for found, other in zip(alone, reversed(together), strict=True):
        assert [sample[:2] for sample in found] == [sample[:2] for sample in other]
    for found in alone[: len(cells)]:
        data, _, handle = found[1]
        body = {"handle": handle, "at": {"t": 0.5}, "operations": []}
        (again,) = server.client.post("/v1/edit", json=body).json()["samples"]
        assert again["data"] == data


def test_an_edit_substitutes_an_element_and_holds_the_cell(server: Server) -> None:
    (made,) = server.generate(rewind={"keep": [0.5]}, **ASKED)["samples"]
    handle, at = made["handle"]["id"], {"t": 0.5}

    def edited(*operations: dict[str, Any]) -> dict[str, Any]:
        body = {"handle": handle, "at": at, "operations": [*operations]}
        response = server.client.post("/v1/edit", json=body)
        assert response.status_code == 200, response.text
        (sample,) = response.json()["samples"]
        found: dict[str, Any] = sample["data"]
        return found

    assert edited() == made["data"]
    swapped = {"type": "condition", "arrays": {"composition": "CaF2"}}
    assert edited(swapped)["formula"] == "CaF2"
    held = edited(swapped, {"type": "hold", "cell": True})
    np.testing.assert_allclose(held["lattice"], made["data"]["lattice"], atol=1e-4)
    anew = edited({"type": "resample", "region": {"sites": [1]}})
    assert anew != made["data"]
    vectors = (5 * np.eye(3)).tolist()
    cubic = edited({"type": "hold", "lattice": vectors})
    np.testing.assert_allclose(cubic["lattice"], vectors, atol=1e-4)


def test_an_edit_guides_down_an_energy_that_the_server_knows(server: Server) -> None:
    """Atoms of a network that has learned nothing lie upon each other, and are driven apart."""
    samples = server.generate(n=4, rewind={"keep": [0]}, **ASKED)["samples"]

    def energy(data: dict[str, Any]) -> float:
        species = torch.tensor([NUMBERS[symbol] for symbol in data["species"]])
        return float(repulsion(torch.tensor(data["lattice"]), torch.tensor(data["frac"]), species))

    def edited(handle: str, operator: str) -> httpx.Response:
        guide = {"type": "guide", "operator": operator, "strength": 3}
        body = {"handle": handle, "at": {"t": 0}, "operations": [guide]}
        return server.client.post("/v1/edit", json=body)

    for sample in samples:
        response = edited(sample["handle"]["id"], "repulsion")
        assert response.status_code == 200, response.text
        (found,) = response.json()["samples"]
        assert energy(found["data"]) < 0.2 * energy(sample["data"]) + 1e-6
    assert sum(energy(sample["data"]) for sample in samples) > 0.1
    response = edited(samples[0]["handle"]["id"], "magic")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "operations.0.operator"
    assert "repulsion" in error["message"]


def test_a_table_of_ones_own_is_scored(server: Server) -> None:
    body = {**ASKED, "output": {"format": "list"}}
    (made,) = server.generate(**body)["samples"]
    response = server.client.post(
        "/v1/invert", json={"samples": [made["data"]], "output": {"format": "list"}}
    )
    assert response.status_code == 200, response.text
    (found,) = response.json()["samples"]
    assert found["inversion_error"] < 0.05
    assert np.array(found["data"])[VECTORS:, 3].tolist() == [12, 9, 9]


@pytest.mark.skipif(not can_cif(), reason="needs gemmi, of the extra crystals")
def test_a_cif_comes_and_goes(server: Server) -> None:
    headers = {"Accept": "chemical/x-cif"}
    body = {**ASKED, "output": {"format": "cif"}}
    response = server.client.post("/v1/generate", json=body, headers=headers)
    assert response.headers["content-type"].startswith("chemical/x-cif")
    response = server.client.post("/v1/invert", json={"samples": [response.text]})
    assert response.status_code == 200, response.text
    (found,) = response.json()["samples"]
    assert found["data"]["formula"] == "MgF2"


RUTILE = """data_rutile
_cell_length_a 4.6
_cell_length_b 4.6
_cell_length_c 2.96
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 42/m n m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ti1 Ti 0 0 0
O1 O 0.305 0.305 0
"""
"""Titanium dioxide as a file has it: two sites, from which symmetry makes six atoms."""


@pytest.mark.skipif(not can_cif(), reason="needs gemmi, of the extra crystals")
def test_a_cif_with_symmetry_is_scored_and_an_element_of_it_substituted(server: Server) -> None:
    response = server.client.post(
        "/v1/invert", json={"samples": [RUTILE], "rewind": {"keep": [0.5]}}
    )
    assert response.status_code == 200, response.text
    (found,) = response.json()["samples"]
    assert found["data"]["formula"] == "Ti2O4"
    assert found["uncertainty"] is not None
    swapped = {"type": "condition", "arrays": {"composition": "SnO2"}}
    body = {"handle": found["handle"]["id"], "at": {"t": 0.5}, "operations": [swapped]}
    response = server.client.post("/v1/edit", json=body)
    assert response.status_code == 200, response.text
    (made,) = response.json()["samples"]
    assert made["data"]["formula"] == "Sn2O4"
    assert made["data"]["frac"] != found["data"]["frac"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"condition": {"composition": "MgF7"}}, "condition.composition"),
        ({"condition": {"composition": "Zz"}}, "condition.composition"),
        ({"sampler": {"units": 5}}, "condition.composition"),
        ({"confidence": {"method": "likelihood"}}, "confidence.method"),
        ({"output": {"format": "png"}}, "output.format"),
    ],
)
def test_a_field_that_cannot_be_served_is_named(
    server: Server, change: dict[str, Any], field: str
) -> None:
    response = server.client.post("/v1/generate", json={**ASKED, **change})
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]

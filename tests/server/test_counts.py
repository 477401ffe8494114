"""Counts over HTTP, from a server that really runs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.families.counts.annotated import available
from sureflow.families.counts.engine import built
from sureflow_client import Client
from tests.server.running import Server, serving

GENES = ("CD3", "CD14", "LYZ", "NKG7")
NETWORK: dict[str, Any] = {
    "kind": "count_mlp",
    "components": GENES,
    "most": 15,
    "classes": 2,
    "mean": 2.0,
    "width": 32,
    "layers": 2,
}
BODY: dict[str, Any] = {"seed": 3, "condition": {"label": "T"}, "sampler": {"steps": 6}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("counts")
    torch.manual_seed(0)
    config = CheckpointConfig(
        name="blood", network=NETWORK, family="counts", media="vector", classes=("B", "T")
    )
    save(folder / "blood", config, built(NETWORK))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving("--models-dir", str(folder), "--default-model", "blood") as running:
        yield running


def test_the_card_names_the_genes(server: Server) -> None:
    (card,) = server.client.get("/v1/models").json()["models"]
    assert (card["family"], card["components"]) == ("counts", [*GENES])
    assert card["view"] == "counts"
    assert card["samplers"] == ["bridge", "tau", "unit"]
    assert card["operations"] == ["resample", "hold", "condition"]
    annotated = ["h5ad"] if available() else []
    assert card["formats"] == ["list", "csv", *annotated, "npy"]


def test_counts_are_whole_numbers_in_every_form(server: Server) -> None:
    (sample,) = server.generate(**BODY)["samples"]
    assert all(isinstance(count, int) and count >= 0 for count in sample["data"])
    assert (sample["semantics"], sample["unit"]) == ("surprise", "nats")
    (line,) = server.generate(**BODY, output={"format": "csv"})["samples"]
    assert [*csv.reader(line["data"].splitlines())] == [[*GENES], [*map(str, sample["data"])]]
    headers = {"Accept": "text/csv"}
    whole = server.client.post("/v1/generate", json=BODY, headers=headers)
    assert whole.headers["content-type"].startswith("text/csv")
    assert whole.text == line["data"]


def test_bytes_do_not_depend_on_company(server: Server) -> None:
    many = server.generate(n=6, guidance={"scale": 2.0}, **BODY)["samples"]
    (alone,) = server.generate(n=1, first=4, guidance={"scale": 2.0}, **BODY)["samples"]
    assert (alone["data"], alone["uncertainty"]) == (many[4]["data"], many[4]["uncertainty"])


def edited(server: Server, handle: str, *operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"handle": handle, "at": {"step": 3}, "operations": [*operations], **more}
    response = server.client.post("/v1/edit", json=asked)
    assert response.status_code == 200, response.text
    (sample,) = response.json()["samples"]
    found: dict[str, Any] = sample
    return found


def test_genes_are_held_by_name_and_drawn_anew(server: Server) -> None:
    (made,) = server.generate(rewind={"keep": "all"}, **BODY)["samples"]
    handle = made["handle"]["id"]
    assert edited(server, handle)["data"] == made["data"]
    held = edited(server, handle, {"type": "hold", "counts": {"LYZ": 11, "CD3": 0}}, seed=1)
    assert (held["data"][2], held["data"][0]) == (11, 0)
    region = {"components": ["CD14"]}
    again = edited(server, handle, {"type": "resample", "region": region}, seed=1)
    assert again["data"] != made["data"]
    other = edited(server, handle, {"type": "condition", "label": "B"}, seed=1)
    assert other["confidence"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"condition": {"label": "NK"}}, "condition.label"),
        ({"condition": {"dose": [1.0]}}, "condition.dose"),
        ({"sampler": {"method": "heun"}}, "sampler.method"),
        ({"sampler": {"steps": 0}}, "sampler.steps"),
        ({"condition": None, "guidance": {"scale": 2}}, "guidance.scale"),
    ],
)
def test_what_cannot_be_made_names_the_field(
    server: Server, change: dict[str, Any], field: str
) -> None:
    body = {name: part for name, part in {**BODY, **change}.items() if part is not None}
    answer = server.client.post("/v1/generate", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field, answer.text


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ({"type": "hold", "counts": {"CD9": 1}}, "operations.0.counts"),
        ({"type": "hold"}, "operations.0.counts"),
        ({"type": "hold", "counts": {"LYZ": 1}, "mask": [1, 0, 0, 0]}, "operations.0.counts"),
        ({"type": "resample", "region": {"components": []}}, "operations.0.region.components"),
        ({"type": "condition", "label": 7}, "operations.0.label"),
    ],
)
def test_an_edit_that_cannot_be_made_names_the_field(
    server: Server, operation: dict[str, Any], field: str
) -> None:
    (made,) = server.generate(rewind={"keep": "all"}, **BODY)["samples"]
    asked = {"handle": made["handle"]["id"], "at": {"step": 2}, "operations": [operation]}
    answer = server.client.post("/v1/edit", json=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


def test_the_client_makes_a_table_of_named_counts(server: Server) -> None:
    with Client(server.url) as client:
        result = client.generate("blood", n=3, seed=3, label="T", steps=6)
        (model,) = client.models()
        table = result.counts(model.components or ())
    assert [*table] == [*GENES]
    assert np.array_equal(np.array([*table.values()]).T, [sample.data for sample in result])


@pytest.mark.skipif(not available(), reason="needs AnnData, of the extra cells")
def test_the_client_reads_and_makes_annotated_data(server: Server, tmp_path: Path) -> None:
    import anndata

    options: dict[str, Any] = {"seed": 3, "label": "T", "steps": 6}
    with Client(server.url) as client:
        result = client.generate("blood", n=3, **options)
        alike = [client.generate("blood", output=form, **options) for form in ("csv", "h5ad")]
    for one in alike:
        assert np.array_equal(one[0].array(), result[0].array())
    suffix, content = alike[1][0].file()
    (tmp_path / f"cell{suffix}").write_bytes(content)
    cell = anndata.read_h5ad(tmp_path / "cell.h5ad")
    assert [*cell.var_names] == [*GENES]
    assert np.array_equal(cell.X[0], result[0].array())
    table, cells = result.frame(GENES), result.anndata(GENES)
    assert table.loc[1, "LYZ"] == result[1].array()[2]
    assert np.array_equal(cells.X, table.to_numpy())
    assert [*cells.var_names] == [*table.columns] == [*GENES]
    assert [*cells.obs["uncertainty"]] == [sample.uncertainty for sample in result]
    assert {*cells.obs["label"]} == {"T"}
    cells.write_h5ad(tmp_path / "cells.h5ad")
    assert np.array_equal(anndata.read_h5ad(tmp_path / "cells.h5ad").X, cells.X)


def test_a_handle_outlives_the_server(folder: Path, tmp_path: Path) -> None:
    named = ("--models-dir", str(folder), "--default-model", "blood")
    options = (*named, "--data-dir", str(tmp_path))
    with serving(*options) as first:
        (made,) = first.generate(rewind={"keep": "all"}, **BODY)["samples"]
    with serving(*options) as second:
        assert edited(second, made["handle"]["id"])["data"] == made["data"]

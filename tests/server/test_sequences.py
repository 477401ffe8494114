"""Sequences and molecules over HTTP, from a server that really runs."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.families.tokens.engine import built
from sureflow.families.tokens.molecule import available
from sureflow_client import Client
from tests.server.running import Server, serving

MOLECULES: dict[str, Any] = {
    "kind": "sequence_table",
    "alphabet": "CON1=(",
    "sequences": ["CCO", "CC=O", "C1CC1", "CC("],
    "weights": [4, 3, 2, 1],
    "notation": "smiles",
}
LETTERS: dict[str, Any] = {
    "kind": "sequence_transformer",
    "alphabet": "abcde",
    "length": 7,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "conditions": {"size": {"mean": 1.0, "deviation": 2.0, "says": "how large"}},
}
EXACT = {"method": "first_hitting"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("sequences")
    torch.manual_seed(0)
    for name, network in (("alcohols", MOLECULES), ("letters", LETTERS)):
        config = CheckpointConfig(name=name, network=network, family="tokens", media="vector")
        save(folder / name, config, built(network))
    options = ("--models-dir", str(folder), "--default-model", "alcohols")
    with serving(*options) as running:
        yield running


def test_the_card_says_what_there_is_to_ask_for(server: Server) -> None:
    cards = {card["name"]: card for card in server.client.get("/v1/models").json()["models"]}
    card = cards["alcohols"]
    assert card["family"] == "tokens"
    assert (card["view"], cards["letters"]["view"]) == ("molecule", "text")
    assert card["samplers"] == ["ancestral", "first_hitting", "confidence", "remasking"]
    assert card["operations"] == ["resample", "hold", "condition", "guide"]
    assert card["formats"][:2] == ["smiles", "text"]
    assert ("svg" in card["formats"]) == available()
    assert "smiles" not in cards["letters"]["formats"]
    assert cards["letters"]["conditions"]["size"]["says"] == "how large"


def test_molecules_are_texts_with_scores(server: Server) -> None:
    body = {"n": 200, "seed": 5, "sampler": EXACT, "confidence": {"method": "worst_token"}}
    answer = server.generate(**body)
    counts = Counter(sample["data"] for sample in answer["samples"])
    assert {*counts} == {*MOLECULES["sequences"]}
    assert counts["CCO"] / 200 == pytest.approx(0.4, abs=4 * (0.24 / 200) ** 0.5)
    (first, *_) = answer["samples"]
    assert first["media_type"] == "chemical/x-daylight-smiles"
    assert (first["semantics"], first["unit"]) == ("improbability", "nats")
    assert first["evaluations"] == 5 + 4


def test_codes_and_texts_are_the_same_sample(server: Server) -> None:
    (text,) = server.generate(seed=5, sampler=EXACT, output={"format": "text"})["samples"]
    (codes,) = server.generate(seed=5, sampler=EXACT, output={"format": "list"})["samples"]
    assert "".join(chr(int(code)) for code in codes["data"] if code) == text["data"]


@pytest.mark.skipif(not available(), reason="needs RDKit, of the extra molecules")
@pytest.mark.parametrize(
    ("media_type", "form", "begins"),
    [
        ("image/svg+xml", "svg", b"<?xml"),
        ("image/png", "png", b"\x89PNG"),
        ("chemical/x-mdl-sdfile", "sdf", b"\n     RDKit          2D"),
    ],
)
def test_molecules_are_drawn(server: Server, media_type: str, form: str, begins: bytes) -> None:
    body = {"seed": 5, "sampler": EXACT}
    answer = server.client.post("/v1/generate", json=body, headers={"Accept": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content.startswith(begins)
    (sample,) = server.generate(output={"format": form}, **body)["samples"]
    assert base64.b64decode(sample["data"]) == answer.content


def test_bytes_do_not_depend_on_company(server: Server) -> None:
    body = {"model": "letters", "seed": 3, "sampler": {"steps": 6}, "condition": {"size": [2.0]}}
    many = server.generate(n=6, guidance={"scale": 2.0}, **body)["samples"]
    server.generate(n=5, seed=1, sampler=EXACT)
    (alone,) = server.generate(n=1, first=4, guidance={"scale": 2.0}, **body)["samples"]
    assert alone["data"] == many[4]["data"]
    assert alone["uncertainty"] == many[4]["uncertainty"]


def test_edits_hold_resample_and_condition(server: Server) -> None:
    body = {"model": "letters", "seed": 3, "sampler": {"method": "confidence", "steps": 7}}
    (made,) = server.generate(rewind={"keep": "all"}, **body)["samples"]
    handle = made["handle"]["id"]

    def edited(at: dict[str, Any], *operations: dict[str, Any], **more: Any) -> list[str]:
        asked = {"handle": handle, "at": at, "operations": [*operations], "seed": 9, **more}
        if not operations:
            del asked["seed"]
        response = server.client.post("/v1/edit", json=asked)
        assert response.status_code == 200, response.text
        return [sample["data"] for sample in response.json()["samples"]]

    assert edited({"t": 0.5}) == [made["data"]]
    held = edited({"step": 0}, {"type": "hold", "text": "ab_c"}, branches=5)
    assert all((text + "    ")[:2] == "ab" and (text + "    ")[3] in "c " for text in held)
    anew = {"type": "resample", "region": {"uncertain": 0.5}}
    assert len({*edited({"step": 5}, anew, branches=6)}) > 1
    assert len({*edited({"step": 3}, {"type": "resample"}, branches=6)}) > 1
    other = {"type": "condition", "arrays": {"size": [5.0]}, "scale": 3.0}
    assert len(edited({"step": 1}, other)) == 1
    (guided,) = edited({"step": 0}, {"type": "guide", "bias": {"e": 90.0}})
    assert guided == "eeeeeee"
    mask = {"type": "hold", "mask": [1, 1, 0, 0, 0, 0, 0]}
    for text in edited({"step": 0}, mask, branches=3):
        assert text[:2] == made["data"][:2]


def test_frames_show_tokens_appear(server: Server) -> None:
    body = {"seed": 5, "sampler": {"method": "confidence", "steps": 5}}
    (made,) = server.generate(rewind={"keep": "all"}, **body)["samples"]
    path = f"/v1/handles/{made['handle']['id']}/frames"
    views = server.client.get(path).json()["views"]
    unknown = [view["state"].count("\N{REPLACEMENT CHARACTER}") for view in views]
    assert unknown == [5, 4, 3, 2, 1, 0]
    assert views[-1]["state"] == made["data"]


def test_the_surest_are_chosen_on_the_way(server: Server) -> None:
    filter = {"by": "uncertainty", "top": 2, "early": "halving"}
    sampler = {"method": "confidence", "steps": 5}
    answer = server.generate(n=12, seed=5, sampler=sampler, filter=filter)
    kept = [s for s in answer["samples"] if s["decision"]["action_taken"] == "accepted"]
    assert len(kept) == 2
    assert answer["usage"]["evaluations_saved"] > 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sampler": {"method": "heun"}}, "sampler.method"),
        ({"sampler": {"remask": 0.5}}, "sampler.remask"),
        ({"sampler": {"temperature": 0}}, "sampler.temperature"),
        ({"guidance": {"scale": 2.0}}, "guidance.scale"),
        ({"condition": {"label": 1}}, "condition.label"),
        ({"confidence": {"method": "condition_contrast"}}, "confidence.method"),
        ({"confidence": {"method": "likelihood"}}, "confidence.method"),
        ({"output": {"format": "cif"}}, "output.format"),
    ],
    ids=str,
)
def test_a_field_that_cannot_be_served_is_named(
    server: Server, change: dict[str, Any], field: str
) -> None:
    response = server.client.post("/v1/generate", json=change)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ({"type": "hold"}, "operations.0.text"),
        ({"type": "hold", "text": "____"}, "operations.0.text"),
        ({"type": "hold", "text": "C" * 9}, "operations.0.text"),
        ({"type": "hold", "text": "Xe"}, "operations.0.known"),
        ({"type": "hold", "mask": [0, 0, 0, 0, 0]}, "operations.0.mask"),
        ({"type": "guide", "bias": {}}, "operations.0.bias"),
        ({"type": "guide", "bias": {"X": 1.0}}, "operations.0.bias"),
        ({"type": "inpaint"}, "operations.0"),
    ],
    ids=str,
)
def test_a_wrong_operation_is_named(server: Server, operation: dict[str, Any], field: str) -> None:
    (made,) = server.generate(seed=5, sampler=EXACT, rewind={"keep": [0.0]})["samples"]
    body = {"handle": made["handle"]["id"], "at": {"step": 0}, "operations": [operation]}
    response = server.client.post("/v1/edit", json=body)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"] == field


@pytest.mark.skipif(not available(), reason="needs RDKit, of the extra molecules")
def test_the_client_reads_and_draws_them(server: Server) -> None:
    with Client(server.url) as client:
        result = client.generate("alcohols", n=6, seed=5, sampler=EXACT)
        (codes,) = client.generate("alcohols", seed=5, sampler=EXACT, output="npy")
    assert set(result.smiles()) <= {*MOLECULES["sequences"]}
    assert [found is None for found in result.molecules()] == [
        text == "CC(" for text in result.smiles()
    ]
    assert result[0].file() == (".smi", f"{result.smiles()[0]}\n".encode())
    assert codes.smiles() == result.smiles()[0]
    assert codes.array().tolist() == result[0].array().tolist()
    assert result[0].image().size == (240, 180)
    assert result.sheet(columns=3).size[0] > 3 * 240
    assert "<img" in result._repr_html_()


def test_sequences_are_not_inverted(server: Server) -> None:
    response = server.client.post("/v1/invert", json={"samples": [np.zeros(5).tolist()]})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "model"

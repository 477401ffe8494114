from __future__ import annotations

from dataclasses import fields

from sureflow.core.card import ModelCard
from sureflow_server.api.model_record import ModelRecord
from tests.server.running import Server


def test_no_member_of_a_card_is_left_out() -> None:
    """The record takes no others: a card with more would hide all models."""
    named = {field.name for field in fields(ModelCard)} - {"own_sizes"}  # these are its sizes
    assert named <= {*ModelRecord.model_fields}


def test_the_list_has_every_card(server: Server) -> None:
    models = {model["name"]: model for model in server.client.get("/v1/models").json()["models"]}
    assert set(models) == {"icons", "points"}
    icons = models["icons"]
    assert icons["version"].startswith("sha256:")
    assert icons["provenance"] == {}
    assert icons["numerics"]["fingerprint"].startswith("sha256:")
    assert icons["calibrated"]["guidance"] == [1.0, 2.0]
    shown = {name: icons[name] for name in ("state", "default", "media", "shape", "classes")}
    assert shown == {
        "state": "ready",
        "default": False,
        "media": "image",
        "shape": [1, 4, 4],
        "classes": ["half", "stripes"],
    }
    assert models["points"]["default"] is True
    assert icons["grids"] == ["uniform", "fitted"]
    assert models["points"]["grids"] == ["uniform"]
    assert icons["probed"] == {}
    assert icons["differentiable"] is models["points"]["differentiable"] is True


def test_one_model(server: Server) -> None:
    (points,) = [
        model
        for model in server.client.get("/v1/models").json()["models"]
        if model["name"] == "points"
    ]
    assert server.client.get("/v1/models/points").json() == points


def test_an_unknown_model(server: Server) -> None:
    response = server.client.get("/v1/models/nobody")
    assert response.status_code == 404
    assert response.json()["type"] == "urn:sureflow:problem:unknown-model"
    assert "icons, points" in response.json()["detail"]

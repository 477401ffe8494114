from __future__ import annotations

from typing import Any

import pytest
from compose_spec import PyCompose

from sureflow_server.settings import Settings
from tests.deploy.sources import DEPLOY, documents, room

FILES = ("compose.yaml", "compose.gpu.yaml")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return documents(DEPLOY / "compose.yaml")[0]


@pytest.mark.parametrize("name", FILES)
def test_the_file_follows_the_specification(name: str) -> None:
    PyCompose.from_yaml((DEPLOY / name).read_text())


def test_the_specification_is_held_against_it() -> None:
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_yaml("services: {a: {image: b, prots: [1]}}")


def test_everything_referred_to_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service.get("networks", ())) <= compose["networks"].keys(), name
        assert set(service.get("secrets", ())) <= compose["secrets"].keys(), name
        assert set(service.get("depends_on", ())) <= compose["services"].keys(), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists(), volume


def test_nothing_is_bound_to_a_public_address(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    published = [port for service in services for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_have_no_more_rights_than_they_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name


def test_redis_has_room_for_what_the_server_may_keep(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    command = redis["command"]
    most = int(command[command.index("--maxmemory") + 1].removesuffix("mb")) << 20
    assert room(compose["services"]["sureflow"]["environment"]) <= 0.8 * most
    assert most < int(redis["mem_limit"].removesuffix("m")) << 20


def test_there_is_time_to_drain(compose: dict[str, Any]) -> None:
    service = compose["services"]["sureflow"]
    grace = float(service["stop_grace_period"].removesuffix("s"))
    drain = float(service["environment"]["SUREFLOW_DRAIN_S"])
    assert drain == Settings().drain_s
    assert grace > drain + 5

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sureflow_server.settings import Settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "CONFIG", "CAPACITY", "MODELS_DIR"):
        monkeypatch.delenv(f"SUREFLOW_{name}", raising=False)


def test_arguments_win_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sureflow.toml"
    file.write_text("port = 1\ncapacity = 1\nthreads = 3\n")
    monkeypatch.setenv("SUREFLOW_CONFIG", str(file))
    monkeypatch.setenv("SUREFLOW_PORT", "2")
    monkeypatch.setenv("SUREFLOW_CAPACITY", "2")
    settings = Settings(port=3)
    assert (settings.port, settings.capacity, settings.threads) == (3, 2, 3)


def test_the_file_may_be_an_argument(tmp_path: Path) -> None:
    file = tmp_path / "sureflow.toml"
    file.write_text("capacity = 7\n")
    assert Settings(config=file).capacity == 7


@pytest.mark.parametrize(
    ("text", "message"), [("capacity = ", "config: "), ("capacty = 3", "capacty")]
)
def test_a_wrong_file_is_named_or_its_field_is(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sureflow.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        Settings(config=file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such file: .*absent\.toml"):
        Settings(config=tmp_path / "absent.toml")


def test_plugins_have_names() -> None:
    assert Settings(plugins=("flow-1=my.module:Flow",)).plugins == ("flow-1=my.module:Flow",)
    for wrong in ("my.module:Flow", "flow=my.module", "flow=my module:Flow"):
        with pytest.raises(ValidationError, match="plugins"):
            Settings(plugins=(wrong,))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    assert Settings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com"])
def test_other_addresses_need_keys_or_permission(host: str) -> None:
    with pytest.raises(ValidationError, match="--api-keys-file, or --allow-unauthenticated"):
        Settings(host=host)
    assert Settings(host=host, allow_unauthenticated=True).host == host
    assert Settings(host=host, api_keys_file=Path("keys.json")).host == host


@pytest.mark.parametrize(
    ("host", "said", "open"),
    [
        ("127.0.0.1", None, True),
        ("127.0.0.1", False, False),
        ("0.0.0.0", None, False),
        ("0.0.0.0", True, True),
    ],
)
def test_metrics_are_open_on_loopback_unless_said(host: str, said: bool | None, open: bool) -> None:
    settings = Settings(host=host, api_keys_file=Path("keys.json"), open_metrics=said)
    assert settings.metrics_are_open is open


@pytest.mark.parametrize("origin", ["https://lab.example", "http://localhost:3000", "http://[::1]"])
def test_origins_that_may_be_allowed(origin: str) -> None:
    assert Settings(allowed_origins=(origin,)).allowed_origins == (origin,)


@pytest.mark.parametrize("origin", ["*", "null", "https://a.example/", "a.example", "https://a/b"])
def test_origins_that_may_not(origin: str) -> None:
    with pytest.raises(ValidationError, match="allowed_origins"):
        Settings(allowed_origins=(origin,))


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


def test_how_models_are_run_is_one_of_the_known_ways() -> None:
    settings = Settings(precision="bfloat16", compile="graphs")
    assert (settings.precision, settings.compile) == ("bfloat16", "graphs")
    with pytest.raises(ValidationError, match="precision"):
        Settings(precision="float16")


def test_the_password_of_the_store_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREFLOW_STORE", "redis://:sesame@host")
    settings = Settings()
    assert "sesame" not in f"{settings!r} {settings}"
    assert settings.store is not None
    assert settings.store.get_secret_value() == "redis://:sesame@host"


def test_no_handle_lives_longer_than_the_longest() -> None:
    assert Settings(handle_ttl_s=5, handle_max_ttl_s=5).handle_ttl_s == 5
    with pytest.raises(ValidationError, match=r"handle_ttl_s: 6 is more than .* 5"):
        Settings(handle_ttl_s=6, handle_max_ttl_s=5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"threads": 2}, False),
        ({"device": "cuda"}, False),
        ({"model_bytes": 1}, False),
        ({"model_bytes": 1, "standby": True}, True),
        ({"standby": False}, False),
    ],
)
def test_a_process_stands_by_where_it_shares_its_memory(options, expected) -> None:
    assert Settings(**options).stands_by is expected


def test_networks_that_are_compiled_have_more_time_to_load() -> None:
    assert Settings().load_s < Settings(compile="compile").load_s
    assert Settings(load_timeout_s=7, device="cuda").load_s == 7

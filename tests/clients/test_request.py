"""Arguments become the body of a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from sureflow_client import Client, Condition, Filter, GenerateOptions, Resample
from sureflow_client._decode import NPY, decode_array
from sureflow_client._request import edit_body, generate_body, invert_body

Answering = Callable[..., Client]


def test_what_is_left_out_is_left_to_the_server() -> None:
    assert set(generate_body()) == {"seed"}
    assert set(edit_body("hdl_1")) == {"seed", "handle", "at", "operations"}
    assert set(invert_body([[0.0, 1.0]])) == {"samples"}


def test_a_text_goes_as_it_is() -> None:
    text, away = {"text": "a bold three"}, {"text": "thin"}
    body = generate_body(condition=text, negative=away, guidance=3.0)
    assert body["condition"] == text
    assert body["guidance"] == {"scale": 3.0, "negative": away}
    assert Condition(arrays=text, negative=away).body() == {
        "type": "condition",
        "arrays": text,
        "negative": away,
    }


def test_every_argument_has_its_place() -> None:
    body = generate_body(
        "fashion",
        2,
        seed=7,
        label=3,
        guidance=1.5,
        method="heun",
        steps=20,
        profile=True,
        map=True,
        filter={"by": "confidence", "min": 0.3, "action": "annotate"},
        output="npy",
    )
    assert body == {
        "model": "fashion",
        "n": 2,
        "seed": 7,
        "condition": {"label": 3},
        "guidance": {"scale": 1.5},
        "sampler": {"method": "heun", "steps": 20},
        "confidence": {"profile": True, "map": True},
        "filter": {"by": "confidence", "min": 0.3, "action": "annotate"},
        "output": {"format": "npy"},
    }


def test_named_arrays_stand_beside_the_label() -> None:
    condition = {"properties": [1.0, 2.0]}
    for body in (
        generate_body(label=3, condition=condition),
        invert_body([[0.0, 1.0]], label=3, condition=condition),
        {"condition": {"label": 3, **Condition(arrays=condition).body()["arrays"]}},
    ):
        array = body["condition"].pop("properties")
        assert body["condition"] == {"label": 3}
        np.testing.assert_array_equal(decode_array(array, NPY, (2,)), [1, 2])


def test_a_sample_that_is_a_text_goes_as_it_is() -> None:
    text = "data_salt\n_cell_length_a 5.64\n"
    assert invert_body([text], "crystals") == {"model": "crystals", "samples": [text]}


def test_a_tolerance_takes_the_place_of_steps() -> None:
    body = generate_body(method="bosh3", tolerance=0.01, min_steps=5, max_steps=50)
    assert body["sampler"] == {
        "method": "bosh3",
        "tolerance": 0.01,
        "min_steps": 5,
        "max_steps": 50,
    }


def test_steps_ahead_are_a_part_of_the_sampler() -> None:
    body = generate_body(method="euler", steps=200, parallel=16, parallel_tolerance=0.0)
    parallel = {"window": 16, "tolerance": 0.0}
    assert body["sampler"] == {"method": "euler", "steps": 200, "parallel": parallel}


def test_a_grid_goes_with_the_steps() -> None:
    assert generate_body(steps=8, grid="fitted")["sampler"] == {"steps": 8, "grid": "fitted"}


def test_a_target_takes_the_place_of_n() -> None:
    filter: Filter = {
        "keep": 0.5,
        "accept": 16,
        "max_attempts": 8,
        "action": "regenerate",
        "early": True,
    }
    body = generate_body("fashion", seed=1, filter=filter)
    assert body == {"model": "fashion", "seed": 1, "filter": filter}


def test_zeros_are_values() -> None:
    body = generate_body(n=0, seed=0, label=0, guidance=0.0, steps=0, filter={"max": 0.0})
    assert body["n"] == body["seed"] == 0
    assert body["condition"] == {"label": 0}
    assert body["guidance"] == {"scale": 0.0}
    assert body["sampler"] == {"steps": 0}
    assert body["filter"] == {"max": 0.0}


def test_numbers_of_numpy_are_written_as_json() -> None:
    body = generate_body(seed=np.int64(7), label=np.int32(3), guidance=np.float64(1.5))  # type: ignore[arg-type]
    assert json.loads(json.dumps(body)) == generate_body(seed=7, label=3, guidance=1.5)


def test_a_drawn_seed_is_new_each_time_and_exact_as_a_double() -> None:
    seeds = [generate_body()["seed"] for _ in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**53 for seed in seeds)


@pytest.mark.parametrize("name", sorted(GenerateOptions.__annotations__))
def test_every_typed_option_exists(name: str) -> None:
    generate_body(**{name: None if name != "also" else ()})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (None, None),
        (False, None),
        (True, {}),
        ("commit", {"keep": "commit"}),
        ("all", {"keep": "all"}),
        ({}, {}),
        ({"ttl_s": 60}, {"ttl_s": 60}),
        ({"keep": np.array([0, 0.5])}, {"keep": [0.0, 0.5]}),
    ],
    ids=str,
)
def test_what_is_kept_of_trajectories(said: Any, sent: Any) -> None:
    bodies = [
        generate_body(rewind=said),
        edit_body("hdl_1", rewind=said),
        invert_body([[0.0]], rewind=said),
    ]
    assert [body.get("rewind") for body in bodies] == [sent] * 3


def test_an_edit_has_one_operation_or_several() -> None:
    one = edit_body("hdl_1", Resample(0.5), branches=2, keep="best", seed=3, steps=4)
    assert one == edit_body("hdl_1", [Resample(0.5)], branches=2, keep="best", seed=3, steps=4)
    assert one == {
        "handle": "hdl_1",
        "at": "commit",
        "operations": [{"type": "resample", "strength": 0.5, "region": "all"}],
        "branches": 2,
        "keep": "best",
        "seed": 3,
        "sampler": {"steps": 4},
    }


def test_an_operation_of_another_package_is_sent_as_it_is() -> None:
    twist = {"type": "twist", "angle": np.float64(0.5)}
    for operations in (twist, [twist]):
        body = edit_body("hdl_1", operations)
        assert body["operations"] == [{"type": "twist", "angle": 0.5}]
    assert json.dumps(body)


def test_an_option_of_another_solver_stands_beside_the_others() -> None:
    body = generate_body(steps=4, sampler={"leap": 2}, method="tau")
    assert body["sampler"] == {"steps": 4, "leap": 2, "method": "tau"}


def test_an_inversion_finds_its_noise_and_draws_no_seed() -> None:
    body = invert_body(np.zeros((2, 3)), "ring", label=1, guidance=2.0, method="heun")
    assert len(body["samples"]) == 2
    assert body["condition"] == {"label": 1}
    assert body["guidance"] == {"scale": 2.0}
    assert body["sampler"] == {"method": "heun"}
    assert "seed" not in body


def test_an_unknown_option_is_an_error_of_the_caller(answering: Answering) -> None:
    client = answering(lambda request: httpx.Response(500))
    with pytest.raises(TypeError, match="lable"):
        client.generate("fashion", lable=3)  # type: ignore[call-arg]


def test_headers_and_address(connect: Answering, answer: Callable[..., dict[str, Any]]) -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=answer())

    transport = httpx.MockTransport(handler)
    client = connect(
        "http://host/below/", api_key="k", headers={"X-Trace": "1"}, transport=transport
    )
    client.generate("ring")
    (request,) = requests
    assert str(request.url) == "http://host/below/v1/generate"
    assert request.headers["Authorization"] == "Bearer k"
    assert request.headers["X-Trace"] == "1"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"].startswith("sureflow-client/")


@pytest.mark.parametrize(
    ("given", "environment", "sent"),
    [
        (None, None, None),
        (None, "e", "Bearer e"),
        ("k", "e", "Bearer k"),
        ("", "e", None),
        (None, "", None),
    ],
)
def test_the_key_comes_from_the_caller_or_the_environment(
    given: str | None,
    environment: str | None,
    sent: str | None,
    answering: Answering,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SUREFLOW_API_KEY", raising=False)
    if environment is not None:
        monkeypatch.setenv("SUREFLOW_API_KEY", environment)
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json={"models": []})

    answering(handler, api_key=given).models()
    assert seen == [sent]


def test_names_of_models_are_escaped(answering: Answering) -> None:
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200, json={"name": "a/b", "state": "failed", "default": False})

    assert answering(handler).model("a/b").name == "a/b"
    assert paths == [b"/v1/models/a%2Fb"]

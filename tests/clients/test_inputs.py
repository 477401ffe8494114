"""Whatever holds numbers is taken; what cannot be sent is named before anything is asked."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
import torch

from sureflow_client import AsyncClient, Client, InvalidArgument, Resample, SureflowError
from sureflow_client._encode import encode_array
from sureflow_client._request import edit_body, generate_body, invert_body

Answering = Callable[..., Client]
THREE: dict[str, Any] = {
    "numpy": np.int64(3),
    "array": np.array(3),
    "torch": torch.tensor(3),
    "bfloat16": torch.tensor(3.0, dtype=torch.bfloat16),
    "half": np.float16(3),
    "fraction": Fraction(3),
    "decimal": Decimal(3),
    "gradient": torch.tensor(3.0, requires_grad=True),
}


@pytest.mark.parametrize("three", THREE.values(), ids=THREE)
def test_numbers_of_any_package_are_numbers(three: Any) -> None:
    plain = json.loads(json.dumps(generate_body("m", three, seed=three, label=three, steps=three)))
    assert plain == {
        "model": "m",
        "n": 3,
        "seed": 3,
        "condition": {"label": 3},
        "sampler": {"steps": 3},
    }
    inner = generate_body(filter={"top": three}, rewind={"ttl_s": three, "keep": [three]})
    assert inner["filter"] == {"top": 3}
    assert inner["rewind"] == {"ttl_s": 3, "keep": [3]}
    assert edit_body("hdl_1", Resample(three), at=three)["at"] == {"t": 3}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int32])
def test_tensors_of_any_numbers_are_arrays(dtype: torch.dtype) -> None:
    whole = torch.tensor([1.0, -2.0]).to(dtype)
    assert encode_array(whole) == encode_array(np.array([1.0, -2.0]))
    assert invert_body([whole])["samples"] == [encode_array([1.0, -2.0])]


def test_lists_of_any_package_are_lists() -> None:
    body = generate_body(size=torch.Size([32, 32]), also=np.array(["residual"]), seed=0)
    assert body["sampler"] == {"size": [32, 32]}
    assert body["confidence"] == {"also": ["residual"]}
    assert generate_body(also="residual", seed=0)["confidence"] == {"also": ["residual"]}
    assert generate_body(rewind={"keep": np.linspace(0, 0.5, 2)})["rewind"] == {"keep": [0, 0.5]}
    assert generate_body(rewind=torch.tensor([0, 0.5]))["rewind"] == {"keep": [0, 0.5]}
    assert generate_body(rewind=np.bool_(True))["rewind"] == {}
    assert "rewind" not in generate_body(rewind=np.bool_(False))


def test_lists_of_tensors_are_arrays() -> None:
    one, two = torch.tensor(1.0, dtype=torch.bfloat16), torch.tensor(-2.0, requires_grad=True)
    assert encode_array([one, two]) == encode_array([1.0, -2.0])
    assert encode_array(([one, 0.5], [two, 2])) == encode_array([[1.0, 0.5], [-2.0, 2.0]])


def test_looking_takes_times_of_any_package(answering: Answering) -> None:
    seen: list[httpx.QueryParams] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.params)
        return httpx.Response(200, json={})

    client = answering(handler)
    for t in (torch.tensor([0.5]), torch.tensor(0.5), [np.float64(0.5)], 0.5):
        with pytest.raises(SureflowError):
            client.frames("hdl_1", t, show="state")
    assert {(one["t"], one["show"]) for one in seen} == {("0.5", "state")}
    with pytest.raises(InvalidArgument, match="limit: 'ten'"):
        client.handles("ten")


def test_parts_of_an_option_do_not_hide_each_other() -> None:
    body = generate_body(sampler={"parallel": {"window": 4}}, parallel_tolerance=0.0, seed=0)
    assert body["sampler"] == {"parallel": {"window": 4, "tolerance": 0.0}}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: generate_body(seed=float("nan")), "seed: nan"),
        (lambda: generate_body(steps=object()), "steps: a object"),
        (lambda: generate_body(tolerance=complex(1, 2)), "tolerance: a complex"),
        (lambda: generate_body(steps=torch.tensor(1j)), "steps: 1j is no real number"),
        (lambda: generate_body(filter={"min": b"1"}), "filter.min: a bytes"),
        (lambda: generate_body("\ud800"), "model: the text has half of a character"),
        (lambda: generate_body(condition={"x": [[1], [2, 3]]}), "no array of numbers"),
        (lambda: generate_body(condition={"x": np.array([1j])}), "array of complex128"),
        (lambda: invert_body([np.array(["a"])]), "array of <U1"),
        (lambda: invert_body([np.array([None])]), "array of object"),
        (lambda: invert_body(PIL.Image.new("L", (2, 2))), r"give \[sample\]"),
        (lambda: invert_body("data_salt"), r"give \[sample\]"),
        (lambda: invert_body(3), r"give \[sample\]"),
        (lambda: invert_body(torch.tensor(3.0)), r"give \[sample\]"),
        (lambda: invert_body([np.ma.array([1.0, 2.0], mask=[0, 1])]), "a masked array"),
        (lambda: invert_body([np.zeros(2, [("x", "f4")])]), "give real numbers"),
        (lambda: invert_body([np.zeros((2, 2), np.uint16)]), "array of uint16.* PIL image"),
        (lambda: invert_body([torch.zeros(2, 2, dtype=torch.uint8)]), "array of uint8"),
        (lambda: invert_body([np.eye(2) > 0]), "array of bool"),
        (lambda: generate_body(condition=[1.0]), "condition: named arrays are a mapping"),
        (lambda: generate_body(negative=3), "negative: named arrays are a mapping"),
        (lambda: edit_body("hdl_1", "resample"), "such as Resample"),
        (lambda: edit_body("hdl_1", None), "such as Resample"),
    ],
)
def test_what_cannot_be_sent_is_named(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        make()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("num_inference_steps", "steps"),
        ("num_steps", "steps"),
        ("guidance_scale", "guidance"),
        ("cfg", "guidance"),
        ("lable", "label"),
        ("num_images_per_prompt", "n"),
        ("negative_prompt", "negative"),
        ("prompt", "condition={"),
        ("height", "size="),
        ("qqqq", "but also, condition"),
    ],
)
def test_an_unknown_option_is_told_the_nearest_one(
    name: str, meant: str, answering: Answering
) -> None:
    """It was a TypeError of a private function, which named neither."""
    client = answering(lambda request: httpx.Response(500))
    with pytest.raises(TypeError) as raised:
        client.generate("fashion", **{name: 3})
    assert isinstance(raised.value, SureflowError)
    assert str(raised.value).startswith(f"generate: there is no option {name}")
    assert meant in str(raised.value)
    assert "_body" not in str(raised.value)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "meant"),
    [("base_url", "url"), ("token", "api_key"), ("time_out", "timeout"), ("max_retries", "retry")],
)
def test_an_argument_of_other_clients_is_told_ours(kind: Any, name: str, meant: str) -> None:
    """The error named a class that nobody has heard of."""
    with pytest.raises(TypeError) as raised:
        kind(**{name: "x"})
    message = f"{kind.__name__}: there is no option {name}; did you mean {meant}?"
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("n", "branches"),
        ("num_images", "branches"),
        ("label", "Condition(label=...)"),
        ("cfg_scale", "Condition(scale=...)"),
        ("num_steps", "steps"),
        ("qqqq", "but also, at, branches, deadline_s"),
    ],
)
def test_an_edit_is_told_what_it_has_in_their_place(
    name: str, meant: str, answering: Answering
) -> None:
    client = answering(lambda request: httpx.Response(500))
    with pytest.raises(InvalidArgument) as raised:
        client.edit("hdl_1", **{name: 3})
    assert f"there is no option {name}" in str(raised.value)
    assert meant in str(raised.value)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_prompts_can_complete_every_option(kind: Any) -> None:
    for method in (kind.generate, kind.stream, kind.jobs.fget(None).generate):
        assert {"steps", "guidance", "seed", "first", "filter"} <= {*parameters(method)}
        assert not any(one.kind is one.VAR_KEYWORD for one in parameters(method).values())
    assert {"at", "branches", "require_exact"} <= {*parameters(kind.edit)}
    assert parameters(kind.invert)["guidance"].annotation == "float | None"


def parameters(method: Any) -> Any:
    return inspect.signature(method).parameters


@pytest.mark.parametrize("wrong", [None, 3, ["hdl_1"]])
def test_what_names_no_handle_and_no_job_is_said(wrong: Any, answering: Answering) -> None:
    client = answering(lambda request: httpx.Response(500))
    for ask in (client.handle, client.frames, client.edit, client.delete_handle):
        with pytest.raises(InvalidArgument, match="names no handle"):
            ask(wrong)
    with pytest.raises(InvalidArgument, match="names no job"):
        client.jobs.get(wrong)

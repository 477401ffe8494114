"""The client of OpenAI, as it comes, in conversation with a real server."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai._models import FinalRequestOptions
from PIL import Image

from sureflow.core.card import ModelCard
from sureflow.core.lane import View
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.api.openai.image_plan import ImagePlan
from sureflow_server.api.openai.image_stream import Told
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Run
from sureflow_server.app import ALLOWED, create_app
from sureflow_server.engine.messages import Viewed
from sureflow_server.settings import Settings
from tests.server.api.test_headers import ask
from tests.server.conftest import Guarded, add_key
from tests.server.running import PATIENCE_S, Server, eventually

SAMPLER = {"method": "heun", "steps": 8}
NOTHING = {"by": "uncertainty", "max": -1e9, "action": "drop"}
"""A filter that nothing passes."""


def client_of(server: Server, token: str = "none") -> OpenAI:
    return OpenAI(
        api_key=token, base_url=f"{server.url}/v1", max_retries=0, timeout=float(PATIENCE_S)
    )


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with client_of(server) as client:
        yield client


def ours(server: Server, **body: Any) -> dict[str, Any]:
    """The same by the path of our own."""
    return server.generate(**{"model": "icons", "sampler": SAMPLER, **body})


def picture(b64: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(b64)))


def test_images_are_those_of_generate_with_all_that_is_known_of_them(
    client: OpenAI, server: Server
) -> None:
    extra = {"seed": 7, "sampler": SAMPLER, "confidence": {"also": ["trajectory"], "profile": True}}
    made = client.images.generate(
        model="icons", prompt="STRIPES ", n=3, size="4x4", response_format="b64_json",
        extra_body=extra,
    )  # fmt: skip
    body = {**extra, "n": 3, "condition": {"label": "stripes"}}
    expected = ours(server, **body)
    assert made.data is not None
    for image, sample in zip(made.data, expected["samples"], strict=True):
        known = image.to_dict()
        assert known.pop("b64_json") == sample.pop("data")
        assert known.pop("revised_prompt") == "stripes"
        assert known == sample
        assert 0 <= known["confidence"] <= 1
        assert picture(str(image.b64_json)).size == (4, 4)
    assert (made.size, made.output_format, made.background) == ("4x4", "png", "opaque")
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens_details.text_tokens == 0
    more = made.model_extra or {}
    assert more["left_out"] == {}
    assert more["warnings"] == []
    for name in ("model", "model_version", "seed", "calibration_version"):
        assert more[name] == expected[name]
    assert (made.usage.model_extra or {})["evaluations"] == expected["usage"]["evaluations"]


def test_without_a_model_it_is_the_first_of_images_and_a_seed_is_told(client: OpenAI) -> None:
    """The default model of this server makes points."""
    drawn = client.images.generate(prompt="half")
    more = drawn.model_extra or {}
    assert more["model"] == "icons"
    again = client.images.generate(prompt="half", extra_body={"seed": more["seed"]})
    other = client.images.generate(prompt="half", extra_body={"seed": more["seed"] + 1})
    assert images(again) == images(drawn) != images(other)


def images(made: Any) -> list[str]:
    return [each.b64_json for each in made.data]


def test_what_is_null_counts_as_left_out(client: OpenAI) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("model", "n", "size", "quality", "response_format", "output_format", "background"), None
    )
    more: dict[str, Any] = dict.fromkeys(("style", "moderation", "stream", "partial_images"), None)
    made = client.images.generate(prompt="", **nothing, **more, extra_body={"seed": 1})
    assert images(made) == images(client.images.generate(prompt="", extra_body={"seed": 1}))
    assert (made.model_extra or {})["warnings"] == []


@pytest.mark.parametrize("prompt", ["stripes", "Stripes", "1"])
def test_a_class_is_named_in_any_case_or_numbered(
    client: OpenAI, server: Server, prompt: str
) -> None:
    made = client.images.generate(prompt=prompt, extra_body={"seed": 3, "sampler": SAMPLER})
    (sample,) = ours(server, seed=3, condition={"label": 1})["samples"]
    assert images(made) == [sample["data"]]


def test_what_is_not_done_is_said(client: OpenAI, server: Server) -> None:
    made = client.images.generate(
        prompt="half", quality="high", style="vivid", user="anna", moderation="low",
        background="opaque", output_compression=50, partial_images=2,
        extra_body={"seed": 3, "sampler": SAMPLER},
    )  # fmt: skip
    assert (made.model_extra or {})["warnings"] == [
        "quality is ignored",
        "style is ignored",
        "moderation is ignored",
        "output_compression is ignored",
        "user is ignored",
        "partial_images is ignored without stream",
    ]
    plain = client.images.generate(
        prompt="half", quality="auto", extra_body={"seed": 3, "sampler": SAMPLER}
    )
    assert (plain.model_extra or {})["warnings"] == []
    assert images(made) == images(plain)


def test_only_what_a_filter_lets_through_is_there(client: OpenAI, server: Server) -> None:
    body = {"seed": 7, "filter": {"keep": 0.5, "action": "drop"}}
    made = client.images.generate(prompt="stripes", n=8, extra_body=body)
    expected = server.generate(model="icons", n=8, condition={"label": "stripes"}, **body)
    passed = [each for each in expected["samples"] if each["data"] is not None]
    assert images(made) == [each["data"] for each in passed]
    assert 0 < len(passed) < 8
    more = made.model_extra or {}
    assert more["left_out"] == {"dropped": 8 - len(passed)}
    assert more["warnings"] == [f"samples without an image: {8 - len(passed)} dropped"]
    assert [each.decision["action_taken"] for each in made.data or ()] == ["accepted"] * len(passed)


def test_until_enough_have_passed(client: OpenAI) -> None:
    wanted = {"min": 0.6, "accept": 3, "action": "regenerate", "max_attempts": 20}
    made = client.images.generate(
        prompt="stripes", extra_body={"seed": 7, "sampler": {"steps": 5}, "filter": wanted}
    )
    assert made.data is not None
    assert len(made.data) == 3
    more = made.model_extra or {}
    assert sum(more["left_out"].values()) == max(each.index for each in made.data) - 2


def test_where_nothing_passes_there_are_no_images(client: OpenAI) -> None:
    made = client.images.generate(prompt="", n=2, extra_body={"filter": NOTHING})
    assert made.data == []
    assert (made.model_extra or {})["left_out"] == {"dropped": 2}


def test_a_handle_is_one_of_ours(client: OpenAI, server: Server) -> None:
    made = client.images.generate(prompt="half", extra_body={"seed": 7, "rewind": {}})
    (image,) = made.data or ()
    shown = server.client.get(f"/v1/handles/{image.handle['id']}").json()
    assert shown["sample"]["data"] == image.b64_json


def test_several_at_a_time_by_the_asynchronous_client(server: Server) -> None:
    async def made() -> list[Any]:
        async with AsyncOpenAI(
            api_key="none", base_url=f"{server.url}/v1", timeout=float(PATIENCE_S)
        ) as client:
            asked = [
                client.images.generate(prompt="half", extra_body={"seed": seed, "sampler": SAMPLER})
                for seed in range(4)
            ]
            return await asyncio.gather(*asked)

    for seed, each in enumerate(asyncio.run(made())):
        (sample,) = ours(server, seed=seed, condition={"label": 0})["samples"]
        assert images(each) == [sample["data"]]


def test_an_image_is_shown_on_its_way(client: OpenAI, server: Server) -> None:
    """As the trajectory of its handle has it, and in the end as it is without a stream."""
    extra = {"seed": 7, "sampler": SAMPLER}
    events = list(
        client.images.generate(
            prompt="half", stream=True, partial_images=3, extra_body={**extra, "rewind": {}}
        )
    )
    assert [event.type for event in events] == [
        *["image_generation.partial_image"] * 3,
        "image_generation.completed",
    ]
    *partials, last = events
    assert [event.partial_image_index for event in partials] == [0, 1, 2]
    for event in events:
        assert picture(event.b64_json).size == (4, 4)
        assert (event.size, event.output_format, event.quality) == ("4x4", "png", "auto")
        assert event.background == "opaque"
        assert event.created_at > 1e9
    assert last.b64_json == images(client.images.generate(prompt="half", extra_body=extra))[0]
    assert last.usage.total_tokens == 0
    frames = server.client.get(
        f"/v1/handles/{last.handle['id']}/frames", params={"t": [0.25, 0.5, 0.75]}
    ).json()
    assert [event.t for event in partials] == [0.25, 0.5, 0.75]
    assert [event.b64_json for event in partials] == [v["prediction"] for v in frames["views"]]
    assert len({event.b64_json for event in events}) > 1


@pytest.mark.parametrize(
    ("sampler", "partials"),
    [
        ({"steps": 1}, 1),
        ({"steps": 2}, 2),
        ({"tolerance": 1e-4, "method": "bosh3"}, 3),
    ],
)
def test_there_are_no_more_partial_images_than_steps(
    client: OpenAI, sampler: dict[str, Any], partials: int
) -> None:
    asked = {"seed": 7, "sampler": sampler}
    events = list(
        client.images.generate(prompt="half", n=2, stream=True, partial_images=3, extra_body=asked)
    )
    for index in range(2):
        own = [each for each in events if each.index == index]
        assert [each.type for each in own][:-1] == ["image_generation.partial_image"] * partials
        assert own[-1].type == "image_generation.completed"
    plain = client.images.generate(prompt="half", n=2, extra_body=asked)
    finished = {each.index: each.b64_json for each in events if hasattr(each, "usage")}
    assert [finished[0], finished[1]] == images(plain)


def test_a_stream_without_partial_images(server: Server) -> None:
    async def told() -> list[Any]:
        async with AsyncOpenAI(api_key="none", base_url=f"{server.url}/v1") as client:
            stream = await client.images.generate(
                prompt="half", n=3, stream=True, extra_body={"seed": 7, "sampler": SAMPLER}
            )
            return [event async for event in stream]

    events = sorted(asyncio.run(told()), key=lambda event: int(event.index))
    expected = ours(server, n=3, seed=7, condition={"label": 0})
    assert [event.b64_json for event in events] == [s["data"] for s in expected["samples"]]
    assert {event.type for event in events} == {"image_generation.completed"}


def test_a_stream_has_what_passes_and_says_so_if_nothing_does(client: OpenAI) -> None:
    half = {"seed": 7, "filter": {"keep": 0.5, "action": "drop"}}
    plain = client.images.generate(prompt="stripes", n=8, extra_body=half)
    events = list(client.images.generate(prompt="stripes", n=8, stream=True, extra_body=half))
    assert sorted(each.b64_json for each in events) == sorted(images(plain))
    with pytest.raises(openai.APIError, match="samples without an image: 2 dropped") as failed:
        list(client.images.generate(prompt="", n=2, stream=True, extra_body={"filter": NOTHING}))
    assert failed.value.code == "no-image"


def test_leaving_a_stream_at_its_first_partial_image_frees_its_lanes(
    client: OpenAI, server: Server
) -> None:
    """So they are under way when it comes."""
    labels = {"model": "icons", "operation": "generate", "outcome": "cancelled"}
    before = server.metric("sureflow_requests_total", **labels)
    slow = {"sampler": {"method": "rk4", "steps": 1000}, "seed": 7}
    stream = client.images.generate(
        prompt="half", n=4, stream=True, partial_images=3, extra_body=slow
    )
    assert next(iter(stream)).type == "image_generation.partial_image"
    assert server.metric("sureflow_num_samples_running", model="icons") == 4
    stream.close()
    eventually(lambda: server.metric("sureflow_num_samples_running", model="icons") == 0)
    eventually(lambda: server.metric("sureflow_requests_total", **labels) == before + 1)


def test_what_a_worker_shows_again_is_not_told_again() -> None:
    """As it is when a worker has died, and another makes its lanes from the beginning."""
    card = ModelCard("m", "sha256:0", "image", (1, 2, 2), (), 0)
    plan = Plan("generate", card, 1, (FlowSpec(1, 0), FlowSpec(1, 1)), form="png")
    told = Told(Run(plan, None, None), "req_1", ImagePlan(plan, None, ()))  # type: ignore[arg-type]
    zeros = np.zeros((1, 2, 2), np.float32)

    def shown(lane: int, step: int, prediction: Any = zeros) -> list[tuple[int, int]]:
        view = View(step, step / 8, zeros, prediction, 0.0, zeros, 0.0)
        events = [make() for _, make in told.about(Viewed(1, lane, view))]
        return [(event["partial_image_index"], event["step"]) for event in events]

    assert [shown(0, 2), shown(1, 2), shown(0, 4)] == [[(0, 2)], [(0, 2)], [(1, 4)]]
    assert [shown(0, 2), shown(0, 4), shown(0, 6)] == [[], [], [(2, 6)]]
    assert shown(1, 4, np.full_like(zeros, np.nan)) == [], "that is no image"


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"prompt": "sneaker"}, {}, "prompt", "no class 'sneaker'; choose from 0 to 1 or half, str"),
    ({"prompt": "2"}, {}, "prompt", "no class '2'"),
    ({"prompt": "half"}, {"condition": {"label": 1}}, "prompt", "condition.label says so too"),
    ({"prompt": ""}, {"condition": {"label": 7}}, "condition.label", "no class 7"),
    ({"prompt": "x" * 20_000}, {}, "prompt", "at most 10000 characters"),
    ({"size": "9x9"}, {}, "size", "icons makes no '9x9'; choose from auto, 4x4"),
    ({"size": "1024x1024"}, {}, "size", "choose from auto, 4x4"),
    ({"size": "4x4"}, {"sampler": {"size": [4, 4]}}, "size", "sampler.size says so too"),
    ({"n": 0}, {}, "n", "greater than or equal to 1"),
    ({"n": 100_000}, {}, "n", "at most"),
    ({"model": "points"}, {}, "model", "points makes no images; choose from icons, or use POST"),
    ({"response_format": "url"}, {}, "response_format", "there are no links; images come as b64"),
    ({"output_format": "webp"}, {}, "output_format", "Input should be 'png'"),
    ({"background": "transparent"}, {}, "background", "'opaque' or 'auto'"),
    ({"partial_images": 4, "stream": True}, {}, "partial_images", "less than or equal to 3"),
    ({}, {"seed": -1}, "seed", "greater than or equal to 0"),
    ({}, {"sampler": {"steps": 0}}, "sampler.steps", "greater than or equal to 1"),
    ({}, {"sampler": {"magic": 1}}, "sampler.magic", "no such field"),
    ({}, {"magic": 1}, "magic", "no such field"),
    ({}, {"output": {"format": "list"}}, "output.format", "this path answers with png"),
    ({}, {"filter": {"min": 0.5, "max": 1}}, "filter", "exactly one of"),
    ({}, {"guidance": {"scale": 2.0}}, "guidance.scale", "needs condition.label"),
    (
        {"stream": True, "partial_images": 1},
        {"filter": {"keep": 0.5, "action": "drop"}},
        "partial_images",
        "would show images that the filter withholds",
    ),
    (
        {"stream": True, "partial_images": 1},
        {"sampler": {"method": "euler", "steps": 8, "parallel": {"window": 2}}},
        "partial_images",
        "steps made in parallel",
    ),
]


@pytest.mark.parametrize(("asked", "extra", "field", "message"), REFUSED)
def test_what_does_not_fit_is_a_bad_request_that_names_the_field(
    client: OpenAI, asked: dict[str, Any], extra: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(openai.BadRequestError) as failed:
        client.images.generate(**{"model": "icons", "prompt": "", **asked}, extra_body=extra)
    error = failed.value
    assert error.param == field
    assert message in error.message
    assert error.message.startswith(f"Error code: 400 - {field}: ")
    assert (error.type, error.code) == ("invalid_request_error", "validation")
    assert error.request_id == error.response.headers["x-request-id"]


def test_a_model_that_there_is_not(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there is no 'gpt-image-2'; choose") as failed:
        client.images.generate(model="gpt-image-2", prompt="")
    assert (failed.value.param, failed.value.code) == ("model", "unknown-model")


def test_the_other_paths_of_images_are_not_there(client: OpenAI, server: Server) -> None:
    with pytest.raises(openai.NotFoundError, match="Not Found"):
        client.images.edit(image=("a.png", b"png"), prompt="")
    answer = server.client.get("/v1/images/generations")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["code"] == "method-not-allowed"
    assert "error" not in server.client.get("/v1/imagesx").json(), "that is no path of OpenAI's"


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("revoked", openai.AuthenticationError),
        ("expired", openai.AuthenticationError),
        ("metrics", openai.PermissionDeniedError),
        ("edit", openai.PermissionDeniedError),
        ("generate", None),
    ],
)
def test_keys_are_those_of_the_server(
    guarded: Guarded, token: str, error: type[openai.APIStatusError] | None
) -> None:
    with client_of(guarded.server, guarded.tokens[token]) as client:
        if error is None:
            assert len(images(client.images.generate(prompt="", n=2))) == 2
            return
        with pytest.raises(error) as failed:
            client.images.generate(prompt="")
        assert failed.value.type in ("authentication_error", "permission_error")
        assert "API key" in failed.value.message


def test_limits_of_a_key_hold(guarded: Guarded) -> None:
    with client_of(guarded.server, guarded.tokens["narrow"]) as client:
        with pytest.raises(openai.BadRequestError) as never:
            client.images.generate(prompt="", n=5)
        assert (never.value.param, never.value.code) == ("n", "too-many-samples")
    slow = add_key(guarded.file, "generate", samples_per_minute=0.06)
    with client_of(guarded.server, slow) as client:

        def twice() -> None:
            for _ in range(2):
                client.images.generate(prompt="")

        with pytest.raises(openai.RateLimitError) as limited:
            twice()
        assert limited.value.type == "rate_limit_error"
        assert int(limited.value.response.headers["retry-after"]) > 0


def test_it_is_counted_like_any_other_request(client: OpenAI, server: Server) -> None:
    labels = {"model": "icons", "operation": "generate", "outcome": "ok"}
    before = server.metric("sureflow_requests_total", **labels)
    client.images.generate(prompt="")
    assert server.metric("sureflow_requests_total", **labels) == before + 1


def test_a_request_with_an_idempotency_key_is_done_once(client: OpenAI) -> None:
    def asked(**more: Any) -> Any:
        headers = {"Idempotency-Key": "images-once"}
        return client.images.with_raw_response.generate(
            prompt="half", extra_headers=headers, **more
        )

    assert asked().content == asked().content
    with pytest.raises(openai.BadRequestError) as failed:
        asked(n=2)
    assert failed.value.code == "idempotency-key-reuse"
    with pytest.raises(openai.APIStatusError, match="a stream is not replayed") as refused:
        client.images.generate(prompt="", stream=True, extra_headers={"Idempotency-Key": "stream"})
    assert refused.value.status_code == 406


def test_it_goes_on_alone_as_a_job_if_that_is_preferred(client: OpenAI, server: Server) -> None:
    asked: dict[str, Any] = {"extra_body": {"seed": 7, "sampler": SAMPLER}, "prompt": "half"}
    accepted = client.images.with_raw_response.generate(
        **asked, extra_headers={"Prefer": "respond-async"}
    )
    assert accepted.status_code == 202
    place = accepted.headers["location"]
    eventually(lambda: server.client.get(place).json()["state"] == "completed")
    result = server.client.get(place).json()["result"]
    plain = client.images.generate(**asked)
    assert [each["b64_json"] for each in result["data"]] == images(plain)
    server.client.delete(place)


def test_pages_of_others_are_refused_in_the_same_form(server: Server) -> None:
    answer = server.client.post(
        "/v1/images/generations", json={}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign-origin"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "malformed-body"),
        (b"[]", {"Content-Type": "application/json"}, 400, "validation"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        (b"{}", {}, 415, "unsupported-media-type"),
    ],
)
def test_bodies_that_are_none(
    server: Server, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = server.client.post("/v1/images/generations", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["code"] == code


def test_the_client_lists_the_models_of_images(client: OpenAI, server: Server) -> None:
    listed = client.models.list()
    assert [(model.id, model.object, model.owned_by) for model in listed] == [
        ("icons", "model", "sureflow")
    ]
    both = {model["name"] for model in server.client.get("/v1/models").json()["models"]}
    assert both == {"icons", "points"}


@pytest.mark.parametrize("name", ["icons", "points"])
def test_the_client_retrieves_any_model(client: OpenAI, server: Server, name: str) -> None:
    """Its ``id`` was None."""
    model = client.models.retrieve(name)
    assert (model.id, model.object, model.created, model.owned_by) == (name, "model", 0, "sureflow")
    ours = server.client.get(f"/v1/models/{name}").json()
    assert model.to_dict() == ours
    assert ours in server.client.get("/v1/models").json()["models"]


def test_a_model_that_there_is_not_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("icns")
    body: Any = caught.value.body
    assert body["detail"] == "there is no 'icns'; choose from icons, points"


BROWSERS = (
    *("authorization", "content-type", "user-agent", "openai-organization", "openai-project"),
    *("x-stainless-arch", "x-stainless-lang", "x-stainless-os", "x-stainless-package-version"),
    *("x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version"),
    *("x-stainless-timeout", "x-stainless-helper-method"),
)
"""What the JavaScript package sends from a page; browsers ask before whether they may."""


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/models", "/v1/models/icons"])
def test_a_page_of_an_allowed_origin_may_use_the_javascript_client(path: str) -> None:
    app, origin = create_app(Settings(allowed_origins=("https://lab.example",))), "lab.example"
    headers = {
        "Origin": f"https://{origin}",
        "Access-Control-Request-Method": "POST" if path.endswith("s/generations") else "GET",
        "Access-Control-Request-Headers": ",".join(BROWSERS),
    }
    answer = ask(app, "OPTIONS", path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == headers["Origin"]
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert set(BROWSERS) <= set(allowed)
    other = {**headers, "Access-Control-Request-Headers": "x-stainless-none"}
    assert ask(app, "OPTIONS", path, headers=other).status_code == 400


def test_what_the_client_sends_is_among_what_pages_may_send(client: OpenAI) -> None:
    """The Python client names its headers alike; new ones of it are noticed here."""
    request = client._build_request(FinalRequestOptions(method="post", url="/images/generations"))
    plain = {"host", "connection", "accept", "accept-encoding", "content-type", "content-length"}
    assert {*request.headers} - plain <= {name.lower() for name in ALLOWED}

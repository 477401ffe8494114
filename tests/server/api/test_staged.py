"""A model of several stages, served: a prompt in, an image and a confidence out."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from openai import BadRequestError, OpenAI
from PIL import Image

from sureflow.checkpoint import CALIBRATION, CheckpointConfig, load, save
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.codec import png
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import build
from sureflow.sampling.sample import run
from tests.models.networks.test_staged import CONFIG
from tests.server.running import Server, serving

PROMPT = {"text": "a bold three"}
SAMPLER = {"method": "heun", "steps": 4}
TOKENS = np.array([1, 2, 3], np.int64)
LATENT = [2, 4, 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = {**CONFIG, "encoder": {**CONFIG["encoder"], "examples": ["a three", "bold"]}}
    network = build(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("staged") / "captions"
    save(folder, CheckpointConfig(name="captions", media="image", network=config), network)
    made = calibrate(load(folder), 60, [1.0, 3.0], 5, quiet=True)
    made.save(folder / CALIBRATION)
    return folder


@pytest.fixture(scope="module")
def staged(folder: Path) -> Iterator[Server]:
    """Two models: ``captions`` with all stages, and ``blind``, which does not encode samples."""
    torch.manual_seed(0)
    config = {name: z for name, z in CONFIG.items() if name not in ("sample_encoder", "preview")}
    blind = CheckpointConfig(name="blind", media="image", network=config)
    save(folder.parent / "blind", blind, build(config))
    with serving("--models-dir", str(folder.parent), "--default-model", "captions") as server:
        yield server


def made(server: Server, **body: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"seed": 5, "sampler": SAMPLER, "condition": PROMPT, **body}
    samples: list[dict[str, Any]] = server.generate(**given)["samples"]
    return samples


def refused(server: Server, path: str, body: dict[str, Any]) -> tuple[str, str]:
    response = server.client.post(path, json=body)
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    return error["field"], error["message"]


def test_a_prompt_comes_out_as_an_image_and_a_confidence(staged: Server, folder: Path) -> None:
    samples = made(staged, n=2, guidance={"scale": 1.0})
    specs = [FlowSpec(5, n, "heun", 4, condition={"text": TOKENS}) for n in range(2)]
    for sample, own in zip(samples, run(load(folder), specs), strict=True):
        assert sample["media_type"] == "image/png"
        assert sample["shape"] == [1, 8, 8]
        assert base64.b64decode(sample["data"]) == png(own.data)
        assert sample["confidence"] == own.confidence
        assert 0 <= sample["confidence"] <= 1
        assert sample["uncertainty"] == pytest.approx(own.uncertainty)
        assert sample["evaluations"] == 8
    assert samples[0]["data"] != samples[1]["data"]
    assert samples[0]["data"] != made(staged, n=1, condition={"text": "a"})[0]["data"]


def test_a_prompt_of_a_client_of_openai_is_the_text(staged: Server) -> None:
    extra = {"seed": 5, "sampler": SAMPLER}
    with OpenAI(api_key="none", base_url=f"{staged.url}/v1", max_retries=0) as client:
        plain = client.images.generate(prompt="a bold three", n=2, extra_body=extra)
        assert plain.data is not None
        images = [image.b64_json for image in plain.data]
        assert images == [sample["data"] for sample in made(staged, n=2)]
        assert all(image.revised_prompt is None for image in plain.data)
        events = list(
            client.images.generate(
                prompt="a bold three", stream=True, partial_images=2, extra_body=extra
            )
        )
        assert [event.type.rsplit(".", 1)[1] for event in events] == [
            *("partial_image", "partial_image", "completed")
        ]
        assert all(picture(event.b64_json).size == (8, 8) for event in events)
        assert events[-1].b64_json == images[0]
        (none,) = client.images.generate(prompt=" ", extra_body=extra).data or ()
        assert none.b64_json == server_made_without(staged)
        with pytest.raises(BadRequestError, match="400 - prompt: has the word 'unheard'") as failed:
            client.images.generate(prompt="unheard")
        assert failed.value.param == "prompt"


def picture(b64: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(b64)))


def server_made_without(staged: Server) -> str:
    """The sample of nothing in particular."""
    (sample,) = staged.generate(seed=5, sampler=SAMPLER)["samples"]
    return str(sample["data"])


def test_one_image_is_the_whole_answer(staged: Server) -> None:
    body = {"seed": 5, "sampler": SAMPLER, "condition": PROMPT}
    response = staged.client.post("/v1/generate", json=body, headers={"Accept": "image/png"})
    assert response.status_code == 200
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.size == (8, 8)
    assert response.content == base64.b64decode(made(staged)[0]["data"])


def test_an_empty_text_is_none(staged: Server) -> None:
    (plain,) = made(staged, condition=None)
    assert made(staged, condition={"text": " "})[0]["data"] == plain["data"]
    assert made(staged, condition={"text": "a"})[0]["data"] == plain["data"], "the null of this one"
    assert made(staged, condition={"text": [1]})[0]["data"] == plain["data"]


def test_the_map_is_that_of_the_latent(staged: Server) -> None:
    (sample,) = made(staged, confidence={"map": True}, output={"format": "list"})
    assert np.shape(sample["map"]) == tuple(LATENT)
    assert np.shape(sample["data"]) == (1, 8, 8)


def test_the_card_says_what_it_takes(staged: Server) -> None:
    cards = {card["name"]: card for card in staged.client.get("/v1/models").json()["models"]}
    card = cards["captions"]
    assert cards["blind"]["stages"] == ["encoder", "decoder"]
    assert card["shape"] == [1, 8, 8]
    assert card["state_shape"] == LATENT
    assert card["stages"] == ["encoder", "sample_encoder", "decoder", "preview"]
    prompt = card["conditions"]["text"]["prompt"]
    words = ["a", "bold", "three"]
    assert prompt == {
        "tokens": 3,
        "level": "word",
        "words": words,
        "examples": ["a three", "bold"],
        "unknown": False,
    }
    assert card["formats"] == ["png", "npy", "list"]


def test_another_prompt_from_some_time_on(staged: Server) -> None:
    (sample,) = made(staged, rewind={})
    handle = sample["handle"]["id"]
    operations = [{"type": "condition", "arrays": {"text": "three three"}}]
    body = {"handle": handle, "at": {"t": 0.5}, "operations": operations, "rewind": {}}
    response = staged.client.post("/v1/edit", json=body)
    assert response.status_code == 200, response.text
    (branch,) = response.json()["samples"]
    assert branch["data"] != sample["data"]
    again = {"handle": branch["handle"]["id"], "at": {"step": 3}, "operations": []}
    replayed = staged.client.post("/v1/edit", json=again).json()["samples"][0]
    assert replayed["data"] == branch["data"], "bit for bit"
    none = [{"type": "condition", "arrays": {"text": ""}, "scale": 1.0}]
    cleared = staged.client.post("/v1/edit", json={**body, "operations": none, "at": {"t": 0}})
    assert cleared.json()["samples"][0]["data"] == made(staged, condition=None)[0]["data"]


def test_the_trajectory_is_shown_decoded(staged: Server) -> None:
    (sample,) = made(staged, rewind={})
    handle = sample["handle"]["id"]
    shown = {"show": ["state", "prediction", "map"], "format": "list"}
    answer = staged.client.get(f"/v1/handles/{handle}/frames", params=shown).json()
    assert answer["shape"] == [1, 8, 8]
    assert len(answer["views"]) == 5
    for view in answer["views"]:
        assert np.shape(view["state"]) == np.shape(view["prediction"]) == (1, 8, 8)
        assert np.shape(view["map"]) == tuple(LATENT)
    pictures = staged.client.get(f"/v1/handles/{handle}/frames").json()
    assert base64.b64decode(pictures["views"][0]["prediction"]).startswith(b"\x89PNG")


def test_a_part_is_held_by_a_mask_of_the_image_or_of_the_latent(staged: Server) -> None:
    (sample,) = made(staged, rewind={})
    image = np.zeros((8, 8), int)
    image[:4] = 1
    cells = image[::2, ::2]
    answers = []
    for mask in (image, cells):
        operations = [
            {"type": "inpaint", "mask": mask.tolist()},
            {"type": "resample", "region": {"mask": (1 - mask).tolist()}},
        ]
        body = {
            "handle": sample["handle"]["id"],
            "seed": 3,
            "at": {"t": 0.25},
            "operations": operations,
        }
        response = staged.client.post("/v1/edit", json=body)
        assert response.status_code == 200, response.text
        answers.append(response.json()["samples"][0]["data"])
    assert answers[0] == answers[1] != sample["data"]


def test_what_cannot_be_is_named(staged: Server) -> None:
    (sample,) = made(staged, rewind={})
    for condition, says in (
        ({"text": "a bold four"}, "has the word 'four', which the model does not know: a, bold"),
        ({"text": "a a a a"}, "has 4 words; at most 3"),
        ({"text": [4]}, "at most 3 tokens in 0 .. 3"),
        ({"text": [[0.5]]}, "should be 3 x 8, is 1 x 1"),
    ):
        field, message = refused(staged, "/v1/generate", {"condition": condition})
        assert field == "condition.text"
        assert says in message
    scaled = {"condition": {"text": ""}, "guidance": {"scale": 2.0}}
    assert refused(staged, "/v1/generate", scaled)[0] == "guidance.scale"
    picture = np.zeros((1, 8, 8)).tolist()
    field, message = refused(staged, "/v1/invert", {"model": "blind", "samples": [picture]})
    assert field == "samples.0"
    assert "blind has a decoder and no encoder of samples: give latents [2, 4, 4]" in message
    (other,) = made(staged, model="blind", rewind={})
    known = [{"type": "inpaint", "mask": np.ones((8, 8)).tolist(), "known": picture}]
    edit = {"handle": other["handle"]["id"], "operations": known}
    field, message = refused(staged, "/v1/edit", edit)
    assert field == "operations.0.known"
    assert "give latents" in message
    odd = np.zeros((1, 6, 6)).tolist()
    field, message = refused(staged, "/v1/invert", {"samples": [odd]})
    assert (field, message) == (
        "samples.0",
        "should be 1 x 8 x 8, is 1 x 6 x 6; or give latents [2, 4, 4]",
    )
    for operator, says in (("mask", "or give latents"), ("blur", "and this is of latents: give")):
        guide = {"type": "guide", "operator": operator, "target": odd, "mask": np.ones((8, 8))}
        guide["mask"] = np.ones((8, 8)).tolist()
        edit = {"handle": sample["handle"]["id"], "operations": [guide]}
        field, message = refused(staged, "/v1/edit", edit)
        assert field == "operations.0.target"
        assert says in message
    wrong = [{"type": "condition", "arrays": {"text": "four"}}]
    edit = {"handle": sample["handle"]["id"], "operations": wrong}
    assert refused(staged, "/v1/edit", edit)[0] == "operations.0.arrays.text"


def test_a_latent_is_inverted(staged: Server) -> None:
    latent = (0.1 * np.arange(32)).reshape(LATENT).tolist()
    body = {"samples": [latent], "condition": PROMPT, "sampler": {"method": "rk4", "steps": 20}}
    response = staged.client.post("/v1/invert", json=body)
    assert response.status_code == 200, response.text
    (sample,) = response.json()["samples"]
    assert sample["shape"] == [1, 8, 8]
    assert sample["inversion_error"] < 0.05


def png_of(array: np.ndarray) -> str:
    return base64.b64encode(png(array.astype(np.float32))).decode()


def test_an_image_is_inverted(staged: Server, folder: Path) -> None:
    """As its latent is, which is the encoder's; an array, a PNG, and beside others."""
    ramp = np.round(np.linspace(0, 255, 64)).astype(np.float32).reshape(1, 8, 8) / 127.5 - 1
    encoder = load(folder).network.sample_encoder
    with torch.inference_mode():
        latent = encoder(torch.from_numpy(ramp)[None])[0]
    body = {"condition": PROMPT, "sampler": {"method": "rk4", "steps": 20}}
    given = [ramp.tolist(), png_of(ramp), latent.tolist(), (-ramp).tolist()]
    response = staged.client.post("/v1/invert", json={**body, "samples": given, "rewind": {}})
    assert response.status_code == 200, response.text
    array, picture, coded, _ = response.json()["samples"]
    assert array["data"] == picture["data"] == coded["data"]
    shown = array["inversion_error"]
    assert shown == picture["inversion_error"] != coded["inversion_error"] < 0.05
    body = {"handle": array["handle"]["id"], "at": {"t": 0.5}, "operations": []}
    response = staged.client.post("/v1/edit", json=body)
    assert response.json()["samples"][0]["data"] == array["data"], "from its recipe, bit for bit"


def test_known_pixels_are_held(staged: Server) -> None:
    """A cell of the latent is held if all of its pixels are; the rest is made."""
    (sample,) = made(staged, rewind={})
    known = np.linspace(-1, 1, 64).reshape(1, 8, 8)
    half, more = np.zeros((8, 8), int), np.zeros((8, 8), int)
    half[:4] = 1
    more[:5] = 1
    answers = []
    for mask in (half, more, np.ones((8, 8), int)):
        operations = [{"type": "inpaint", "mask": mask.tolist(), "known": known.tolist()}]
        body = {"handle": sample["handle"]["id"], "at": {"t": 0.25}, "operations": operations}
        response = staged.client.post("/v1/edit", json={**body, "rewind": {}})
        assert response.status_code == 200, response.text
        answers.append(response.json()["samples"][0])
    assert answers[0]["data"] == answers[1]["data"] != sample["data"]
    assert answers[2]["data"] != answers[0]["data"]
    body = {"handle": answers[0]["handle"]["id"], "at": {"t": 0.75}, "operations": []}
    again = staged.client.post("/v1/edit", json=body)
    assert again.json()["samples"][0]["data"] == answers[0]["data"]


def test_frames_are_shown_by_the_preview(staged: Server, folder: Path) -> None:
    (sample,) = made(staged, rewind={}, output={"format": "list"})
    shown = {"show": ["state", "prediction"], "format": "list"}
    path = f"/v1/handles/{sample['handle']['id']}/frames"
    views = staged.client.get(path, params=shown).json()["views"]
    (own,) = run(
        load(folder), [FlowSpec(5, 0, "heun", 4, condition={"text": TOKENS}, watch=(0, 1, 2, 3))]
    )
    network = load(folder).network
    with torch.inference_mode():
        start = torch.from_numpy(own.start)[None]
        expected, full = network.preview(start)[0], network.decoder(start)[0]
    assert np.array(views[0]["state"]) == pytest.approx(expected.numpy(), abs=1e-5)
    assert np.array(views[0]["state"]) != pytest.approx(full.numpy(), abs=1e-2)
    for view, ours in zip(views, own.views, strict=False):
        assert np.array(view["prediction"], np.float32).tolist() == ours.prediction.tolist()
    assert views[-1]["state"] == sample["data"], "the sample itself, by the decoder"


def test_a_prompt_is_an_input_of_the_inference_protocol(staged: Server) -> None:
    client = staged.client
    inputs = client.get("/v2/models/captions").json()["inputs"]
    assert {"name": "text", "datatype": "BYTES", "shape": [1]} in inputs

    def asked(text: str) -> Any:
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}
        given = {"seed": 5, "sampler.method": "heun", "sampler.steps": 4}
        body = {"inputs": [tensor], "parameters": given}
        return client.post("/v2/models/captions/infer", json=body).json()

    outputs = {each["name"]: each["data"] for each in asked(PROMPT["text"])["outputs"]}
    (sample,) = made(staged, output={"format": "list"})
    assert outputs["samples"] == np.ravel(sample["data"]).tolist()
    assert "condition.text: has 4 words; at most 3" in asked("a a a a")["error"]


def test_guidance_leads_away_from_a_negative_prompt(staged: Server, folder: Path) -> None:
    scaled = {"scale": 3.0, "negative": {"text": "three"}}
    (sample,) = made(staged, guidance=scaled, rewind={})
    away = {"text": np.array([3, 0, 0], np.int64)}
    spec = FlowSpec(5, 0, "heun", 4, condition={"text": TOKENS}, guidance=3.0, negative=away)
    (own,) = run(load(folder), [spec])
    assert base64.b64decode(sample["data"]) == png(own.data)
    assert sample["data"] != made(staged, guidance={"scale": 3.0})[0]["data"]
    assert not sample["confidence_holds"], "not with a negative prompt"
    (guided,) = made(staged, guidance={"scale": 3.0})
    assert 0 <= guided["confidence"] <= 1
    body = {"handle": sample["handle"]["id"], "at": {"step": 2}, "operations": []}
    replayed = staged.client.post("/v1/edit", json=body).json()["samples"][0]
    assert replayed["data"] == sample["data"]
    for negative, field in (
        ({"text": "four"}, "guidance.negative.text"),
        ({"label": 1}, "guidance.negative.label"),
        ({"y": [1.0]}, "guidance.negative.y"),
    ):
        given = {"condition": PROMPT, "guidance": {"scale": 2.0, "negative": negative}}
        assert refused(staged, "/v1/generate", given)[0] == field
    plain = {"condition": PROMPT, "guidance": {"negative": {"text": "three"}}}
    field, message = refused(staged, "/v1/generate", plain)
    assert (field, message) == ("guidance.scale", "a negative condition needs a scale other than 1")

"""A foreign network imported with several sizes, and a decoder of several, served side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from openai import BadRequestError, OpenAI
from PIL import Image
from safetensors.torch import save_file

from sureflow.checkpoint import CALIBRATION, load
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.spec import FlowSpec
from sureflow.importing.adapter import Adapter
from sureflow.importing.run import import_model
from sureflow.sampling.sample import run
from sureflow_client import Client
from sureflow_client._cli.main import main
from tests.commands import invoke
from tests.server.running import Server, serving
from tests.sized import Canvas, latents

ADAPTER = {"shape": [1, 8, 8], "shapes": [[8, 8], [8, 12]], "classes": 2}
PLUGIN = "tests.sized.Canvas=tests.sized:Canvas"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sizes") / "models"
    torch.manual_seed(3)
    weights = root.parent / "canvas.safetensors"
    save_file(Canvas().state_dict(), weights)
    adapter = Adapter.model_validate(ADAPTER)
    made = import_model("tests.sized:Canvas", "canvas", root / "canvas", adapter, weights=weights)
    assert made.plugin == PLUGIN
    assert "at 8x12" in made.notes[-1]
    table = calibrate(load(root / "canvas"), 100, method="euler", steps=4, quiet=True)
    table.save(root / "canvas" / CALIBRATION)
    latents(root / "latents")
    return root


@pytest.fixture(scope="module")
def sizes(models: Path) -> Iterator[Server]:
    options = ("--models-dir", str(models), "--default-model", "canvas")
    with serving(*options, "--plugin", PLUGIN) as server:
        yield server


def asked(server: Server, size: list[int] | None, **body: Any) -> list[dict[str, Any]]:
    sampler = {"method": "heun", "steps": 6, **({} if size is None else {"size": size})}
    answer = server.generate(**{"seed": 5, "n": 3, "sampler": sampler, **body})
    samples: list[dict[str, Any]] = answer["samples"]
    return samples


def picture(sample: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(sample["data"])))


def refused(server: Server, path: str, body: dict[str, Any]) -> tuple[str, str]:
    response = server.client.post(path, json=body)
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    return error["field"], error["message"]


@pytest.mark.parametrize("model", ["canvas", "latents"])
def test_pictures_have_the_size_that_was_asked_for(sizes: Server, model: str, models: Path) -> None:
    wide = [8, 12] if model == "canvas" else [12, 8]
    bodies = [(None, {"seed": 5}), (wide, {"seed": 5}), ([8, 8], {"seed": 5}), (wide, {"seed": 6})]
    with ThreadPoolExecutor() as pool:
        found = [*pool.map(lambda each: asked(sizes, each[0], model=model, **each[1]), bodies)]
    for (size, _), samples in zip(bodies, found, strict=True):
        height, width = size or (8, 8)
        assert {sample["media_type"] for sample in samples} == {"image/png"}
        assert {picture(sample).size for sample in samples} == {(width, height)}
        assert {(*sample["shape"],) for sample in samples} == {(1, height, width)}
    assert [s["data"] for s in found[0]] == [s["data"] for s in found[2]], "the default one"
    exact = asked(sizes, wide, model=model, output={"format": "npy"})
    specs = [FlowSpec(5, n, "heun", 6, size=(*wide,)) for n in range(3)]
    for sample, own in zip(exact, run(load(models / model), specs), strict=True):
        array = np.load(io.BytesIO(base64.b64decode(sample["data"])))
        assert array.tobytes() == own.data.tobytes()


def test_a_size_that_there_is_not_is_refused(sizes: Server) -> None:
    field, message = refused(sizes, "/v1/generate", {"sampler": {"size": [9, 9]}})
    assert field == "sampler.size"
    assert message == "canvas makes no 9x9; choose from 8x8, 8x12"
    assert refused(sizes, "/v1/generate", {"sampler": {"size": []}})[0] == "sampler.size"
    assert refused(sizes, "/v1/generate", {"sampler": {"size": [0, 8]}})[0] == "sampler.size.0"


def test_the_card_says_which_there_are(sizes: Server) -> None:
    card = sizes.client.get("/v1/models/canvas").json()
    assert card["shape"] == card["state_shape"] == [1, 8, 8]
    assert card["sizes"] == [[8, 8], [8, 12]]
    card = sizes.client.get("/v1/models/latents").json()
    assert card["shapes"] == [[1, 8, 8], [1, 12, 8]]
    assert card["state_shapes"] == [[2, 4, 4], [2, 6, 4]]
    outputs = sizes.client.get("/v2/models/canvas").json()["outputs"]
    assert [each["shape"] for each in outputs if each["name"] == "samples"] == [[-1, 1, 8, -1]]
    with Client(sizes.url) as client:
        assert client.model("canvas").sizes == ((8, 8), (8, 12))
        (made,) = client.generate("canvas", size=(8, 12), seed=5, method="heun", steps=6)
        assert made.array().shape[-2:] == (8, 12)


def test_confidence_waits_for_its_calibration(sizes: Server) -> None:
    steps: dict[str, Any] = {"sampler": {"method": "euler", "steps": 4}}
    assert all(each["confidence_holds"] for each in sizes.generate(n=2, seed=1, **steps)["samples"])
    steps["sampler"]["size"] = [8, 12]
    (one,) = sizes.generate(seed=1, **steps)["samples"]
    assert (one["confidence"], one["confidence_holds"]) == (None, None)


def test_a_trajectory_is_looked_through_and_edited_in_its_size(sizes: Server) -> None:
    (made,) = asked(sizes, [8, 12], n=1, rewind={"keep": "all"})
    handle = made["handle"]["id"]
    frames = sizes.client.get(f"/v1/handles/{handle}/frames", params={"t": [0.5, 1]}).json()
    assert frames["shape"] == [1, 8, 12]
    assert {picture({"data": view["state"]}).size for view in frames["views"]} == {(12, 8)}
    mask = np.zeros((8, 12), int)
    mask[:, :3] = 1
    edit = {"handle": handle, "at": {"t": 0.5}, "branches": 2, "output": {"format": "npy"}}
    edit["operations"] = [{"type": "resample"}, {"type": "inpaint", "mask": mask.tolist()}]
    response = sizes.client.post("/v1/edit", json=edit)
    assert response.status_code == 200, response.text
    assert {(*each["shape"],) for each in response.json()["samples"]} == {(1, 8, 12)}
    edit["sampler"] = {"steps": 4}
    assert sizes.client.post("/v1/edit", json=edit).json()["samples"][0]["shape"] == [1, 8, 12]
    edit["sampler"] = {"size": [8, 8]}
    problem = "sampler.size", "a trajectory keeps its own, 8x12"
    assert refused(sizes, "/v1/edit", edit) == problem
    edit["operations"] = [{"type": "inpaint", "mask": mask[:, :8].tolist()}]
    edit["sampler"] = {"steps": 4}
    assert refused(sizes, "/v1/edit", edit)[0] == "operations.0.mask"


def test_what_is_given_decides_on_its_size(sizes: Server) -> None:
    given = [each["data"] for size in ([8, 12], None) for each in asked(sizes, size, n=1)]
    body: dict[str, Any] = {"samples": given, "rewind": {}, "output": {"format": "npy"}}
    response = sizes.client.post("/v1/invert", json=body)
    assert response.status_code == 200, response.text
    samples = response.json()["samples"]
    assert [sample["shape"] for sample in samples] == [[1, 8, 12], [1, 8, 8]]
    assert all(sample["inversion_error"] < 0.05 for sample in samples)
    again = {"handle": samples[0]["handle"]["id"], "at": {"t": 0.2}}
    assert sizes.client.post("/v1/edit", json=again).json()["samples"][0]["shape"] == [1, 8, 12]
    body["sampler"] = {"size": [8, 12]}
    field, message = refused(sizes, "/v1/invert", body)
    assert (field, message) == ("samples.1", "should be 8 x 12, is 8 x 8")
    del body["sampler"]
    field, message = refused(sizes, "/v1/invert", {**body, "samples": [[[0.0] * 3] * 3]})
    assert field == "samples.0"
    assert message.endswith("sizes are 8x8, 8x12")


def test_clients_of_openai_name_the_width_first(sizes: Server) -> None:
    steps = {"method": "heun", "steps": 6}
    with OpenAI(api_key="none", base_url=f"{sizes.url}/v1", max_retries=0) as client:
        for size, own in (("12x8", [8, 12]), ("8x8", None), ("auto", None)):
            made = client.images.generate(
                prompt="", model="canvas", n=3, size=size, extra_body={"seed": 5, "sampler": steps}
            )
            assert made.data is not None
            assert [each.b64_json for each in made.data] == [s["data"] for s in asked(sizes, own)]
            assert made.size == ("8x8" if size == "auto" else size)
        with pytest.raises(BadRequestError, match="no '8x12'; choose from auto, 8x8, 12x8"):
            client.images.generate(prompt="", model="canvas", size="8x12")


def test_the_command_line_asks_for_a_size(sizes: Server, tmp_path: Path) -> None:
    out = tmp_path / "wide"
    done = invoke(
        main, "--url", sizes.url, "generate", "canvas", "--size", "8x12", "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("*.png")
    with Image.open(file) as image:
        assert image.size == (12, 8)

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from safetensors import safe_open

import sureflow
from tests.server.running import Server

MIXED: list[dict[str, Any]] = [
    {"model": "points", "n": 5, "seed": 1},
    {"model": "points", "n": 3, "seed": 2, "sampler": {"method": "rk4", "steps": 7}},
    {"model": "points", "n": 40, "seed": 3, "sampler": {"method": "euler", "steps": 33}},
    {"model": "icons", "n": 4, "seed": 4, "output": {"format": "npy"}},
    {"model": "icons", "n": 6, "seed": 5, "condition": {"label": 1}, "output": {"format": "npy"}},
    {
        "model": "icons",
        "n": 7,
        "seed": 6,
        "condition": {"label": "half"},
        "guidance": {"scale": 1.7},
        "sampler": {"method": "midpoint", "steps": 12},
        "confidence": {"map": True, "profile": True},
        "output": {"format": "npy"},
    },
    {
        "model": "points",
        "n": 9,
        "seed": 7,
        "sampler": {"method": "bosh3", "tolerance": 0.02, "min_steps": 2, "max_steps": 30},
        "confidence": {"profile": True},
    },
    {
        "model": "icons",
        "n": 2,
        "seed": 8,
        "condition": {"label": 1},
        "guidance": {"scale": 1.7},
        "sampler": {"method": "euler", "steps": 30, "parallel": {"window": 5, "tolerance": 0.01}},
    },
]


def from_npy(data: str) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = np.load(io.BytesIO(base64.b64decode(data)), allow_pickle=False)
    return array


def lasting(answer: dict[str, Any]) -> dict[str, Any]:
    """The part of an answer that is the same every time."""
    return {name: answer[name] for name in ("model", "model_version", "seed", "samples")}


def test_the_smallest_request(server: Server) -> None:
    answer = server.generate()
    assert list(answer) == [
        "id",
        "model",
        "model_version",
        "seed",
        "samples",
        "usage",
        "selection",
        "calibration_version",
        "warnings",
    ]
    assert answer["model"] == "points"
    assert answer["model_version"].startswith("sha256:")
    assert 0 <= answer["seed"] < 2**53
    (sample,) = answer["samples"]
    assert set(sample) == {
        "index",
        "seed",
        "label",
        "media_type",
        "shape",
        "data",
        "confidence",
        "confidence_holds",
        "uncertainty",
        "method",
        "semantics",
        "unit",
        "scores",
        "commit",
        "decision",
        "finish_reason",
        "steps",
        "evaluations",
        "tolerance",
        "inversion_error",
        "handle",
        "parent",
        "rewound_from",
    }
    assert sample["media_type"] == "application/json"
    assert sample["shape"] == [2]
    assert sample["confidence"] is None
    assert sample["decision"] is None
    assert (sample["method"], sample["semantics"]) == ("propagated", "ambiguity")
    assert sample["finish_reason"] == "converged"
    assert sample["steps"] == {"accepted": 20, "rejected": 0}
    assert sample["evaluations"] == 40
    usage = answer["usage"]
    assert (usage["evaluations"], usage["evaluations_saved"]) == (40, 0)
    assert usage["queue_s"] >= 0
    assert usage["compute_s"] > 0


def test_the_alias_is_the_same_path(server: Server) -> None:
    alias = server.client.post("/generate", json={"seed": 3}).json()
    assert lasting(alias) == lasting(server.generate(seed=3))


def test_seeds_are_drawn_anew(server: Server) -> None:
    assert server.generate()["seed"] != server.generate()["seed"]


def test_the_servers_samples_are_the_librarys(server: Server, models_dir: Path) -> None:
    answer = server.generate(
        model="icons",
        n=3,
        seed=11,
        condition={"label": 1},
        guidance={"scale": 2.0},
        sampler={"method": "rk4", "steps": 5, "grid": "fitted"},
        confidence={"map": True, "profile": True},
        output={"format": "npy"},
    )
    model = sureflow.load(models_dir / "icons")
    offline = sureflow.sample(
        model, 3, 11, label=1, guidance=2.0, method="rk4", steps=5, grid="fitted"
    )
    assert not np.allclose(np.diff(offline[0].t), 0.2)
    for record, sample in zip(answer["samples"], offline, strict=True):
        assert record["media_type"] == "application/x-npy"
        assert from_npy(record["data"]).tobytes() == sample.data.tobytes()
        assert from_npy(record["map"]).tobytes() == sample.map.tobytes()
        assert record["uncertainty"] == sample.uncertainty
        assert record["confidence"] == sample.confidence
        assert record["profile"] == {"t": sample.t.tolist(), "rate": sample.rate.tolist()}
        assert record["commit"] == {"t": sample.commit.t, "step": sample.commit.step}
        assert record["evaluations"] == sample.evaluations == 40


def test_repeats_and_prefixes_are_equal(server: Server) -> None:
    four, sixteen = (server.generate(n=n, seed=9)["samples"] for n in (4, 16))
    assert four == sixteen[:4]
    assert server.generate(n=16, seed=9)["samples"] == sixteen


def test_neighbours_change_nothing(server: Server) -> None:
    alone = [lasting(server.generate(**body)) for body in MIXED]
    with ThreadPoolExecutor(len(MIXED)) as threads:
        together = list(threads.map(lambda body: lasting(server.generate(**body)), MIXED * 3))
    assert together == alone * 3


def test_a_class_may_be_named_or_numbered(server: Server) -> None:
    named, numbered, free = (
        server.generate(model="icons", seed=2, condition=condition)["samples"]
        for condition in ({"label": "stripes"}, {"label": 1}, None)
    )
    assert named == numbered != free


def test_images_are_png_by_default(server: Server) -> None:
    (sample,) = server.generate(model="icons", seed=2, condition={"label": 0})["samples"]
    assert sample["media_type"] == "image/png"
    image = Image.open(io.BytesIO(base64.b64decode(sample["data"])))
    assert (image.mode, image.size) == ("L", (4, 4))
    pixels = np.asarray(image)
    assert pixels[:2].min() > 128 > pixels[2:].max()
    assert 0 <= sample["confidence"] <= 1


def test_maps_follow_the_family_of_the_data(server: Server) -> None:
    def of(form: str) -> Any:
        body = {"model": "icons", "seed": 2, "confidence": {"map": True}}
        return server.generate(**body, output={"format": form})["samples"][0]["map"]

    assert of("png") == of("npy")
    assert np.array(of("list"), np.float32).tobytes() == from_npy(of("npy")).tobytes()


def test_a_filter_that_annotates_keeps_everything(server: Server) -> None:
    body = {"model": "icons", "n": 24, "seed": 4, "condition": {"label": "stripes"}}
    plain = server.generate(**body)["samples"]
    chosen = server.generate(**body, filter={"min": 0.5})["samples"]
    assert [sample["data"] for sample in chosen] == [sample["data"] for sample in plain]
    taken = {sample["decision"]["action_taken"] for sample in chosen}
    assert taken == {"accepted", "annotated"}
    for sample in chosen:
        decision = sample["decision"]
        assert decision["score"] == sample["confidence"]
        assert (decision["action_taken"] == "accepted") == (sample["confidence"] >= 0.5)


def test_a_filter_that_drops_keeps_the_record(server: Server) -> None:
    plain = server.generate(n=12, seed=4)["samples"]
    bound = sorted(sample["uncertainty"] for sample in plain)[5]
    chosen = server.generate(
        n=12, seed=4, filter={"by": "uncertainty", "max": bound, "action": "drop"}
    )["samples"]
    assert [sample["uncertainty"] for sample in chosen] == [s["uncertainty"] for s in plain]
    assert sum(sample["data"] is None for sample in chosen) == 6
    for sample, before in zip(chosen, plain, strict=True):
        dropped = sample["uncertainty"] > bound
        assert sample["data"] == (None if dropped else before["data"])
        assert sample["decision"] == {
            "action_requested": "drop",
            "action_taken": "dropped" if dropped else "accepted",
            "by": "uncertainty",
            "score": sample["uncertainty"],
            "threshold": bound,
            "attempt": 1,
            "reason": "score > threshold" if dropped else "score ≤ threshold",
            "abandoned_at": None,
            "rung": None,
        }


def test_safetensors(server: Server, tmp_path: Path) -> None:
    body = {
        "model": "icons",
        "n": 6,
        "seed": 4,
        "condition": {"label": "stripes"},
        "confidence": {"map": True, "profile": True},
        "filter": {"min": 0.5, "action": "drop"},
        "output": {"format": "npy"},
    }
    plain = server.generate(**body)
    accept = {"Accept": "application/x-safetensors"}
    response = server.client.post("/v1/generate", json=body, headers=accept)
    assert response.headers["content-type"] == "application/x-safetensors"
    (tmp_path / "answer.safetensors").write_bytes(response.content)
    with safe_open(tmp_path / "answer.safetensors", "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        record = json.loads(file.metadata()["record"])
    assert {name: array.shape for name, array in tensors.items()} == {
        "samples": (6, 1, 4, 4),
        "confidence": (6,),
        "uncertainty": (6,),
        "map": (6, 1, 4, 4),
    }
    assert 0 < sum(sample["data"] is None for sample in plain["samples"]) < 6
    for row, sample in enumerate(plain["samples"]):
        data, field = sample.pop("data"), from_npy(sample.pop("map"))
        del sample["media_type"]
        assert tensors["map"][row].tobytes() == field.tobytes()
        assert tensors["confidence"][row] == np.float32(sample["confidence"])
        assert tensors["uncertainty"][row] == np.float32(sample["uncertainty"])
        if data is None:
            assert np.isnan(tensors["samples"][row]).all()
        else:
            assert tensors["samples"][row].tobytes() == from_npy(data).tobytes()
    assert lasting(record) == lasting(plain)


def test_safetensors_of_an_uncalibrated_model_have_nan_for_confidence(server: Server) -> None:
    from safetensors.numpy import load

    accept = {"Accept": "application/x-safetensors"}
    tensors = load(server.client.post("/v1/generate", json={"n": 2}, headers=accept).content)
    assert np.isnan(tensors["confidence"]).tolist() == [True, True]


def test_a_single_image(server: Server) -> None:
    body = {"model": "icons", "seed": 2}
    response = server.client.post("/v1/generate", json=body, headers={"Accept": "image/png"})
    assert response.headers["content-type"] == "image/png"
    plain = server.generate(**body)
    assert response.content == base64.b64decode(plain["samples"][0]["data"])
    record = json.loads(response.headers["x-sureflow-record"])
    assert record["samples"][0]["confidence"] == plain["samples"][0]["confidence"]


def test_a_single_image_that_was_dropped(server: Server) -> None:
    body = {
        "model": "icons",
        "seed": 2,
        "filter": {"by": "uncertainty", "max": 0, "action": "drop"},
    }
    response = server.client.post("/v1/generate", json=body, headers={"Accept": "image/png"})
    assert (response.status_code, response.content) == (204, b"")
    record = json.loads(response.headers["x-sureflow-record"])
    assert record["samples"][0]["decision"]["action_taken"] == "dropped"


def test_a_score_by_derivatives_doubles_the_evaluations_and_changes_no_sample(
    server: Server,
) -> None:
    body = {
        "model": "icons",
        "seed": 4,
        "n": 3,
        "condition": {"label": 1},
        "guidance": {"scale": 2.0},
        "sampler": {"method": "heun", "steps": 3},
    }
    plain = server.client.post("/v1/generate", json=body).json()
    asked = {**body, "confidence": {"also": ["divergence"]}}
    found = server.client.post("/v1/generate", json=asked).json()
    assert found["usage"]["evaluations"] == 2 * plain["usage"]["evaluations"]
    assert [s["data"] for s in found["samples"]] == [s["data"] for s in plain["samples"]]
    assert len({s["scores"]["divergence"] for s in found["samples"]}) == 3
    parallel = {**asked, "sampler": {"method": "euler", "parallel": {"window": 4}}}
    assert server.client.post("/v1/generate", json=parallel).status_code == 422


def test_a_probe_that_a_model_has_not_is_refused(server: Server) -> None:
    body = {"model": "icons", "condition": {"label": 1}, "confidence": {"method": "probe"}}
    response = server.client.post("/v1/generate", json=body)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "confidence.method"
    assert error["message"].startswith("probe needs a probe, and icons has none")


@pytest.mark.parametrize("method", ["euler", "heun", "midpoint", "rk4"])
def test_evaluations_are_counted_guided_ones_twice(server: Server, method: str) -> None:
    body = {"model": "icons", "condition": {"label": 1}, "sampler": {"method": method, "steps": 3}}
    plain = server.generate(**body)["usage"]["evaluations"]
    assert plain == 3 * {"euler": 1, "heun": 2, "midpoint": 2, "rk4": 4}[method]
    guided = server.generate(**body, guidance={"scale": 2.0})["usage"]["evaluations"]
    assert guided == 2 * plain

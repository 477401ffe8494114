"""Folders of diffusers are recognised, and odd ones are refused by a sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sureflow.importing import json_file
from sureflow.importing.diffusers_folder import read_folder
from sureflow.networks.registry import build
from tests.tiny_diffusers import FLUX, MODELS, PIXART, UNET, bare, peer, saved, scheduled

diffusers = pytest.importorskip("diffusers")

FLOW = "FlowMatchEulerDiscreteScheduler"
UNUSED = {"path": "linear", "prediction": "velocity"}
WEIGHTS, INDEX = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
)


def pipeline(folder: Path, name: str, part: str, **others: list[str | None]) -> Path:
    """A pipeline whose only network is one of ours."""
    saved(name, folder / part)
    index = {"_class_name": "Pipeline", part: ["diffusers", MODELS[name][0]], **others}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare U-Net with a scheduler beside it, to be copied."""
    return scheduled(saved("unet", tmp_path_factory.mktemp("unet") / "model"))


@pytest.fixture
def copied(unet: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(unet, tmp_path / "model"))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_unet(prediction: str, tmp_path: Path) -> None:
    folder = scheduled(saved("unet", tmp_path), prediction_type=prediction)
    found = read_folder(folder)
    assert found.network == {
        "kind": "frozen",
        "base": "diffusers",
        "arguments": found.network["arguments"],
        "shape": [1, 8, 8],
        "classes": 0,
        "null_label": True,
        "inputs": {"x": "sample", "t": "timestep"},
        "output": "sample",
        "channels": None,
        "path": {
            "kind": "discrete",
            "zero_snr": False,
            "betas": "linear",
            "first": 0.0001,
            "last": 0.02,
            "steps": 1000,
            "spacing": "trailing",
        },
        "prediction": {"epsilon": "noise", "v_prediction": "v"}[prediction],
        "time": "step",
        "variance": "none",
        "conditions": {},
    }
    assert found.network["arguments"]["name"] == "UNet2DModel"
    assert found.parts == {}
    count = sum(p.numel() for p in peer("unet").parameters())
    assert found.notes[0] == f"UNet2DModel of {count:,} parameters, stored as F32 in 1 file(s)."
    assert any(note.startswith("DDPMScheduler: the network predicts ") for note in found.notes)


EXPECTED: dict[str, dict[str, Any]] = {
    "labelled": {
        "classes": 10,
        "inputs": {"x": "sample", "t": "timestep", "label": "class_labels"},
    },
    "conditioned": {"conditions": {"text": ("text", [77, 12], 0)}},
    "large": {"conditions": {"text": ("text", [77, 12], 0), "pooled": ("vector", [10], 0)}},
    "dit": {"channels": 4, "classes": 10},
    "pixart": {
        "channels": 4,
        "conditions": {"text": ("text", [120, 12], 0), "text_mask": ("mask", [120], 1)},
    },
    "sized": {"constants": {"resolution": [64, 64], "aspect_ratio": [1]}},
    "sd3": {
        "prediction": "reverse_velocity",
        "time": "1000 * (1 - t)",
        "conditions": {"text": ("text", [333, 12], 0), "pooled": ("vector", [10], 0)},
    },
    "flux": {
        "shape": [4, 8, 6],
        "prediction": "reverse_velocity",
        "time": "1 - t",
        "conditions": {
            "text": ("text", [512, 12], 0),
            "pooled": ("vector", [10], 0),
            "distilled_guidance": ("vector", [1], 3.5),
        },
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_other_classes(name: str, tmp_path: Path) -> None:
    flow = name in ("sd3", "flux")
    folder = scheduled(saved(name, tmp_path), FLOW if flow else "DDPMScheduler")
    found = read_folder(folder, shape=[4, 8, 6] if name == "flux" else None).network
    for key, value in EXPECTED[name].items():
        if key == "conditions":
            there = {n: (c["kind"], c["shape"], c["null"]) for n, c in found[key].items()}
            assert there == value
        else:
            assert (found["arguments"] if key == "constants" else found)[key] == value
    wanted = {"x", "t", *found["conditions"], *(["label"] if found["classes"] else [])}
    assert set(found["inputs"]) == wanted


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_answers_as_what_was_saved(name: str, tmp_path: Path) -> None:
    folder = scheduled(saved(name, tmp_path), FLOW)
    found = read_folder(folder, shape=[4, 8, 6] if name == "flux" else None, text_length=5)
    module = build_base(found.network["arguments"])
    module.load_state_dict({name: stored.read() for name, stored in found.tensors.items()})
    for own, theirs in zip(module.parameters(), peer(name).parameters(), strict=True):
        assert torch.equal(own, theirs)
    # The call that the network describes is one that the module understands.
    ours = {
        "x": torch.ones(2, *found.network["shape"]),
        "t": torch.tensor([0.2, 0.7]),
        "label": torch.tensor([0, max(found.network["classes"] - 1, 0)]),
    }
    for condition, field in found.network["conditions"].items():
        ours[condition] = torch.full((2, *field["shape"]), field["null"])
    given = {theirs: ours[own] for own, theirs in found.network["inputs"].items()}
    out = getattr(module(**given), found.network["output"])
    assert out[:, : found.network["channels"]].shape == ours["x"].shape


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_network_can_be_built(name: str, tmp_path: Path) -> None:
    folder = scheduled(saved(name, tmp_path), FLOW, shift=3.0)
    found = read_folder(folder, shape=[4, 8, 6] if name == "flux" else None, text_length=5)
    network = build(found.network)
    tensors = {f"network.{name}": stored.read() for name, stored in found.tensors.items()}
    network.load_state_dict(tensors)
    x = torch.randn(2, *found.network["shape"], generator=torch.Generator().manual_seed(0))
    label = torch.tensor([0, max(network.classes - 1, 0)])
    v = network(x, torch.tensor([0.2, 0.7]), label)
    assert v.isfinite().all()
    assert v.shape == x.shape


@torch.no_grad()
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_steps_are_those_of_diffusers(prediction: str, betas: str, tmp_path: Path) -> None:
    """Euler's method on the schedule of its own is DDIM."""
    import diffusers

    config = {"prediction_type": prediction, "beta_schedule": betas, "clip_sample": False}
    config |= {"timestep_spacing": "trailing"}
    theirs, scheduler = peer("unet"), diffusers.DDIMScheduler(**config)
    network = build(
        read_folder(scheduled(saved("unet", tmp_path), "DDIMScheduler", **config)).network
    )
    network.load_state_dict({f"network.{n}": z for n, z in theirs.state_dict().items()})
    x = y = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    scheduler.set_timesteps(5)
    for step in scheduler.timesteps:
        x = scheduler.step(theirs(x, step).sample, step, x).prev_sample
    times = network.convention.schedule(5).float()
    for start, end in pairwise(times):
        y = y + (end - start) * network(y, start.expand(2))
    torch.testing.assert_close(y, x, rtol=1e-3, atol=1e-3 * float(x.std()))


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "scheduler", "config", "start"),
    [
        ("sd3", FLOW, {"shift": 3.0}, 1),
        ("unet", "EDMEulerScheduler", {"sigma_max": 20.0}, 20),
        ("unet", "EDMEulerScheduler", {"sigma_data": 1.0, "prediction_type": "v_prediction"}, 80),
    ],
)
def test_other_steps_are_those_of_diffusers(
    name: str, scheduler: str, config: dict[str, Any], start: float, tmp_path: Path
) -> None:
    import diffusers

    theirs, steps = peer(name), getattr(diffusers, scheduler)(**config)
    found = read_folder(scheduled(saved(name, tmp_path), scheduler, **config), text_length=5)
    network = build(found.network)
    network.load_state_dict({f"network.{n}": z for n, z in theirs.state_dict().items()})
    y = torch.randn(2, *network.shape, generator=torch.Generator().manual_seed(0))
    x, texts = start * y, {}
    if name == "sd3":
        pooled = torch.zeros(2, 10)
        texts = {"encoder_hidden_states": torch.zeros(2, 5, 12), "pooled_projections": pooled}
    steps.set_timesteps(5)
    for step in steps.timesteps:
        seen = steps.scale_model_input(x, step) if name == "unet" else x
        said = theirs(seen, timestep=step.expand(2), **texts).sample
        x = steps.step(said, step, x).prev_sample
    for begin, end in pairwise(network.convention.schedule(5).float()):
        y = y + (end - begin) * network(y, begin.expand(2))
    torch.testing.assert_close(y, x, rtol=1e-3, atol=1e-3 * float(x.std()))


def test_learned_times_are_whole(tmp_path: Path) -> None:
    import diffusers

    config = UNET | {"time_embedding_type": "learned", "num_train_timesteps": 1000}
    diffusers.UNet2DModel(**config).save_pretrained(tmp_path)
    found = read_folder(scheduled(tmp_path)).network
    assert found["time"] == "round(step)"
    build(found)


def build_base(arguments: dict[str, Any]) -> torch.nn.Module:
    """The module, as the registry makes it."""
    from sureflow.networks import registry

    return registry.make_base("diffusers", arguments)


def test_registry_knows_the_base() -> None:
    with pytest.raises(ValueError, match=r"diffusers failed: ValueError: name: 'no' is none"):
        build({"kind": "frozen", "base": "diffusers", "arguments": {"name": "no", "config": {}}})


def test_flux_places_and_shifts_its_steps_as_its_pipeline_does(tmp_path: Path) -> None:
    folder = scheduled(saved("flux", tmp_path), FLOW, use_dynamic_shifting=True)
    found = read_folder(folder, shape=[4, 64, 32])
    path = found.network["path"]
    assert path["spacing"] == "trailing"
    # 512 tokens, a fifteenth of the way from 0.5 at 256 to 1.15 at 4096.
    assert path["shift"] == pytest.approx(torch.tensor(0.5 + 0.65 / 15).exp().item())


def autoencoder(folder: Path, channels: int) -> None:
    made = diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=channels,
        norm_num_groups=4,
        scaling_factor=0.25,
    )
    made.save_pretrained(folder)


def test_pipeline(tmp_path: Path) -> None:
    others = {
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
    }
    folder = scheduled(pipeline(tmp_path, "large", "unet", **others), "DDIMScheduler")
    for part in ("text_encoder", "tokenizer", "vae"):
        (folder / part).mkdir()
    autoencoder(folder / "vae", channels=4)
    (folder / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 9}')
    with pytest.raises(ValueError, match=r"takes text_encoder, text_encoder_2; --no-prompts"):
        read_folder(folder)
    found = read_folder(folder, prompts=False)
    assert "encoder" not in found.stages
    assert found.parts == {part: folder / part for part in ("vae", "text_encoder", "tokenizer")}
    assert found.network["conditions"]["text"]["shape"] == [9, 12]
    assert found.network["arguments"]["constants"] == {"time_ids": [32, 32, 0, 0, 32, 32]}
    assert [*found.stages] == ["decoder", "sample_encoder"]
    decoder, encoder = found.stages.values()
    shape, side = found.network["shape"], found.network["shape"][1]
    assert decoder.config["shape"] == [3, 4 * side, 4 * side]
    assert decoder.config["scale"] == 0.25
    assert not any(name.startswith(("encoder", "quant_conv")) for name in decoder.tensors)
    assert not any(name.startswith(("decoder", "post_quant_conv")) for name in encoder.tensors)
    assert encoder.config.keys() == {"base", "arguments"}
    assert (
        f"Its samples are latents, which AutoencoderKL decodes to [3, {4 * side}, {4 * side}]."
        in (found.notes)
    )
    assert len(shape) == 3


def tiny(folder: Path, blocks: int = 3) -> Path:
    """An ``AutoencoderTiny`` that halves as often as there are blocks, but one."""
    made = diffusers.AutoencoderTiny(
        encoder_block_out_channels=(4,) * blocks,
        decoder_block_out_channels=(4,) * blocks,
        num_encoder_blocks=(1,) * blocks,
        num_decoder_blocks=(1,) * blocks,
        latent_channels=4,
    )
    made.save_pretrained(folder)
    return folder


def test_previews_of_a_tiny_autoencoder(tmp_path: Path) -> None:
    """One beside the decoder, or one that is named; and one that takes other latents."""
    vae = {"vae": ["diffusers", "AutoencoderKL"]}
    folder = scheduled(pipeline(tmp_path / "theirs", "large", "unet", **vae), "DDIMScheduler")
    autoencoder(folder / "vae", channels=4)
    assert "preview" not in read_folder(folder, text_length=9).stages
    elsewhere = tiny(tmp_path / "elsewhere")
    found = read_folder(folder, text_length=9, preview=elsewhere)
    assert found.stages["preview"].config["arguments"]["name"] == "AutoencoderTiny"
    assert found.stages["preview"].config["shape"] == found.stages["decoder"].config["shape"]
    assert "Frames of trajectories are decoded by AutoencoderTiny, for previews." in found.notes
    shutil.copytree(elsewhere, folder / "taesd")
    assert "preview" in read_folder(folder, text_length=9).stages
    shutil.rmtree(folder / "taesd")
    tiny(folder / "taesd", blocks=2)
    assert "preview" not in read_folder(folder, text_length=9).stages
    with pytest.raises(ValueError, match=r"taesd: its samples have shape .* and not"):
        read_folder(folder, text_length=9, preview=folder / "taesd")
    with pytest.raises(ValueError, match=r"^preview: is for models with a decoder"):
        read_folder(folder / "unet", text_length=9, preview=elsewhere)


def test_a_decoder_without_its_encoder(tmp_path: Path) -> None:
    vae = {"vae": ["diffusers", "AutoencoderKL"]}
    folder = scheduled(pipeline(tmp_path, "large", "unet", **vae), "DDIMScheduler")
    autoencoder(folder / "vae", channels=4)
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    parts = ("encoder.", "quant_conv.")
    save_file({k: z for k, z in load_file(file).items() if not k.startswith(parts)}, file)
    found = read_folder(folder, text_length=9)
    assert [*found.stages] == ["decoder"]
    assert any(note.startswith("They cannot be encoded") for note in found.notes)


def test_pipeline_of_one_folder(copied: Path) -> None:
    (copied / "model_index.json").write_text('{"unet": ["diffusers", "UNet2DModel"]}')
    assert read_folder(copied).network["shape"] == [1, 8, 8]


def test_model_in_a_pipeline_finds_its_scheduler(tmp_path: Path) -> None:
    scheduled(pipeline(tmp_path, "unet", "unet"), "EDMEulerScheduler")
    assert read_folder(tmp_path / "unet").network["path"]["kind"] == "edm"


def test_what_the_caller_knows_better(copied: Path, tmp_path: Path) -> None:
    found = read_folder(copied, prediction="data")
    assert (found.network["prediction"], found.network["path"]["kind"]) == ("data", "discrete")
    assert any("Taken from you: prediction;" in note for note in found.notes)
    other = scheduled(tmp_path / "other", FLOW)
    for given in (other / "scheduler", other / "scheduler" / "scheduler_config.json"):
        assert read_folder(copied, scheduler=given).network["path"]["kind"] == "linear"
    shutil.rmtree(copied / "scheduler")
    found = read_folder(copied, path="linear", prediction="velocity", time="t")
    assert (found.network["path"], found.network["time"]) == ({"kind": "linear"}, "t")
    found = read_folder(copied, path={"kind": "discrete", "betas": "cosine"}, prediction="v")
    assert found.network["time"] == "step"
    assert read_folder(copied, shape=[1, 4, 6], **UNUSED).network["shape"] == [1, 4, 6]
    with pytest.raises(ValueError, match=r"^time: pass what the network is told"):
        read_folder(copied, path="vp", prediction="noise")


def test_last_label_may_be_the_null(tmp_path: Path) -> None:
    folder = scheduled(saved("labelled", tmp_path))
    assert any("pass classes=9" in note for note in read_folder(folder).notes)
    found = read_folder(folder, classes=9).network
    assert (found["classes"], found["null_label"]) == (9, True)
    with pytest.raises(ValueError, match="classes: 4 should be 10, or 9 and a null"):
        read_folder(folder, classes=4)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_widened(kind: str, tmp_path: Path) -> None:
    dtype = getattr(torch, kind)
    network = peer("unet").to(dtype)
    network.save_pretrained(tmp_path)
    found = read_folder(tmp_path, **UNUSED)
    assert ("F16" in found.notes[0]) or ("BF16" in found.notes[0])
    name = "conv_in.weight"
    assert torch.equal(found.tensors[name].read(), network.conv_in.weight.float())


def test_shards(tmp_path: Path) -> None:
    folder = saved("unet", tmp_path, max_shard_size="20KB")
    assert (folder / INDEX).exists()
    found = read_folder(folder, **UNUSED)
    for name, tensor in peer("unet").state_dict().items():
        assert torch.equal(found.tensors[name].read(), tensor)


def test_variants(tmp_path: Path) -> None:
    folder = saved("unet", tmp_path, variant="fp16")
    assert read_folder(folder, **UNUSED).network["shape"] == [1, 8, 8]
    shutil.copy(next(folder.glob("*.safetensors")), folder / "other.safetensors")
    assert read_folder(folder, variant="fp16", **UNUSED)
    with pytest.raises(ValueError, match=r"has .*fp16.* name the variant"):
        read_folder(folder, **UNUSED)


def test_old_names_of_attention(tmp_path: Path) -> None:
    network = peer("unet")
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    tensors = {}
    for name, tensor in network.state_dict().items():
        for new, was in old.items():
            name = name.replace(new, was)
        tensors[name] = tensor
    folder = bare(tmp_path, UNET | {"_class_name": "UNet2DModel"}, **tensors)
    found = read_folder(folder, **UNUSED)
    assert found.tensors.keys() == network.state_dict().keys()


def test_legacy_class(tmp_path: Path) -> None:
    folder = scheduled(saved("pixart", tmp_path))
    written = json.loads((folder / "config.json").read_text())
    written |= {"_class_name": "Transformer2DModel", "num_vector_embeds": None}
    (folder / "config.json").write_text(json.dumps(written))
    found = read_folder(folder)
    assert found.network["arguments"]["name"] == "PixArtTransformer2DModel"
    assert any("no field num_vector_embeds" in note for note in found.notes)


def test_byte_order_mark_is_skipped(copied: Path) -> None:
    text = (copied / "config.json").read_bytes()
    (copied / "config.json").write_bytes(b"\xef\xbb\xbf" + text)
    assert read_folder(copied).network["shape"] == [1, 8, 8]


def edit(file: str, **changes: Any) -> Callable[[Path], object]:
    """Change fields of a JSON file."""

    def change(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def write(file: str, contents: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_bytes(contents)


def replace(file: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Put something else in the place of a file."""

    def change(folder: Path) -> None:
        (folder / file).unlink()
        make(folder / file)

    return change


def outside(path: Path) -> None:
    kept = path.parent.parent / "elsewhere.json"
    kept.write_text("{}")
    path.symlink_to(kept)


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin")


def weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def cut(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def lie(folder: Path) -> None:
    """A header that says that the first tensor is a gigabyte."""
    whole = (folder / WEIGHTS).read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    first = next(entry for name, entry in header.items() if name != "__metadata__")
    first["data_offsets"][1] += 1 << 30
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])


def overlapping() -> bytes:
    """Two tensors of the same bytes."""
    one = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"a": one, "b": one}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickle": (pickled, r"only as .*\.bin, which may hold code .* safe_serialization=True"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), r"has no weights; expected diffusion_"),
    "no config": (
        lambda f: (f / "config.json").unlink(),
        r"has neither model_index.json nor config",
    ),
    "other class": (
        edit("config.json", _class_name="MyUNet"),
        r"config.json: name: 'MyUNet' is none of .* DiTTransformer2DModel, .*UNet2DModel",
    ),
    "no class": (edit("config.json", _class_name=None), r"config.json: _class_name: is missing"),
    "old transformer": (
        edit("config.json", _class_name="Transformer2DModel"),
        r"config.json: norm_type: None of a Transformer2DModel is not imported",
    ),
    "absurd layers": (edit("config.json", layers_per_block=10**12), r"config.layers_per_block: 1"),
    "absurd width": (
        edit("config.json", block_out_channels=[131072, 131072]),
        r"config.json: config: asks for .*e\+1\d parameters; at most",
    ),
    "other width": (
        edit("config.json", block_out_channels=[8, 16]),
        r"tensor \S+ is \[.*\] in the file, \[.*\] in the network",
    ),
    "learned time": (
        edit("config.json", time_embedding_type="learned", num_train_timesteps=9),
        r"tensor time_proj.weight is absent in the file",
    ),
    "array": (write("config.json", b"[1, 2]"), r"config.json: expected a JSON object, not list"),
    "no JSON": (write("config.json", b"{"), r"config.json: Expecting property name"),
    "not UTF": (
        write("config.json", b'{"\xff": 1}'),
        r"config.json: byte 2 is no UTF-8; save it as UTF-8",
    ),
    "nested": (write("config.json", b"[" * 100_000), r"config.json: is nested too deeply"),
    "deep": (
        write("config.json", b'{"a":' * 40 + b"1" + b"}" * 40),
        r"config.json: is nested too deeply",
    ),
    "endless number": (write("config.json", b'{"a": ' + b"9" * 9000 + b"}"), r"config.json: "),
    "infinite": (write("config.json", b'{"a": 1e999}'), r"config.json: "),
    "LFS config": (
        write("config.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        r"config.json: is a Git LFS pointer .*git lfs pull",
    ),
    "LFS weights": (
        write(WEIGHTS, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        r"model.safetensors: is a Git LFS pointer",
    ),
    "page": (write(WEIGHTS, b"<!DOCTYPE html><html></html>"), r"safetensors: is a page of HTML"),
    "cut short": (cut, r"safetensors: is cut short at byte"),
    "sizes that lie": (lie, r"safetensors: is cut short|safetensors: .*header"),
    "link out": (replace("config.json", outside), r"config.json: leads out of the folder.*cp -rL"),
    "link in a circle": (
        replace("config.json", lambda path: path.symlink_to(path)),
        r"has neither model_index.json nor config.json",
    ),
    "dead link": (
        replace(WEIGHTS, lambda path: path.symlink_to("gone")),
        r"safetensors: no such file",
    ),
    "FIFO": (replace("config.json", os.mkfifo), r"config.json: is no regular file"),
    "FIFO of weights": (replace(WEIGHTS, os.mkfifo), r"safetensors: is no regular file"),
    "device": (
        replace("config.json", lambda path: path.symlink_to("/dev/zero")),
        r"config.json: leads out of the folder",
    ),
    "folder": (replace(WEIGHTS, Path.mkdir), r"safetensors: is a folder; expected a file"),
    "integers": (
        lambda f: weights(f, lambda z: z.update({"conv_in.bias": z["conv_in.bias"].long()})),
        r"tensor conv_in.bias is stored as I64; the network's is float32",
    ),
    "a tensor more": (
        lambda f: weights(f, lambda z: z.update({"extra": torch.ones(1)})),
        r"tensor extra is \[1\] in the file, absent in the network",
    ),
    "a tensor less": (
        lambda f: weights(f, lambda z: z.pop("conv_in.bias")),
        r"tensor conv_in.bias is absent in the file, \[8\] in the network",
    ),
    "no scheduler": (
        lambda f: shutil.rmtree(f / "scheduler"),
        r"has no scheduler_config.json, .* pass --scheduler FILE, or --path, --prediction",
    ),
    "other scheduler": (
        edit("scheduler/scheduler_config.json", _class_name="MyScheduler"),
        r"scheduler_config.json: _class_name: the scheduler 'MyScheduler' is unknown",
    ),
    "pipeline of nothing": (write("model_index.json", b"{}"), r"has no unet or transformer"),
    "pipeline of two": (
        write("model_index.json", b'{"unet": ["diffusers", "A"], "unet_2": ["diffusers", "B"]}'),
        r"model_index.json: has several networks, unet, unet_2; name the folder of one",
    ),
    "pipeline with code": (
        write("model_index.json", b'{"unet": ["my_unet", "MyUNet"]}'),
        r"model_index.json: unet: comes from 'my_unet'; .* no code of a folder is run",
    ),
    "pipeline without its network": (
        lambda f: (
            write("model_index.json", b'{"unet": ["diffusers", "UNet2DModel"]}')(f),
            (f / "config.json").unlink(),
        ),
        r"model_index.json: names the folder unet, which is missing; download it too",
    ),
    "adapter": (
        lambda f: (f / "config.json").rename(f / "adapter_config.json"),
        r"what an adapter \(LoRA\) changes in another model; .*fuse_lora",
    ),
    "quantized": (
        edit("config.json", quantization_config={"quant_method": "bitsandbytes"}),
        r"config.json: quantization_config: the weights are quantized by bitsandbytes; load",
    ),
    "float8": (
        lambda f: weights(
            f, lambda z: z.update({"conv_in.bias": z["conv_in.bias"].to(torch.float8_e4m3fn)})
        ),
        r"tensor conv_in.bias is stored as F8_E4M3; the network's is float32",
    ),
    "single file": (
        lambda f: weights(f, lambda z: z.update({"model.diffusion_model.out": torch.ones(1)})),
        r"has weights named model.diffusion_model\..* from_single_file",
    ),
    "half a letter": (
        edit("config.json", act_fn="\ud800"),
        r"config.json: half of a pair of surrogates",
    ),
    "index of nothing": (
        lambda f: (
            (f / WEIGHTS).unlink(),
            write(f"{WEIGHTS}.index.json", b'{"weight_map": {"a": null}}')(f),
        ),
        r"index.json: names 'None'; only safetensors are read",
    ),
    "FIFO of a shard": (
        lambda f: (
            replace(WEIGHTS, lambda path: os.mkfifo(path.with_name("a.safetensors")))(f),
            write(f"{WEIGHTS}.index.json", b'{"weight_map": {"a": "a.safetensors"}}')(f),
        ),
        r"a.safetensors: is no regular file",
    ),
    "FIFO of an index": (
        replace(WEIGHTS, lambda path: os.mkfifo(f"{path}.index.json")),
        r"index.json: is no regular file",
    ),
    "FIFO of a scheduler": (
        replace("scheduler/scheduler_config.json", os.mkfifo),
        r"scheduler_config.json: is no regular file",
    ),
    "header without end": (
        write(WEIGHTS, (1 << 63).to_bytes(8, "little") + b"{}"),
        r"safetensors: .*header too large",
    ),
    "header in depth": (
        write(WEIGHTS, (600_000).to_bytes(8, "little") + b'{"a":' * 100_000 + b"1" + b"}" * 99_999),
        r"safetensors: .*recursion|safetensors: is cut short",
    ),
    "weights in one place": (
        lambda f: (f / WEIGHTS).write_bytes(overlapping()),
        r"safetensors: .*invalid offset",
    ),
    "image besides": (
        edit("config.json", sample_size=None),
        r"config.json: shape: the config does not say how large",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_folder_gets_its_sentence(case: str, copied: Path) -> None:
    change, message = ODD[case]
    change(copied)
    with pytest.raises(ValueError, match=message) as caught:
        read_folder(copied)
    assert str(caught.value).startswith(str(copied))


def snapshot(copied: Path, repository: Path) -> Path:
    """A folder as in the cache of the hub: links to files that are kept by their digests."""
    folder, blobs = repository / "snapshots" / "4d7a", repository / "blobs"
    (folder / "scheduler").mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(("config.json", WEIGHTS, "scheduler/scheduler_config.json")):
        shutil.copy(copied / file, blobs / str(number))
        up = Path(*[".."] * (2 + file.count("/")))
        (folder / file).symlink_to(up / "blobs" / str(number))
    return folder


def test_snapshot_in_the_cache_of_the_hub(copied: Path, tmp_path: Path) -> None:
    folder = snapshot(copied, tmp_path / "models--some--unet")
    found, expected = read_folder(folder), read_folder(copied)
    assert found.network == expected.network
    for name, stored in found.tensors.items():
        assert torch.equal(stored.read(), expected.tensors[name].read())  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=rf"{folder} has config.json: name that folder"):
        read_folder(tmp_path / "models--some--unet")
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(copied / "config.json")
    with pytest.raises(ValueError, match=r"config.json: leads out of the folder"):
        read_folder(folder)


def test_model_further_down_is_found(copied: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(copied, outer / "a" / "model")
    (outer / "circle").symlink_to(outer)
    with pytest.raises(ValueError, match=rf"{outer}/a/model has config.json: name that folder"):
        read_folder(outer)
    (outer / "a" / "model" / "config.json").unlink()
    with pytest.raises(ValueError, match=r"nor config.json, but a, circle; name another folder"):
        read_folder(outer)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"nor config.json: it is empty"):
        read_folder(tmp_path / "none")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        read_folder(tmp_path / "gone")


def test_large_file_is_not_read(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (copied / "config.json").open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match=r"config.json: larger than 1048576 bytes"):
        read_folder(copied)
    assert json_file.MAX_BYTES == 1 << 20


def test_nan_is_found_when_weights_are_read(copied: Path) -> None:
    weights(copied, lambda z: z.update({"conv_in.bias": z["conv_in.bias"] * float("nan")}))
    found = read_folder(copied)
    with pytest.raises(ValueError, match=r"safetensors: tensor conv_in.bias holds NaN or infinity"):
        found.tensors["conv_in.bias"].read()
    weights(copied, lambda z: z.update({"conv_in.bias": torch.ones(9)}))
    with pytest.raises(ValueError, match="changed while it was read"):
        found.tensors["conv_in.bias"].read()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "../other.safetensors"}, r"names '../other.safetensors'; expected files beside it"),
        ({"x": "/etc/passwd"}, r"names '/etc/passwd'; expected files beside it"),
        ({"x": ".."}, r"names '..'; expected"),
        ({"x": "a.bin"}, r"names 'a.bin'; only safetensors"),
        ({"x": "gone.safetensors"}, r"the shard gone.safetensors is missing"),
        ({"x": None}, r"names 'None'; only"),
        (None, r"weight_map: expected the file of every tensor"),
    ],
)
def test_odd_index(change: dict[str, str] | None, message: str, tmp_path: Path) -> None:
    folder = saved("unet", tmp_path, max_shard_size="20KB")
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"] = None if change is None else index["weight_map"] | change
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(ValueError, match=message):
        read_folder(folder, **UNUSED)


def test_index_of_other_shards(tmp_path: Path) -> None:
    folder = saved("unet", tmp_path, max_shard_size="20KB")
    index = json.loads((folder / INDEX).read_text())
    places = index["weight_map"]
    (folder / INDEX).write_text(
        json.dumps(index | {"weight_map": places | {"x": places["conv_in.bias"]}})
    )
    with pytest.raises(ValueError, match=r"has no tensor x; download both again"):
        read_folder(folder, **UNUSED)
    left = {name: file for name, file in places.items() if name != "conv_in.bias"}
    (folder / INDEX).write_text(json.dumps(index | {"weight_map": left}))
    with pytest.raises(ValueError, match=r"leaves out tensor conv_in.bias of its files"):
        read_folder(folder, **UNUSED)


@pytest.mark.parametrize(
    ("name", "changes", "given", "message"),
    [
        ("unet", {"in_channels": 2}, {}, "out_channels: it takes 2 channels and gives 1"),
        ("unet", {}, {"shape": [3, 8, 8]}, r"shape: \[3, 8, 8\] should be 1 channels"),
        ("unet", {}, {"shape": [1, 8, 0]}, "shape: .* has a size out of 1"),
        ("unet", {}, {"shape": [1, 8]}, "shape: .* should be 1 channels, height, width"),
        ("unet", {}, {"classes": 3}, "classes: UNet2DModel takes no label"),
        ("unet", {"class_embed_type": "timestep"}, {}, "class_embed_type: 'timestep'"),
        ("dit", {}, {"shape": [4, 8, 4]}, "shape: .* should be a square"),
        ("dit", {}, {"shape": [4, 7, 7]}, "shape: .* multiples of 2"),
        ("sd3", {}, {"shape": [4, 8, 32]}, "shape: .* has a side above 16"),
        ("flux", {}, {}, "shape: the config does not say"),
        ("flux", {"axes_dims_rope": [6, 6]}, {"shape": [4, 8, 8]}, "axes_dims_rope"),
        (
            "conditioned",
            {"encoder_hid_dim_type": "image_proj", "encoder_hid_dim": 3},
            {},
            "encoder_hid",
        ),
    ],
)
def test_networks_that_are_not_served(
    name: str, changes: dict[str, Any], given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    import diffusers

    kind, config = MODELS[name]
    getattr(diffusers, kind)(**config | changes).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        read_folder(tmp_path, **UNUSED, **given)


def test_tiny_configs_are_tiny() -> None:
    assert all(sum(p.numel() for p in peer(name).parameters()) < 100_000 for name in MODELS)
    assert FLUX["in_channels"] == 4 * PIXART["in_channels"]

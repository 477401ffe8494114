"""Text encoders in folders of diffusers: prompts make what the pipelines of diffusers make."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import sureflow
from sureflow.cli import app
from sureflow.core.draw import Purpose, normal
from sureflow.core.subwords import Subwords, opened
from sureflow.importing.adapter import Adapter
from sureflow.importing.diffusers_folder import read_folder
from sureflow.importing.recognised import RecognisedEncoder
from sureflow.importing.run import import_model
from sureflow.importing.tokenizer_folder import read_tokenizer
from sureflow.networks import TextEncoder
from sureflow.networks.registry import make_base
from sureflow.weights import with_tied
from tests import tiny_pipelines
from tests.commands import invoke
from tests.server.running import Server, serving

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

PROMPT, NEGATIVE = "The cat,  at the dog's 7!", "a dog"
STEPS, SCALE, SEED, COUNT = 5, 3.0, 11, 2


def quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A pipeline like Stable Diffusion, and the folder that it was saved to."""
    folder = tmp_path_factory.mktemp("stable")
    pipeline = quiet(tiny_pipelines.stable(folder / "tokenizer"))
    pipeline.save_pretrained(folder / "theirs")
    return pipeline, folder


@pytest.fixture(scope="module")
def served(stable: tuple[Any, Path]) -> Iterator[tuple[Server, sureflow.Model]]:
    """A server on it, imported by the command; and the model loaded here."""
    folder = stable[1]
    out = folder / "models" / "stable"
    done = invoke(app, "import", str(folder / "theirs"), "--name", "stable", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "which CLIPTextModel encodes to 16 tokens of 12 numbers" in done.stdout
    with serving("--models-dir", str(out.parent)) as server:
        yield server, sureflow.load(out)


def noise(shape: tuple[int, ...]) -> Tensor:
    return torch.stack([normal(shape, SEED, i, Purpose.START) for i in range(COUNT)])


@pytest.mark.parametrize("negative", [None, NEGATIVE])
def test_samples_of_a_prompt_are_those_of_the_pipeline(
    negative: str | None, stable: tuple[Any, Path], served: tuple[Server, sureflow.Model]
) -> None:
    server, model = served
    guidance: dict[str, Any] = {"scale": SCALE}
    if negative:
        guidance["negative"] = {"text": negative}
    answer = server.generate(
        model="stable", n=COUNT, seed=SEED, condition={"text": PROMPT}, guidance=guidance,
        sampler={"method": "euler", "steps": STEPS}, output={"format": "list"},
    )  # fmt: skip
    ours = np.array([sample["data"] for sample in answer["samples"]])
    theirs = stable[0](
        PROMPT, negative_prompt=negative, guidance_scale=SCALE, num_inference_steps=STEPS,
        latents=noise(model.card.state_shape), num_images_per_prompt=COUNT, output_type="pt",
    ).images  # fmt: skip
    assert ours.shape == (COUNT, 3, 16, 16)
    assert np.abs(ours.clip(-1, 1) - (2 * theirs.numpy() - 1)).max() < 1e-4


def test_card_and_refusals_of_a_server(served: tuple[Server, sureflow.Model]) -> None:
    server = served[0]
    client = server.client
    (card,) = client.get("/v1/models").json()["models"]
    assert card["stages"] == ["encoder", "sample_encoder", "decoder"]
    prompt = card["conditions"]["text"]["prompt"]
    assert prompt == {
        "tokens": 16, "level": "subword", "examples": [], "unknown": True,
    }  # fmt: skip
    answer = client.post("/v1/generate", json={"condition": {"text": "the cat at the xyz " * 4}})
    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert problem["field"] == "condition.text"
    rest = "the cat at the xyz the cat at the xyz "
    assert problem["message"] == (
        f"has 30 tokens; at most 16: leave out what follows from {rest!r} on"
    )
    answer = client.post("/v1/generate", json={"condition": {"text": [519, 4, 521]}})
    assert answer.status_code == 422
    assert "at most 16 tokens in 0 .. 520" in answer.text
    maps = [
        Path(f"/proc/{pid}/maps").read_text() for pid in (server.process.pid, server.worker_pid)
    ]
    assert ["torch" in each for each in maps] == [False, True]
    assert "tokenizers" in maps[0]


def folder_of(pipeline: Callable[..., Any], tmp_path: Path, **options: Any) -> tuple[Any, Path]:
    made = quiet(pipeline(tmp_path / "tokenizers", **options))
    made.save_pretrained(tmp_path / "theirs")
    return made, tmp_path / "theirs"


def imported(folder: Path, out: Path, **adapter: Any) -> sureflow.Model:
    import_model(str(folder), "mine", out, Adapter(**adapter))
    return sureflow.load(out)


def stage_of(folder: Path, **options: Any) -> TextEncoder:
    """The encoder of a folder, with its weights and tokenizers."""
    found = read_folder(folder, **options)
    there = found.stages["encoder"]
    assert isinstance(there, RecognisedEncoder)
    config = dict(there.config)
    module = make_base(config.pop("base"), config.pop("arguments"))
    tensors = {name: z.read() for name, z in there.tensors.items()}
    module.load_state_dict(with_tied(tensors, module.state_dict()))
    encoder = TextEncoder(module, found.network["conditions"]["text"]["shape"], **config)
    encoder.hold(there.tokenizers)
    return encoder


def encoded(encoder: TextEncoder, prompt: str) -> dict[str, Tensor]:
    read = encoder.prompt
    assert isinstance(read.vocabulary, Subwords)
    tokens = torch.from_numpy(read.vocabulary.tokens(prompt, read.tokens))[None]
    with torch.no_grad():
        found: dict[str, Tensor] = encoder(tokens)
    return found


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    theirs = theirs.detach()
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 1e-5 * max(1.0, float(theirs.abs().max()))


def test_pixart(tmp_path: Path) -> None:
    """Its mask says which tokens fill up, in the text and in the empty one."""
    pipeline, folder = folder_of(tiny_pipelines.pixart, tmp_path)
    model = imported(folder, tmp_path / "mine")
    text, mask, _, null = pipeline.encode_prompt(PROMPT, negative_prompt="", clean_caption=False)
    found = encoded(model.network.encoder, PROMPT)
    assert_close(found["text"], text)
    assert_close(found["text_mask"], mask.float())
    assert 1 < mask.sum() < 120
    assert_close(encoded(model.network.encoder, " ")["text_mask"], null.float())
    tokens = model.card.conditions["text"].prompt.vocabulary.tokens(PROMPT, 120)
    samples = sureflow.sample(
        model, COUNT, SEED, method="euler", steps=STEPS, condition={"text": tokens}, guidance=SCALE
    )
    theirs = pipeline(
        PROMPT, guidance_scale=SCALE, num_inference_steps=STEPS, clean_caption=False,
        latents=noise(model.card.state_shape), num_images_per_prompt=COUNT, output_type="latent",
        use_resolution_binning=False, height=16, width=16,
    ).images  # fmt: skip
    ours = np.stack([sample.fields["latent"] for sample in samples])
    assert np.abs(ours - theirs.numpy()).max() < 1e-4 * max(1.0, float(theirs.abs().max()))


def test_sdxl(tmp_path: Path) -> None:
    pipeline, folder = folder_of(tiny_pipelines.large, tmp_path)
    encoder = stage_of(folder)
    text, _, pooled, _ = pipeline.encode_prompt(PROMPT)
    found = encoded(encoder, PROMPT)
    assert_close(found["text"], text)
    assert_close(found["pooled"], pooled)
    assert encoder.prompt.null is None, "its pipeline takes zeros"


@pytest.mark.parametrize("whole", [True, False])
def test_sd3(whole: bool, tmp_path: Path) -> None:
    pipeline, folder = folder_of(tiny_pipelines.third, tmp_path, whole=whole)
    encoder = stage_of(folder)
    text, null, pooled, null_pooled = pipeline.encode_prompt(PROMPT, PROMPT, PROMPT)
    found, none = encoded(encoder, PROMPT), encoded(encoder, "")
    assert_close(found["text"], text)
    assert_close(found["pooled"], pooled)
    assert_close(none["text"], null)
    assert_close(none["pooled"], null_pooled)


def test_flux_reads_a_long_prompt_by_t5(tmp_path: Path) -> None:
    pipeline, folder = folder_of(tiny_pipelines.flux, tmp_path)
    encoder = stage_of(folder, shape=[4, 8, 8])
    for prompt in (PROMPT, PROMPT * 8):
        text, pooled, _ = pipeline.encode_prompt(prompt, prompt)
        found = encoded(encoder, prompt)
        assert_close(found["text"], text)
        assert_close(found["pooled"], pooled)


ANGLED = {"content": "!", "lstrip": False, "normalized": False, "rstrip": False}
ADDED = {"519": {"content": "<|startoftext|>", "special": True}, "521": {"content": "<cat-toy>"}}
END = "<|endoftext|>"


@pytest.mark.parametrize(
    ("config", "special"),
    [
        ({}, None),
        ({"pad_token": END}, {"pad_token": "!"}),
        ({"pad_token": "!"}, {"pad_token": END}),
        ({}, {"pad_token": ANGLED}),
        ({"pad_token": "!", "added_tokens_decoder": ADDED}, {"pad_token": END}),
    ],
)
def test_special_tokens_are_those_of_transformers(
    config: dict[str, Any], special: dict[str, Any] | None, tmp_path: Path
) -> None:
    folder = tiny_pipelines.clip_files(tmp_path, **config)
    if special is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(special))
    from transformers import CLIPTokenizer

    theirs, ours = CLIPTokenizer.from_pretrained(str(folder)), read_tokenizer(folder, folder)
    assert ours.padding == theirs.pad_token_id
    for text in ("hey! a cat!!", "the <cat-toy> dog", "<|startoftext|> at"):
        assert opened(ours.written).encode(text).ids == theirs(text)["input_ids"]


def test_files_of_older_transformers(stable: tuple[Any, Path], tmp_path: Path) -> None:
    """A vocabulary and merges; names of weights begin with ``text_model``, with a buffer."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(stable[1] / "theirs", tmp_path / "theirs"))
    shutil.rmtree(folder / "tokenizer")
    shutil.copytree(stable[1] / "tokenizer", folder / "tokenizer")
    weights = folder / "text_encoder" / "model.safetensors"
    names = {
        f"text_model.{name.removeprefix('text_model.')}": z
        for name, z in load_file(weights).items()
    }
    names["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(names, weights)
    encoder = stage_of(folder)
    read = encoder.prompt.vocabulary
    assert isinstance(read, Subwords)
    texts = [PROMPT, "", "É <|endoftext|> it's", "日 —", "don't\n\tstop 12"]
    for text in texts:
        ids = (
            stable[0]
            .tokenizer(text, padding="max_length", max_length=16, truncation=True)
            .input_ids
        )
        assert read.tokens(text, 16).tolist() == ids
    assert_close(
        encoded(encoder, PROMPT)["text"], stable[0].encode_prompt(PROMPT, "cpu", 1, False)[0]
    )


def test_examples_are_prompts_to_calibrate_with(stable: tuple[Any, Path], tmp_path: Path) -> None:
    source = str(stable[1] / "theirs")
    model = imported(stable[1] / "theirs", tmp_path / "mine", examples=["a cat", "the dog"])
    prompt = model.card.conditions["text"].prompt
    assert prompt is not None
    assert prompt.examples == ("a cat", "the dog")
    assert prompt.example(3).tolist()[0] == 519
    long = Adapter(examples=("cat " * 99,))
    with pytest.raises(ValueError, match=r"examples\.0: has 101 tokens; at most 16"):
        import_model(source, "mine", tmp_path / "long", long)
    with pytest.raises(ValueError, match="examples: are prompts, and there is no text encoder"):
        import_model(source, "mine", tmp_path / "none", Adapter(examples=("a",)), prompts=False)

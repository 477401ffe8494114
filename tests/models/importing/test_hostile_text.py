"""Text encoders and tokenizers that nobody should load are refused by a sentence."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sureflow.importing.diffusers_folder import read_folder
from sureflow.networks.foreign.tokenizer_rules import LARGEST, checked_tokenizer
from tests import tiny_pipelines

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

BOMB = r"(a+)+$"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stable")
    tiny_pipelines.stable(folder / "tokenizer").save_pretrained(folder / "theirs")
    return folder / "theirs"


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "theirs"))


def changed(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    written = json.loads(file.read_text())
    change(written)
    file.write_text(json.dumps(written))


def enormous(file: Path) -> None:
    """A file with a hole of two gigabytes."""
    with file.open("wb") as stream:
        stream.truncate(2 << 30)


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def deep(file: Path) -> None:
    file.write_text('{"model": ' + "[" * 200_000 + "]" * 200_000 + "}")


def away(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (enormous, f"tokenizer.json: is larger than {LARGEST} bytes"),
        (fifo, "tokenizer.json: is no regular file"),
        (deep, "tokenizer.json: is nested too deeply"),
        (away, "tokenizer.json: leads out of the folder"),
        (Path.unlink, "tokenizer: has no tokenizer.json, nor vocab.json and merges.txt"),
        (lambda file: file.write_text("{"), "tokenizer.json: Expecting property name"),
        (lambda file: file.write_text("[]"), "tokenizer.json: expected a JSON object"),
        (lambda file: file.write_bytes(b"\xff\xfe\x00"), "tokenizer.json: "),
    ],
)
def test_file_of_a_tokenizer(spoil: Callable[[Path], object], message: str, folder: Path) -> None:
    spoil(folder / "tokenizer" / "tokenizer.json")
    with pytest.raises(ValueError, match=message) as raised:
        read_folder(folder)
    assert str(raised.value).startswith(str(folder / "tokenizer"))
    assert "--no-prompts" in str(raised.value)
    assert "encoder" not in read_folder(folder, prompts=False).stages


TABLE = b64encode((0).to_bytes(4, "little") + b"x" * 1000 + b"\0").decode()
TWICE = [{"SpecialToken": {"id": "a", "type_id": 0}}, *[{"Sequence": {"id": "A"}}] * 2]


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": BOMB}}, "time without end"),
        ("normalizer", {"type": "Replace", "pattern": {"Regex": BOMB}, "content": ""}, "end"),
        (
            "normalizer",
            {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 9},
            "normalizer: this Replace is none of those",
        ),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": TABLE}, "Precompiled"),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": 7}, "Precompiled"),
        ("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 99}, "at most 16"),
        (
            "normalizer",
            {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]},
            "a sequence in a sequence",
        ),
        ("normalizer", 7, r"normalizer\.type: None is not read"),
        ("pre_tokenizer", {"type": "Python"}, r"pre_tokenizer\.type: 'Python' is not read"),
        ("post_processor", {"type": "TemplateProcessing", "single": TWICE}, "TemplateProcessing"),
        ("model", {"type": "WordPiece", "vocab": {}}, r"model\.type: 'WordPiece' is not read"),
        ("model", {"type": "BPE", "vocab": {"a" * 300: 0}, "merges": []}, "more than 256"),
        ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}, "dropout"),
        ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": ["b c"]}, "is no tokenizer"),
        ("model", {"type": "BPE", "vocab": {"a": 2**40}, "merges": []}, "is no tokenizer"),
        ("model", None, "is not read"),
        ("added_tokens", [{"id": 10**9}], "is no tokenizer"),
    ],
)
def test_part_of_a_tokenizer(part: str, value: object, message: str, folder: Path) -> None:
    file = folder / "tokenizer" / "tokenizer.json"
    changed(file, lambda written: written.update({part: value}))
    with pytest.raises(ValueError, match=message):
        read_folder(folder)


def test_what_is_not_needed_is_left_out(folder: Path) -> None:
    """Truncation, padding and a way back to a text, whatever they say."""
    file = folder / "tokenizer" / "tokenizer.json"
    written = json.loads(file.read_text())
    plain = checked_tokenizer(json.dumps(written).encode())
    pattern = {"type": "Replace", "pattern": {"Regex": BOMB}, "content": ""}
    written |= {"decoder": pattern, "truncation": {"max_length": 1}, "other": 1}
    assert checked_tokenizer(json.dumps(written).encode()) == plain


CLASS = r"architectures: 'Mine' is not read here; expected CLIPTextModel or "


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_hidden_layers": 10**9}, r"num_hidden_layers: 1000000000 is out of bounds"),
        ({"hidden_size": 131072, "intermediate_size": 131072}, r"parameters; at most"),
        ({"vocab_size": -5}, r"cannot be made of it"),
        ({"vocab_size": 100}, r"tensor .* is \[521, 12\] in the file, \[100, 12\] in the network"),
        ({"hidden_act": "os.system"}, r"cannot be made of it"),
        ({"max_position_embeddings": 7}, r"max_position_embeddings: 7 is less than 16 tokens"),
        ({"architectures": ["Mine"], "auto_map": {"AutoModel": "mine.Mine"}}, CLASS),
        ({"use_attention_mask": True}, r"use_attention_mask: is not imported"),
    ],
)
def test_config_of_an_encoder(fields: dict[str, Any], message: str, folder: Path) -> None:
    file = folder / "text_encoder" / "config.json"
    changed(file, lambda written: written.update(fields))
    with pytest.raises(ValueError, match=message):
        read_folder(folder)


def test_config_names_no_other_code(folder: Path) -> None:
    """Fields that make transformers look for code elsewhere are not passed on."""
    file = folder / "text_encoder" / "config.json"
    evil = {"attn_implementation": "somebody/kernel", "_attn_implementation": "somebody/kernel"}
    changed(file, lambda written: written.update(evil))
    found = read_folder(folder).stages["encoder"]
    assert "somebody" not in json.dumps(found.config)


def test_vocabulary_of_another_encoder(folder: Path) -> None:
    file = folder / "tokenizer" / "tokenizer.json"
    changed(file, lambda written: written["model"]["vocab"].update({"more": 521}))
    with pytest.raises(ValueError, match=r"'more' with number 521, and the encoder knows 521"):
        read_folder(folder)


def test_part_that_is_missing(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(ValueError, match="has text_encoder, but no tokenizer; copy it, too"):
        read_folder(folder)


def test_weights_that_may_hold_code(folder: Path) -> None:
    weights = folder / "text_encoder" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ValueError, match=r"pytorch_model\.bin, which may hold code"):
        read_folder(folder)


def test_sentencepiece_is_not_read(folder: Path) -> None:
    file = folder / "tokenizer" / "tokenizer.json"
    file.rename(file.with_name("spiece.model"))
    with pytest.raises(ValueError, match=r"only as spiece\.model.*transformers writes tokenizer"):
        read_folder(folder)

"""Imports a foreign model of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sureflow.device import usable
from sureflow.importing.adapter import Adapter
from sureflow.importing.diffusers_folder import read_folder
from sureflow.importing.named_module import read_module
from sureflow.importing.program_file import recognise_program
from sureflow.importing.recognised import Recognised
from sureflow.importing.shapes import with_shapes
from sureflow.importing.writing import Imported, write
from sureflow.networks.registry import is_reference

KINDS = (
    "a folder that diffusers has written, a program of torch.export (.pt2), an ONNX model (.onnx), "
    "or package.module:factory with --weights"
)


def import_model(
    source: str,
    name: str,
    folder: Path,
    adapter: Adapter,
    *,
    weights: Path | None = None,
    prefix: str | None = None,
    variant: str | None = None,
    scheduler: Path | None = None,
    preview: Path | None = None,
    prompts: bool = True,
    data: Path | None = None,
    force: bool = False,
    replace: bool = False,
    device: str = "cpu",
) -> Imported:
    """Recognise a foreign model and write it as a checkpoint folder.

    Args:
        source: Folder of diffusers, file of a program, or ``package.module:factory``.
        name: Name of the model in requests.
        folder: The folder to write.
        adapter: What is said of it.
        weights: Of a module: where its weights are.
        prefix: Of a module: what the names of its weights have in front.
        variant: Of a folder: which of its weights, such as ``fp16``.
        scheduler: Of a folder without one: the config of a scheduler.
        preview: Of a folder with a decoder: the folder of a cheaper one, for previews.
        prompts: Of a folder: whether to take its text encoders, too.
        data: Samples by which the convention is checked.
        force: Whether to go on where the network does not suit the data.
        replace: Whether to write a folder anew that is there already.
        device: Where the network is tried, and compared with the data.

    Raises:
        ValueError: It cannot be imported; the message begins with the file or the field.
        DeviceError: The device is unknown, or cannot be used here.
    """
    folders = {"scheduler": scheduler, "variant": variant, "preview": preview, "prompts": prompts}
    found = _recognised(source, adapter, weights, prefix, folders)
    if adapter.examples:
        _take_examples(found, adapter.examples)
    found = with_shapes(found, adapter.shapes or ())
    if adapter.null_label is not None:
        found.network["null_label"] = adapter.null_label
    return write(folder, name, found, adapter.names, data, force, replace, usable(device))


def _recognised(
    source: str,
    adapter: Adapter,
    weights: Path | None,
    prefix: str | None,
    folders: Mapping[str, Any],
) -> Recognised:
    """What there is; ``folders`` has what is said of a folder alone."""
    here = Path(source)
    if here.is_dir():
        found = read_folder(
            here,
            shape=adapter.shape,
            classes=len(adapter.names) or None,
            text_length=_text_length(adapter),
            path=adapter.path,
            prediction=adapter.prediction,
            time=adapter.time,
            **folders,
        )
        found.network.update(adapter.settings())
        return found
    if folders.get("preview") is not None:
        raise ValueError("preview: is for a folder of diffusers")
    if is_reference(source) and not here.exists():
        return read_module(source, weights, prefix, adapter)
    if not here.exists():
        there = "a link that leads nowhere" if here.is_symlink() else "nothing"
        raise ValueError(f"{source}: there is {there}; expected {KINDS}")
    return recognise_program(here, adapter)


def _take_examples(found: Recognised, examples: Sequence[str]) -> None:
    if "encoder" not in found.stages:
        raise ValueError("examples: are prompts, and there is no text encoder; leave them out")
    found.stages["encoder"].config["examples"] = [*examples]


def _text_length(adapter: Adapter) -> int | None:
    """Tokens of a text by the shape of that condition, if it is given."""
    shape = (adapter.conditions or {}).get("text", {}).get("shape")
    tokens = shape[0] if isinstance(shape, list | tuple) and shape else None
    return tokens if type(tokens) is int and tokens > 0 else None

"""Reads a folder of diffusers: a pipeline or a bare model, with the config of its scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sureflow.importing.autoencoder_folder import find_preview, read_autoencoder, read_preview
from sureflow.importing.diffusers_inputs import Given, inputs_of
from sureflow.importing.diffusers_model import CONFIG, FoundModel, naming, read_model
from sureflow.importing.json_file import inner_folder, read_json
from sureflow.importing.no_model import said_of
from sureflow.importing.recognised import Recognised, RecognisedStage
from sureflow.importing.scheduler import Schedule, read_scheduler
from sureflow.importing.text_encoder_folder import PIPELINE, read_encoder, said_of_text

SCHEDULER_CONFIG = "scheduler_config.json"
DENOISERS = ("unet", "transformer")
DECODERS = ("vae", "vqvae")
PARTS = (*DECODERS, "text_encoder", "tokenizer")
"""Parts of a pipeline that belong to its model; there may be several, ``text_encoder_2``."""

LONGEST_TEXT = 4096
FLUX = "FluxTransformer2DModel"


def read_folder(
    folder: Path,
    *,
    scheduler: Path | None = None,
    shape: Sequence[int] | None = None,
    classes: int | None = None,
    text_length: int | None = None,
    path: str | Mapping[str, Any] | None = None,
    prediction: str | None = None,
    time: str | None = None,
    variant: str | None = None,
    preview: Path | None = None,
    prompts: bool = True,
) -> Recognised:
    """Recognise the model in a folder that diffusers has written. No code in it is run.

    Args:
        folder: A pipeline with ``model_index.json``, or a model with ``config.json`` and weights.
        scheduler: A ``scheduler_config.json`` or its folder, where the folder has none.
        shape: Shape of a sample, ``[channels, height, width]``, of the latent if there is one;
            needed where the config does not say.
        classes: Number of classes, one less than there are labels if the last one is the null.
        text_length: Tokens of a text; by default those of the tokenizer or of the class's pipeline.
        path: The path, instead of the scheduler's; a text is its kind.
        prediction: What the network predicts, instead of what the scheduler says.
        time: The time that it is told, instead of what the scheduler says.
        variant: Which weights to take where there are several, such as ``fp16``.
        preview: Folder of an autoencoder whose decoder is for previews; by default that of an
            ``AutoencoderTiny`` beside the decoder, if there is one.
        prompts: Whether to take the text encoders, too.

    Raises:
        ValueError: Nothing that is served was recognised, or a file is missing, damaged or not
            safe to read; the message begins with the file, the folder or the field.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    inner, parts = _layout(folder)
    model = read_model(inner, folder, variant)
    given = Given(
        shape, classes, text_length or _tokens(parts, folder, model), _pixels(parts, folder)
    )
    with naming(inner / CONFIG):
        inputs = inputs_of(model.name, model.config, given)
    overrides = {"path": path, "prediction": prediction, "time": time}
    found = None
    if path is None or prediction is None:
        file = _scheduler_file(folder, inner, scheduler)
        config = read_json(file, file.parent)
        with naming(file):
            found = read_scheduler(config, inputs.tokens, flux=model.name == FLUX)
    schedule = _overridden(found, overrides, model)
    time = f"round({schedule.time})" if inputs.whole else schedule.time
    arguments: dict[str, Any] = {"name": model.name, "config": model.written}
    if inputs.constants:
        arguments["constants"] = inputs.constants
    network = {
        "kind": "frozen",
        "base": "diffusers",
        "arguments": arguments,
        "shape": [*inputs.shape],
        "classes": inputs.classes,
        "null_label": inputs.null_label,
        "inputs": inputs.names,
        "output": "sample",
        "channels": inputs.channels,
        "path": dict(schedule.path),
        "prediction": schedule.prediction,
        "time": time,
        "variance": "none",
        "conditions": inputs.conditions,
    }
    stages = _stages(parts, folder, inputs.shape, variant, preview)
    encoder = None
    if prompts:
        encoder = read_encoder(parts, folder, model.name, inputs.conditions, variant)
    stages |= {} if encoder is None else {"encoder": encoder}
    said = (*said_of_text(inputs.conditions, encoder), *_said_of(parts, stages))
    notes = (*model.notes, *schedule.notes, *inputs.notes, *said)
    return Recognised(network, model.tensors, notes, stages=stages, parts=parts)


def _stages(
    parts: Mapping[str, Path],
    folder: Path,
    latent: Sequence[int],
    variant: str | None,
    preview: Path | None,
) -> dict[str, RecognisedStage]:
    """What makes samples of latents, and what stands beside it."""
    there = next((parts[name] for name in DECODERS if name in parts), None)
    if there is None:
        if preview is not None:
            raise ValueError("preview: is for models with a decoder")
        return {}
    found = read_autoencoder(there, folder, latent, variant)
    if preview is not None:
        found["preview"] = read_preview(preview, preview, latent, found["decoder"])
    elif near := find_preview(folder, [*parts.values()]):
        with suppress(ValueError):  # it is there for something else
            found["preview"] = read_preview(near, folder, latent, found["decoder"])
    return found


def _layout(folder: Path) -> tuple[Path, dict[str, Path]]:
    """The folder of the model, and those of the parts beside it."""
    if not (folder / PIPELINE).exists():
        if not (folder / CONFIG).exists():
            raise ValueError(f"{folder}: {said_of(folder, (PIPELINE, CONFIG))}")
        return folder, {}
    index = folder / PIPELINE
    listed = {
        name: [entry[0], entry[1]]
        for name, entry in read_json(index, folder).items()
        if isinstance(entry, list) and len(entry) == 2 and entry[1] is not None
    }
    found = [name for name in listed if name.startswith(DENOISERS)]
    if len(found) != 1:
        what = (
            f"has several networks, {', '.join(found)}" if found else "has no unet or transformer"
        )
        raise ValueError(f"{index}: {what}; name the folder of one model instead")
    if listed[found[0]][0] != "diffusers":
        raise ValueError(
            f"{index}: {found[0]}: comes from {str(listed[found[0]][0])[:60]!r}; only classes of "
            "the diffusers installed are used, and no code of a folder is run"
        )
    names = [name for name in listed if name.startswith(PARTS) and (folder / name).exists()]
    inner = folder / found[0]
    parts = {name: inner_folder(folder / name, folder) for name in names}
    # Pipelines of one network may have it beside their index.
    if not (inner.exists() or (folder / CONFIG).exists()):
        raise ValueError(f"{index}: names the folder {found[0]}, which is missing; download it too")
    return (inner_folder(inner, folder) if inner.exists() else folder), parts


def _scheduler_file(folder: Path, inner: Path, given: Path | None) -> Path:
    if given is not None:
        return given / SCHEDULER_CONFIG if given.is_dir() else given
    for near in (folder / "scheduler", folder, inner, folder.resolve().parent / "scheduler"):
        if (near / SCHEDULER_CONFIG).exists():
            return near / SCHEDULER_CONFIG
    raise ValueError(
        f"{folder}: has no {SCHEDULER_CONFIG}, which says what the network predicts; pass "
        "--scheduler FILE, or --path, --prediction and --time"
    )


def _overridden(
    found: Schedule | None, overrides: Mapping[str, Any], model: FoundModel
) -> Schedule:
    """The schedule with what the caller knows better."""
    path, prediction, time = (overrides[name] for name in ("path", "prediction", "time"))
    if path is None and prediction is None and time is None and found is not None:
        return found
    kept = found.notes[1:] if found and path is None else ()
    path = {"kind": path} if isinstance(path, str) else path
    if path is not None and time is None:
        time = _usual_time(path, model)
    path = path if path is not None else found.path if found else {}
    prediction = prediction or (found.prediction if found else "")
    time = time or (found.time if found else "")
    told = ", ".join(name for name, value in overrides.items() if value is not None)
    note = f"Taken from you: {told}; the network predicts {prediction}, and is told {time!r}."
    return Schedule(path, prediction, time, (note, *kept))


def _usual_time(path: Mapping[str, Any], model: FoundModel) -> str:
    """The time that networks of diffusers are told on a path."""
    linear = "1 - t" if model.name == FLUX else f"{path.get('steps', 1000)} * (1 - t)"
    usual = {"linear": linear, "discrete": "step", "edm": "0.25 * log(sigma)"}
    kind = path.get("kind")
    if kind not in usual:
        raise ValueError(f"time: pass what the network is told on a path of kind {kind!r}")
    return usual[str(kind)]


def _tokens(parts: Mapping[str, Path], root: Path, model: FoundModel) -> int | None:
    """Tokens of a text by the tokenizer of a U-Net; other pipelines have lengths of their own."""
    file = parts.get("tokenizer", root) / "tokenizer_config.json"
    if "UNet" not in model.name or "tokenizer" not in parts or not file.exists():
        return None
    length = read_json(file, root).get("model_max_length")
    return length if isinstance(length, int) and 1 <= length <= LONGEST_TEXT else None


def _pixels(parts: Mapping[str, Path], root: Path) -> int:
    """Pixels per entry of a latent along a side, by the config of the decoder."""
    file = next((parts[name] / CONFIG for name in DECODERS if name in parts), root)
    blocks = read_json(file, root).get("block_out_channels") if file.is_file() else None
    return 2 ** (len(blocks) - 1) if isinstance(blocks, list) and 0 < len(blocks) < 10 else 8


def _said_of(parts: Mapping[str, Path], stages: Mapping[str, RecognisedStage]) -> list[str]:
    notes = []
    if "decoder" in stages:
        config = stages["decoder"].config
        name, shape = config["arguments"]["name"], config["shape"]
        notes.append(f"Its samples are latents, which {name} decodes to {shape}.")
        if "sample_encoder" not in stages:
            notes.append("They cannot be encoded: what is inverted or inpainted has to be latents.")
    if "preview" in stages:
        name = stages["preview"].config["arguments"]["name"]
        notes.append(f"Frames of trajectories are decoded by {name}, for previews.")
    others = [name for name in parts if name not in DECODERS]
    if others and "encoder" not in stages:
        notes.append(f"Besides there are {', '.join(others)}, which are not used.")
    return notes

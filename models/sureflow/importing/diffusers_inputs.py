"""What a network of diffusers takes and gives, by its class and config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sureflow.networks.foreign.diffusers_adapters import PATCH

LARGEST_SIDE = 4096


@dataclass
class Inputs:
    """How a network is called, in the words of a checkpoint's config.

    Attributes:
        shape: Shape of a sample.
        channels: How many channels of its output are the prediction; ``None``: all.
        classes: Number of labels.
        null_label: Whether it understands one more label as "no class".
        names: Names of its arguments, by ours.
        conditions: Named arrays that it takes.
        constants: Numbers that are the same for all samples.
        tokens: Tokens of a sample, by which some schedules are shifted; ``None`` if there are none.
        whole: Whether it can be told whole steps only.
        notes: Sentences on what was assumed.
    """

    shape: tuple[int, ...]
    names: dict[str, str]
    channels: int | None = None
    classes: int = 0
    null_label: bool = True
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    constants: dict[str, list[float]] = field(default_factory=dict)
    tokens: int | None = None
    whole: bool = False
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, argument: str, kind: str, shape: Sequence[int], says: str) -> None:
        """Add a condition that is null where all of it is zero."""
        self.names[name] = argument
        self.conditions[name] = {"kind": kind, "shape": [*shape], "null": 0.0, "says": says}

    def take_text(self, argument: str, length: int, width: int) -> None:
        """Add the embedding of a text."""
        self.take("text", argument, "text", (length, width), "embedding of the text by token")


@dataclass(frozen=True)
class Given:
    """What the caller knows besides the config.

    Attributes:
        shape: Shape of a sample, where the config has none or another one is wanted.
        classes: Number of classes without the null label, where the config leaves it open.
        text_length: Tokens of a text, where the folder does not say.
        pixels: Pixels of an image per entry of its latent, along a side.
    """

    shape: Sequence[int] | None = None
    classes: int | None = None
    text_length: int | None = None
    pixels: int = 8


def inputs_of(name: str, config: Mapping[str, Any], given: Given) -> Inputs:
    """What a network takes and gives.

    Args:
        name: Its class.
        config: Its config, complete.
        given: What else is known.

    Raises:
        ValueError: It takes something that is not served, or the shape is needed or does not fit.
    """
    found = READERS[name](config, given)
    if given.classes is not None and not found.classes:
        raise ValueError(f"classes: {name} takes no label by this config; leave it out")
    return found


def _shape(config: Mapping[str, Any], given: Given, channels: int, patch: int) -> tuple[int, ...]:
    side = config.get("sample_size")
    sides = [side, side] if isinstance(side, int) else side
    if given.shape is not None:
        shape = tuple(given.shape)
    elif isinstance(sides, list | tuple) and len(sides) == 2:
        shape = (channels, *sides)
    else:
        raise ValueError(
            f"shape: the config does not say how large samples are; pass the shape, such as "
            f"{channels}, 64, 64"
        )
    if not all(type(size) is int and 1 <= size <= LARGEST_SIDE for size in shape):
        raise ValueError(f"shape: {[*shape]} has a size out of 1 .. {LARGEST_SIDE}")
    if len(shape) != 3 or shape[0] != channels:
        raise ValueError(f"shape: {[*shape]} should be {channels} channels, height, width")
    if shape[1] % patch or shape[2] % patch:
        raise ValueError(f"shape: {[*shape]} should have sides that are multiples of {patch}")
    return shape


def _basis(
    config: Mapping[str, Any], given: Given, state: str, patch: int = 1, squares: int = 1
) -> Inputs:
    """State and time, and how many channels there are of both."""
    taken, made = config["in_channels"], config.get("out_channels") or config["in_channels"]
    if made not in (taken, 2 * taken):
        raise ValueError(
            f"out_channels: it takes {taken} channels and gives {made}; networks that are given an "
            "image besides the state (inpainting, upscaling) are not imported"
        )
    if taken % squares:
        raise ValueError(f"in_channels: {taken} is no multiple of {squares}")
    shape = _shape(config, given, taken // squares, patch)
    found = Inputs(shape, {"x": state, "t": "timestep"})
    if made != taken:
        found.channels = taken
        found.notes.append(
            f"The second half of its {made} channels, a variance, is left out: it is that of a "
            "sampler's noise."
        )
    if patch > 1:
        found.tokens = (shape[1] // patch) * (shape[2] // patch)
    return found


def _unet(config: Mapping[str, Any], given: Given) -> Inputs:
    found = _basis(config, given, "sample")
    found.whole = config.get("time_embedding_type") == "learned"
    _take_class(found, config, given)
    return found


def _take_class(found: Inputs, config: Mapping[str, Any], given: Given) -> None:
    kind, rows = config.get("class_embed_type"), config.get("num_class_embeds")
    if kind in ("projection", "simple_projection"):
        width = config["projection_class_embeddings_input_dim"]
        found.take("vector", "class_labels", "vector", (width,), "embedding of the class")
    elif kind is not None:
        raise ValueError(f"class_embed_type: {kind!r} is not imported")
    elif rows is not None:
        found.classes = rows if given.classes is None else given.classes
        found.names["label"] = "class_labels"
        if found.classes not in (rows - 1, rows):
            raise ValueError(f"classes: {given.classes} should be {rows}, or {rows - 1} and a null")
        if found.classes == rows:
            found.notes.append(
                f"All {rows} labels are taken for classes, none for the null, so every sample "
                f"needs a label. If the last one is its null, pass classes={rows - 1}."
            )
            found.null_label = False


def _conditioned_unet(config: Mapping[str, Any], given: Given) -> Inputs:
    found = _unet(config, given)
    added, projected = config.get("addition_embed_type"), config.get("encoder_hid_dim_type")
    if added not in (None, "text", "text_time"):
        raise ValueError(f"addition_embed_type: {added!r} is not imported")
    if projected not in (None, "text_proj"):
        raise ValueError(f"encoder_hid_dim_type: {projected!r} is not imported")
    widths = config.get("encoder_hid_dim") or config["cross_attention_dim"]
    each = {widths} if isinstance(widths, int) else {*widths}
    if len(each) != 1:
        raise ValueError("cross_attention_dim: blocks differ in it, which is not imported")
    found.take_text("encoder_hidden_states", given.text_length or 77, each.pop())
    if added == "text_time":
        _take_size(found, config, given)
    return found


def _take_size(found: Inputs, config: Mapping[str, Any], given: Given) -> None:
    """The pooled text and the six numbers of a size that SDXL takes."""
    numbers = 6
    width = config["projection_class_embeddings_input_dim"]
    width -= numbers * config["addition_time_embed_dim"]
    if width < 1:
        raise ValueError("projection_class_embeddings_input_dim: takes other than six time_ids")
    found.take("pooled", "text_embeds", "vector", (width,), "pooled embedding of the text")
    sides = [float(size * given.pixels) for size in found.shape[1:]]
    found.constants["time_ids"] = [*sides, 0.0, 0.0, *sides]
    found.notes.append(f"It is told that images are {sides[0]:g} by {sides[1]:g}, and not cropped.")


def _dit(config: Mapping[str, Any], given: Given) -> Inputs:
    found = _basis(config, given, "hidden_states", config["patch_size"])
    if found.shape[1] != found.shape[2]:
        raise ValueError(f"shape: {[*found.shape]} should be a square; DiT gives nothing else")
    found.classes, found.names["label"] = config["num_embeds_ada_norm"], "class_labels"
    if given.classes not in (None, found.classes):
        raise ValueError(f"classes: {given.classes} should be {found.classes}")
    return found


def _pixart(config: Mapping[str, Any], given: Given) -> Inputs:
    found = _basis(config, given, "hidden_states", config["patch_size"])
    width = config.get("caption_channels") or config["cross_attention_dim"]
    length = given.text_length or 120
    found.take_text("encoder_hidden_states", length, width)
    says = "1 for tokens of the text, 0 for padding"
    found.take("text_mask", "encoder_attention_mask", "mask", (length,), says)
    found.conditions["text_mask"]["null"] = 1.0
    use = config.get("use_additional_conditions")
    if use or (use is None and config["sample_size"] == 128):
        height, width = (float(size * given.pixels) for size in found.shape[1:])
        found.constants |= {"resolution": [height, width], "aspect_ratio": [height / width]}
        found.notes.append(f"It is told that images are {height:g} by {width:g}.")
    return found


def _sd3(config: Mapping[str, Any], given: Given) -> Inputs:
    found = _basis(config, given, "hidden_states", config["patch_size"])
    most = config["pos_embed_max_size"] * config["patch_size"]
    if max(found.shape[1:]) > most:
        raise ValueError(f"shape: {[*found.shape]} has a side above {most}, its largest")
    _take_pooled(found, config, given, 333)
    return found


def _flux(config: Mapping[str, Any], given: Given) -> Inputs:
    if config["patch_size"] != 1 or len(config["axes_dims_rope"]) != 3:
        raise ValueError("patch_size, axes_dims_rope: expected 1 and three numbers")
    found = _basis(config, given, "hidden_states", PATCH, PATCH**2)
    _take_pooled(found, config, given, 512)
    if config["guidance_embeds"]:
        says = "scale of the guidance that was distilled into the model"
        found.take("distilled_guidance", "guidance", "vector", (1,), says)
        found.conditions["distilled_guidance"]["null"] = 3.5
        found.notes.append("Condition distilled_guidance is 3.5 if it is not given.")
    return found


def _take_pooled(found: Inputs, config: Mapping[str, Any], given: Given, length: int) -> None:
    length = given.text_length or length
    found.take_text("encoder_hidden_states", length, config["joint_attention_dim"])
    width, says = config["pooled_projection_dim"], "pooled embedding of the text"
    found.take("pooled", "pooled_projections", "vector", (width,), says)


READERS: dict[str, Callable[[Mapping[str, Any], Given], Inputs]] = {
    "DiTTransformer2DModel": _dit,
    "FluxTransformer2DModel": _flux,
    "PixArtTransformer2DModel": _pixart,
    "SD3Transformer2DModel": _sd3,
    "UNet2DConditionModel": _conditioned_unet,
    "UNet2DModel": _unet,
}
"""How the inputs of each class are read."""

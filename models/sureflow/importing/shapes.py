"""The shapes that an imported model is to serve, by the sizes that a person names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sureflow.core.size import Shape, Size, in_words
from sureflow.importing.recognised import Recognised


def with_shapes(found: Recognised, sizes: Sequence[Size]) -> Recognised:
    """The model with these sizes of samples, the default one first; with its own if there are none.

    A size is height and width of an image ``[channels, height, width]``, or the length of a
    sequence ``[channels, length]``; a whole shape is understood too. Latents are smaller than their
    samples by the same factor as the model's own.

    Raises:
        ValueError: A size does not suit the model; the message begins with ``shapes``.
    """
    if not sizes:
        return found
    state: Shape = tuple(found.network["shape"])
    decoder = found.stages.get("decoder")
    own: Shape = state if decoder is None else tuple(decoder.config["shape"])
    samples = [_whole(size, own) for size in sizes]
    states = [sample if decoder is None else _latent(sample, own, state) for sample in samples]
    network = {**found.network, "shape": [*states[0]]}
    if len(states) > 1:
        network["shapes"] = [[*shape] for shape in states]
    # An encoder of samples gives latents, whose shape the network says.
    stages = {
        name: replace(stage, config={**stage.config, "shape": [*samples[0]]})
        if "shape" in stage.config
        else stage
        for name, stage in found.stages.items()
    }
    return replace(found, network=network, stages=stages)


def _whole(size: Size, own: Shape) -> Shape:
    """The shape of samples of a size, where the model's own are of shape ``own``."""
    if len(size) == len(own):
        return size
    if len(size) == len(own) - 1:
        return own[0], *size
    raise ValueError(f"shapes: {in_words(size)} is no size of samples of shape {[*own]}")


def _latent(sample: Shape, own: Shape, state: Shape) -> Shape:
    """The shape of the latents of samples, as ``state`` is that of ``own``."""
    if not len(sample) == len(own) == len(state) == 3:
        raise ValueError(f"shapes: samples of shape {[*own]} are decoded to that shape alone")
    sizes = [size * part for size, part in zip(sample[1:], state[1:], strict=True)]
    if any(size % whole for size, whole in zip(sizes, own[1:], strict=True)):
        what = f"{[*sample]} has no whole latents, since {[*own]} are decoded from {[*state]}"
        raise ValueError(f"shapes: {what}")
    height, width = (size // whole for size, whole in zip(sizes, own[1:], strict=True))
    return state[0], height, width

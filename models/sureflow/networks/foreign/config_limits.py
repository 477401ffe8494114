"""Bounds on the arguments of foreign classes, which come from files that anybody may have written.

Without them a file of a few bytes could ask for layers without end, or for all of the memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

LARGEST_NUMBER = 1 << 17
LONGEST_TEXT = 200
LONGEST_LIST = 128
DEEPEST = 4

MOST_LAYERS: Mapping[str, int] = {
    "num_hidden_layers": 256,
    "num_layers": 256,
    "num_single_layers": 256,
    "layers_per_block": 16,
    "transformer_layers_per_block": 64,
    "reverse_transformer_layers_per_block": 64,
}
"""Most repetitions, by the argument that sets them."""

MOST_BLOCKS = 16
"""Most blocks in an argument that lists them, such as ``block_out_channels``."""

MOST_PARAMETERS = 1 << 36
MOST_COMPUTED = 1 << 28
"""Most entries of buffers that no file holds, as tables of positions."""


def check_config(config: object) -> dict[str, object]:
    """Check the arguments of a foreign class, and leave out those that begin with ``_``.

    Raises:
        ValueError: They are no table, or one is out of bounds; the message begins with ``config``.
    """
    if not isinstance(config, Mapping):
        raise ValueError(f"config: expected a table of names and values, not {_kind(config)}")
    kept = {str(name): value for name, value in config.items() if not str(name).startswith("_")}
    if len(kept) > LONGEST_LIST:
        raise ValueError(f"config: has {len(kept)} fields; at most {LONGEST_LIST} are read")
    for name, value in kept.items():
        most = MOST_LAYERS.get(name, LARGEST_NUMBER)
        _check(f"config.{name}", value, most, 0)
        if name.startswith(("block_", "down_block", "up_block")) and isinstance(value, list):
            _check_length(f"config.{name}", value, MOST_BLOCKS)
    return kept


def check_size(module: nn.Module) -> None:
    """Check the size of a module, which may be on the meta device.

    Raises:
        ValueError: It has more parameters, or larger tables, than any that can be served.
    """
    count = sum(parameter.numel() for parameter in module.parameters())
    if count > MOST_PARAMETERS:
        raise ValueError(f"config: asks for {count:.1e} parameters; at most {MOST_PARAMETERS:.1e}")
    held = module.state_dict().keys()
    computed = sum(z.numel() for name, z in module.named_buffers() if name not in held)
    if computed > MOST_COMPUTED:
        raise ValueError(
            f"config: asks for tables of {computed:.1e} numbers; make sample_size less"
        )


def _check(where: str, value: object, most: float, depth: int) -> None:
    if isinstance(value, list | tuple):
        if depth >= DEEPEST:
            raise ValueError(f"{where}: is nested too deeply")
        _check_length(where, value, LONGEST_LIST)
        for entry in value:
            _check(where, entry, most, depth + 1)
    elif isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"{where}: is longer than {LONGEST_TEXT} characters")
    elif isinstance(value, int | float):
        if not abs(value) <= most:
            raise ValueError(f"{where}: {str(value)[:20]} is out of bounds; at most {most:g}")
    elif value is not None:
        raise ValueError(f"{where}: expected a number, a text or a list, not {_kind(value)}")


def _check_length(where: str, value: list[object] | tuple[object, ...], most: int) -> None:
    if len(value) > most:
        raise ValueError(f"{where}: has {len(value)} entries; at most {most}")


def _kind(value: object) -> str:
    return type(value).__name__

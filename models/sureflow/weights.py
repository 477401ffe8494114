"""Reads the weights of a module from a safetensors file, checking names, shapes and types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sureflow.file_kind import no_safetensors
from sureflow.regular_file import check_regular

FLOATS = ("F64", "F32", "F16", "BF16")
"""Types in which a floating-point tensor may be stored, whatever its own type is."""

OTHERS = {
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
"""All other types; such a tensor must be stored in its own type."""

WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Parts that torch adds to names when it wraps a module or a part of it."""


def read_weights(path: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read all tensors of a module. Names, shapes and types are checked before reading them.

    Floating-point tensors may be stored in any floating-point type of at least 16 bits, and are
    converted to the module's. Of tied weights, tensors that share memory, one is enough.

    Args:
        path: The file.
        state: ``state_dict()`` of the module, which may be on the meta device.

    Returns:
        A tensor for every name in ``state``, of its shape and type.

    Raises:
        ValueError: The file cannot be read, its tensors are not those of the module, or hold NaN or
            infinity; the message names the tensor.
    """
    check_regular(path)
    try:
        with safe_open(path, "pt") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: torch.Size(part.get_shape()) for name, part in found.items()}
            check_tensors(shapes, {name: z.get_dtype() for name, z in found.items()}, state)
            tensors = {name: file.get_tensor(name).to(state[name].dtype) for name in found}
    except (SafetensorError, OSError) as error:
        raise ValueError(no_safetensors(path, error)) from error
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"tensor {name} holds NaN or infinity, read as {_type(tensor.dtype)}")
    return with_tied(tensors, state)


def check_tensors(
    shapes: Mapping[str, torch.Size], types: Mapping[str, str], state: Mapping[str, Tensor]
) -> None:
    """Check that stored tensors are those of a module, whose state may be on the meta device.

    Args:
        shapes: Shapes of the stored tensors by name.
        types: Their types, as safetensors call them.
        state: ``state_dict()`` of the module.

    Raises:
        ValueError: They are not; the message begins with ``tensor`` and a name.
    """
    for name in sorted(shapes.keys() & state.keys()):
        _check_type(name, types[name], state[name].dtype)
    own = {name: tensor.shape for name, tensor in state.items()}
    _check_shapes(own, shapes, _tied(state))


def with_tied(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with those that the module of this state ties to them.

    Raises:
        ValueError: Two that are tied differ.
    """
    return _with_tied(dict(tensors), _tied(state))


def _tied(state: Mapping[str, Tensor]) -> list[list[str]]:
    """Groups of names that share memory; a tensor that is not tied is a group of its own."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, tensor in state.items():
        # The storage itself, since addresses on the meta device are all zero.
        memory = tensor.untyped_storage()._cdata
        place = (memory, tensor.storage_offset(), tensor.shape, tensor.stride())
        groups.setdefault(place, []).append(name)
    return [*groups.values()]


def _with_tied(tensors: dict[str, Tensor], groups: Iterable[list[str]]) -> dict[str, Tensor]:
    """Add the missing names of every group of tied tensors."""
    whole = dict(tensors)
    for names in groups:
        first, *others = (name for name in names if name in tensors)
        for other in others:
            if not torch.equal(tensors[first], tensors[other]):
                raise ValueError(
                    f"tensors {first} and {other} differ; the network has one for both"
                )
        whole |= dict.fromkeys(names, tensors[first])
    return whole


def _check_shapes(
    expected: Mapping[str, torch.Size], found: Mapping[str, torch.Size], tied: list[list[str]]
) -> None:
    """Check that the file has all tensors of the module, and no others."""
    there = {name for names in tied if not found.keys().isdisjoint(names) for name in names}
    for name in sorted(expected.keys() | found.keys()):
        if name in there and name not in found:
            continue
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"tensor {name} is {_shape(found.get(name))} in the file, "
                f"{_shape(expected.get(name))} in the network{_hint(tied, {*found})}"
            )


def _check_type(name: str, stored: str, own: torch.dtype) -> None:
    """Check that a tensor may be stored in a type."""
    if stored not in FLOATS if own.is_floating_point else OTHERS.get(stored) != own:
        takes = f"any of {', '.join(FLOATS)}" if own.is_floating_point else "nothing else"
        raise ValueError(
            f"tensor {name} is stored as {stored}; the network's is {_type(own)}, and takes {takes}"
        )


def _hint(tied: list[list[str]], found: set[str]) -> str:
    """How the names could be changed to fit; empty if no known change helps."""
    own = {name for names in tied for name in names}
    for prefix in _prefixes(tied, found):
        if _fit(tied, {name.removeprefix(prefix) for name in found if name.startswith(prefix)}):
            return f"; its names fit without {prefix!r} in front: save them without it"
    for word in (word for word in WRAPPERS if any(word in name for name in {*found, *own})):
        if _fit(tied, {name.replace(word, "") for name in found}):
            return f"; its names fit without {word!r} in them: save the state of the inner module"
        if _fit([[name.replace(word, "") for name in names] for names in tied], found):
            return f"; the network's names have {word!r} in them: make it without the wrapper"
    return ""


def _prefixes(tied: list[list[str]], found: set[str]) -> list[str]:
    """Prefixes that the file puts in front of the names of one of the module's tensors."""
    ends = tuple(f".{name}" for name in max(tied, key=lambda names: len(names[0]), default=[]))
    whole = {name: end for name in found for end in ends if name.endswith(end)}
    return sorted({name.removesuffix(end[1:]) for name, end in whole.items()})


def _fit(tied: list[list[str]], found: set[str]) -> bool:
    """Whether the file has at least one name of each group, and no others."""
    own = {name for names in tied for name in names}
    return found <= own and all(not found.isdisjoint(names) for names in tied)


def _shape(size: torch.Size | None) -> str:
    return "absent" if size is None else str(list(size))


def _type(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""Recognises a file of a program: one of torch.export, or an ONNX model."""

from __future__ import annotations

from pathlib import Path

from sureflow.importing.adapter import Adapter
from sureflow.importing.program import Program, read_program
from sureflow.importing.recognised import Recognised
from sureflow.networks.foreign.call import LABEL, STATE, TIME
from sureflow.networks.foreign.program_input import ProgramInput

KINDS = {"exported": "A program of torch.export", "onnx": "An ONNX model"}


def recognise_program(file: Path, adapter: Adapter) -> Recognised:
    """Recognise a program; what its inputs mean is guessed from their shapes and types.

    Raises:
        ValueError: It is no program that can be served, or its inputs do not say what they are;
            the message begins with the file or the field.
    """
    program = read_program(file)
    inputs, conditions = _inputs(program, adapter)
    shape = adapter.shape or _shape(program, inputs[STATE])
    network = {
        "kind": "frozen",
        "base": program.kind,
        "arguments": {"size": program.data.numel()},
        "shape": [*shape],
        "classes": len(adapter.names),
        "inputs": inputs,
        "output": program.outputs[0].name or None,
        "variance": "none",
        "conditions": conditions,
        **adapter.settings(),
    }
    arguments = ", ".join(f"{theirs} as {ours}" for ours, theirs in inputs.items())
    notes = [f"{KINDS[program.kind]} of {program.data.numel():,} bytes; it takes {arguments}."]
    if program.note:
        notes.append(program.note)
    return Recognised(network, {"program": program.data}, tuple(notes))


def _inputs(
    program: Program, adapter: Adapter
) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
    """Names of the inputs by ours, and the conditions among them."""
    left = {each.name: each for each in program.inputs}
    if adapter.inputs is not None:
        if unknown := [name for name in adapter.inputs.values() if name not in left]:
            known = ", ".join(left)
            raise ValueError(f"inputs: the program has no {unknown[0]!r}; it takes {known}")
        found = dict(adapter.inputs)
    else:
        found = _guessed([*program.inputs], bool(adapter.names))
    if LABEL in found and not adapter.names:
        raise ValueError(
            f"classes: the program takes {found[LABEL]!r}; pass --classes for the number of its "
            f"labels, or --input NAME={found[LABEL]} if it is an array of another meaning"
        )
    conditions: dict[str, dict[str, object]] = {
        ours: {"kind": "vector", "shape": list(left[theirs].shape[1:])}
        for ours, theirs in found.items()
        if ours not in (STATE, TIME, LABEL)
    }
    return found, conditions


def _guessed(inputs: list[ProgramInput], labelled: bool) -> dict[str, str]:
    """The first array is the state, the first number of a row the time, a whole one the label."""
    found: dict[str, str] = {}
    for each in inputs:
        number = len(each.shape) <= 1 or (len(each.shape) == 2 and each.shape[1] == 1)
        if not number and STATE not in found:
            found[STATE] = each.name
        elif number and labelled and LABEL not in found and not each.dtype.is_floating_point:
            found[LABEL] = each.name
        elif number and TIME not in found:
            found[TIME] = each.name
        else:
            found[each.name] = each.name
    if len(inputs) == 2 and STATE not in found and TIME in found:
        # Two numbers a row: a state of one component.
        found = {STATE: inputs[0].name, TIME: inputs[1].name}
    if not {STATE, TIME} <= found.keys():
        names = ", ".join(each.name for each in inputs)
        raise ValueError(f"inputs: say which of {names} are x and t; pass --input x=NAME")
    return found


def _shape(program: Program, name: str) -> tuple[int, ...]:
    (state,) = (each for each in program.inputs if each.name == name)
    sizes = state.shape[1:]
    if not sizes or None in sizes:
        raise ValueError(f"shape: the program leaves that of {name} free; pass --shape")
    return tuple(size for size in sizes if size is not None)

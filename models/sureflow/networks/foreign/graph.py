"""Checks the graph of an exported program: which operators it calls with what."""

from __future__ import annotations

from typing import Any

import torch
from torch._ops import OpOverload

from sureflow.networks.foreign import values as v
from sureflow.networks.foreign.arguments import argument, names_in, tensor_meta
from sureflow.networks.foreign.operators import operator_of

MOST_NODES = 100_000

LARGEST = 1000.0
"""Largest factor by which an image may grow or shrink."""

Table = dict[str, Any]

RANDOM = {"dropout_p": "as_float", "train": "as_bool", "training": "as_bool"}
"""Arguments that turn an operator random, or let it learn from what it sees."""


def checked_graph(value: object, device: torch.device) -> Table:
    """A graph that is written anew, for one device.

    Raises:
        ValueError: A part of it is not allowed, or is not known.
    """
    whole = v.table(value, "inputs", "outputs", "nodes", "tensor_values")
    nodes = v.items(whole["nodes"])
    if len(nodes) > MOST_NODES:
        raise ValueError(f"program: it has {len(nodes)} operators; at most {MOST_NODES} are read")
    if whole.get("custom_obj_values"):
        raise ValueError("program: it holds objects of classes, which are never read")
    inputs = [argument(each, device) for each in v.items(whole["inputs"])]
    lent = set().union(*map(names_in, inputs))
    flags = v.one_of({"as_expr": v.expression, "as_bool": v.flag})
    floats = v.one_of({"as_expr": v.expression, "as_float": v.number})
    return {
        "inputs": inputs,
        "outputs": [argument(each, device) for each in v.items(whole["outputs"])],
        "nodes": [_node(each, device, lent) for each in nodes],
        "tensor_values": {
            v.name(n): tensor_meta(meta, device)
            for n, meta in v.entries(whole["tensor_values"]).items()
        },
        "sym_int_values": _by_name(whole.get("sym_int_values", {}), v.size),
        "sym_bool_values": _by_name(whole.get("sym_bool_values", {}), flags),
        "sym_float_values": _by_name(whole.get("sym_float_values", {}), floats),
        "is_single_tensor_return": False,
        "custom_obj_values": {},
    }


def _by_name(value: object, check: Any) -> Table:
    return {v.name(n): check(inner) for n, inner in v.entries(value).items()}


def _node(value: object, device: torch.device, lent: set[str]) -> Table:
    """A call; ``lent`` has the names of inputs and weights, to which views of them are added."""
    whole = v.table(value, "target", "inputs", "outputs")
    operator = operator_of(whole["target"])
    inputs = [_named(each, device) for each in v.items(whole["inputs"])]
    outputs = [argument(each, device) for each in v.items(whole["outputs"])]
    for each in inputs:
        _check_setting(whole["target"], each["name"], each["arg"])
    if operator is not None:
        _follow(operator, inputs, outputs, lent)
    own = whole.get("name")
    return {
        "target": whole["target"],
        "inputs": inputs,
        "outputs": outputs,
        "metadata": {},
        "is_hop_single_tensor_return": None,
        "name": None if own is None else v.name(own),
    }


def _check_setting(target: str, name: str, value: Table) -> None:
    """Refuse settings that make answers random, or that torch's kernels do not check."""
    if value.get(RANDOM.get(name, "")):
        raise ValueError(
            f"program: {target} was exported in training mode, and answers at random; call .eval() "
            "on the module before torch.export.export"
        )
    scales = [value["as_float"]] if "as_float" in value else value.get("as_floats", [])
    if "upsample" in target and any(not 1 / LARGEST < float(n) < LARGEST for n in scales):
        raise ValueError(f"program: {target} enlarges by {scales}; expected less than {LARGEST}")
    if value.get("as_string") == "trunc":
        raise ValueError(
            f"program: {target} may divide by rounding to 0, which torch does unchecked"
        )


def _named(value: object, device: torch.device) -> Table:
    whole = v.table(value, "name", "arg")
    kind, own = whole.get("kind"), whole["name"]
    if kind not in (None, 0, 1, 2) or not (
        own == "" or (isinstance(own, str) and own.isidentifier())
    ):
        raise v.wrong("an argument with a name", own)
    return {"name": own, "arg": argument(whole["arg"], device), "kind": kind}


def _follow(
    operator: OpOverload, inputs: list[Table], outputs: list[Table], lent: set[str]
) -> None:
    """Refuse a call that changes what is lent; outputs that may be views of it are lent too."""
    found = {each["name"]: each["arg"] for each in inputs}
    for declared in operator._schema.arguments:
        shared = declared.alias_info
        names = names_in(found.get(declared.name)) & lent
        if shared is None or not names:
            continue
        if shared.is_write:
            raise ValueError(
                f"program: {operator} changes {min(names)!r}, one of its inputs or weights, in "
                "place, so its answers would depend on earlier calls; write it without that"
            )
        lent |= names_in(outputs)

"""The description of an exported program: checked, and written anew for a device."""

from __future__ import annotations

from typing import Any

import torch

from sureflow.networks.foreign import values as v
from sureflow.networks.foreign.arguments import argument, tensor_name
from sureflow.networks.foreign.graph import checked_graph
from sureflow.networks.foreign.symbols import symbol
from sureflow.networks.foreign.tree import read_tree, write_tree

DIALECTS = ("", "ATEN", "TRAINING")
STATE = "program: it changes its own buffers or inputs, so its answers depend on earlier calls"

Table = dict[str, Any]


def checked_description(value: object, device: torch.device) -> Table:
    """The description of a program.

    torch evaluates the guards and the texts of sizes as Python, imports modules by the names of
    types, and compiles Python from names. So guards are dropped, and all else is known here.

    Raises:
        ValueError: A part of it is not allowed, or is not known.
    """
    whole = v.table(value, "graph_module", "opset_version", "range_constraints", "schema_version")
    module = v.table(whole["graph_module"], "graph", "signature", "module_call_graph")
    dialects = v.items(whole.get("verifiers", []))
    if any(dialect not in DIALECTS for dialect in dialects):
        raise ValueError(f"program: of the dialect {str(dialects)[:60]}; export it by torch.export")
    version = v.table(whole["schema_version"], "major", "minor")
    return {
        "graph_module": {
            "graph": checked_graph(module["graph"], device),
            "signature": _signature(module["signature"], device),
            "module_call_graph": [_call(module["module_call_graph"])],
            "metadata": {},
            "treespec_namedtuple_fields": {},
        },
        "opset_version": {
            v.name(n): v.integer(each) for n, each in v.entries(whole["opset_version"]).items()
        },
        "range_constraints": {
            symbol(n): _range(each) for n, each in v.entries(whole["range_constraints"]).items()
        },
        "schema_version": {n: v.integer(version[n]) for n in ("major", "minor")},
        "verifiers": dialects,
        "torch_version": v.text(whole.get("torch_version", "")),
        "guards_code": [],
    }


def _range(value: object) -> Table:
    whole = v.table(value, "min_val", "max_val")
    return {
        key: None if whole[key] is None else v.integer(whole[key]) for key in ("min_val", "max_val")
    }


def _signature(value: object, device: torch.device) -> Table:
    whole = v.table(value, "input_specs", "output_specs")
    outputs = v.items(whole["output_specs"])
    if any([*v.entries(each)] != ["user_output"] for each in outputs):
        raise ValueError(f"{STATE}; call .eval() on the module before torch.export.export")
    return {
        "input_specs": [_input(each, device) for each in v.items(whole["input_specs"])],
        "output_specs": [
            {"user_output": {"arg": argument(v.table(each["user_output"], "arg")["arg"], device)}}
            for each in outputs
        ],
    }


def _input(value: object, device: torch.device) -> Table:
    ((kind, inner),) = v.entries(value).items() if len(v.entries(value)) == 1 else (("", {}),)
    if kind == "user_input":
        return {kind: {"arg": argument(v.table(inner, "arg")["arg"], device)}}
    if kind in ("parameter", "buffer", "tensor_constant"):
        key = f"{kind}_name"
        whole = v.table(inner, "arg", key)
        found: Table = {"arg": tensor_name(whole["arg"]), key: v.path(whole[key])}
        if kind == "buffer":
            found["persistent"] = v.flag(whole.get("persistent"))
        return {kind: found}
    if kind == "constant_input":
        whole = v.table(inner, "name", "value")
        return {kind: {"name": v.name(whole["name"]), "value": CONSTANT(whole["value"])}}
    raise ValueError(f"program: an input of the kind {kind!r}, which may hold code, is never read")


CONSTANT = v.one_of(
    {
        "as_none": v.flag,
        "as_int": v.integer,
        "as_float": v.number,
        "as_string": v.text,
        "as_bool": v.flag,
    }
)
"""The check of an input that is no tensor."""


def _call(value: object) -> Table:
    """How the whole program is called; how its inner modules were is left out."""
    calls = v.items(value)
    whole = v.table(calls[0] if calls else None, "fqn", "signature")
    signature = v.table(whole["signature"], "in_spec", "out_spec")
    names = signature.get("forward_arg_names")
    return {
        "fqn": "",
        "signature": {
            "inputs": [],
            "outputs": [],
            "in_spec": write_tree(read_tree(signature["in_spec"])),
            "out_spec": write_tree(read_tree(signature["out_spec"])),
            "forward_arg_names": None if not names else v.several(v.name)(names),
        },
    }

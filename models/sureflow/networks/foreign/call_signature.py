"""How an exported program is called: the names of its inputs, and how they are nested."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sureflow.networks.foreign import values as v
from sureflow.networks.foreign.batch import Batch
from sureflow.networks.foreign.program_input import ProgramInput, ProgramOutput
from sureflow.networks.foreign.tree import Spec, is_leaf, keys_of, leaves_of, read_tree

NUMBER: dict[str, Any] = {}
"""What stands for the first size of a tensor without dimensions."""


@dataclass(frozen=True)
class CallSignature:
    """The arguments of an exported program.

    Attributes:
        inputs: Those that are tensors.
        outputs: What it returns.
        constants: The other arguments, with the values that it was exported for.
        positional: Names of the positional arguments.
        keywords: Names of the keyword arguments.
        batch: How many rows it takes at once.
    """

    inputs: tuple[ProgramInput, ...]
    outputs: tuple[ProgramOutput, ...]
    constants: Mapping[str, Any]
    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    batch: Batch

    @classmethod
    def read(cls, model: dict[str, Any]) -> CallSignature:
        """Read it from the description of a program that was checked.

        Raises:
            ValueError: Its inputs are nested, or it has none.
        """
        module = model["graph_module"]
        call, metas = module["module_call_graph"][0]["signature"], module["graph"]["tensor_values"]
        positional, keywords = _names(read_tree(call["in_spec"]), call["forward_arg_names"])
        inputs: list[ProgramInput] = []
        constants: dict[str, Any] = {}
        specs = [
            s for s in module["signature"]["input_specs"] if {*s} & {"user_input", "constant_input"}
        ]
        if len(specs) != len(positional) + len(keywords):
            raise ValueError("program: its description has other inputs than its graph")
        for name, spec in zip((*positional, *keywords), specs, strict=True):
            kind, value = _value(spec)
            if kind == "as_tensor" and value["name"] in metas:
                inputs.append(_input(name, metas[value["name"]]))
            elif kind in ("as_none", "as_int", "as_float", "as_bool", "as_string"):
                constants[name] = None if kind == "as_none" else value
            else:
                raise ValueError(
                    f"program: its input {name!r} is no tensor; export it with tensors"
                )
        if not any(each.shape for each in inputs):
            raise ValueError("program: it has no input with rows")
        least, most = _limits(model, metas)
        batch = Batch.of(inputs, least, most)
        outputs = tuple(_outputs(read_tree(call["out_spec"]), module, metas))
        return cls(tuple(inputs), outputs, constants, positional, keywords, batch)

    def arguments(self, inputs: Mapping[str, Tensor]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments of a call with these tensors."""
        found = {**self.constants, **inputs}
        return [found[n] for n in self.positional], {n: found[n] for n in self.keywords}


def _names(spec: Spec, known: list[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the positional and keyword arguments."""
    if is_leaf(spec) or len(spec["children_spec"]) != 2:
        raise ValueError("program: its inputs are not those of a call")
    args, kwargs = spec["children_spec"]
    if not all(map(is_leaf, [*args["children_spec"], *kwargs["children_spec"]])):
        raise ValueError("program: an input is nested; export it with tensors as arguments")
    keywords = tuple(map(v.name, keys_of(kwargs)))
    count = len(args["children_spec"])
    positional = tuple(known or [f"arg_{i}" for i in range(count)])[:count]
    if len({*positional, *keywords}) != count + len(keywords):
        raise ValueError("program: two of its inputs have one name")
    return positional, keywords


def _value(spec: dict[str, Any]) -> tuple[str, Any]:
    inner = next(iter(spec.values()))
    ((kind, value),) = inner["arg" if "arg" in inner else "value"].items()
    return kind, value


def _input(name: str, meta: dict[str, Any]) -> ProgramInput:
    return ProgramInput(name, _shape(meta), v.TYPES[meta["dtype"]])


def _shape(meta: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(size.get("as_int") for size in meta["sizes"])


def _limits(model: dict[str, Any], metas: dict[str, Any]) -> tuple[int, int | None]:
    """Fewest and most rows, from the range of the first size of the inputs."""
    least, most = 1, None
    for spec in model["graph_module"]["signature"]["input_specs"]:
        if "user_input" in spec and (tensor := spec["user_input"]["arg"].get("as_tensor")):
            expression = next(iter(metas[tensor["name"]]["sizes"]), NUMBER).get("as_expr")
            if expression and (limits := model["range_constraints"].get(_symbol(expression))):
                least = max(least, limits["min_val"] or 0)
                if limits["max_val"] is not None:
                    most = min(most or limits["max_val"], limits["max_val"])
    return least, most


def _symbol(expression: dict[str, Any]) -> str:
    """The name, if an expression is a lone symbol."""
    call = ast.parse(expression["expr_str"], mode="eval").body
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Symbol":
        return str(ast.literal_eval(call.args[0]))
    return ""


def _outputs(spec: Spec, module: dict[str, Any], metas: dict[str, Any]) -> list[ProgramOutput]:
    names = leaves_of(spec)
    specs = module["signature"]["output_specs"]
    if len(names) != len(specs):
        raise ValueError("program: its description has other outputs than its graph")
    tensors = [each["user_output"]["arg"].get("as_tensor", {}).get("name") for each in specs]
    shapes = [_shape(metas[n]) if n in metas else None for n in tensors]
    return [ProgramOutput(name, shape) for name, shape in zip(names, shapes, strict=True)]

"""Checks how an exported program nests its inputs and outputs.

torch imports modules by names in this text, so only tuples, lists and dictionaries are let through.
"""

from __future__ import annotations

import json
import re
from typing import Any

SEQUENCES = {
    "builtins.tuple": "builtins.tuple",
    "builtins.list": "builtins.list",
    "torch.fx.immutable_collections.immutable_list": "builtins.list",
}
PROTOCOL = 1
DEEPEST = 8
KEY = re.compile(r"[\w.\- ]{1,100}", re.ASCII)

Spec = dict[str, Any]
"""A tree: ``type`` (``None`` for a leaf), ``context`` (keys of a dictionary), ``children_spec``."""


def read_tree(text: object) -> Spec:
    """Read the text of a tree.

    An output class that behaves like a dictionary, as those of diffusers, is read as a dictionary,
    so that its package is not needed.

    Raises:
        ValueError: It has other parts than tuples, lists and dictionaries with names as keys.
    """
    try:
        protocol, tree = json.loads(str(text))
        if protocol != PROTOCOL:
            raise ValueError("another protocol")
        return _checked(tree, DEEPEST)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"program: cannot read how its inputs and outputs are nested ({str(error)[:80]}); let "
            "forward take tensors, and return a tensor, a tuple, a list or a dict"
        ) from error


def write_tree(spec: Spec) -> str:
    """The text of a tree that was read."""
    return json.dumps([PROTOCOL, spec])


def keys_of(spec: Spec) -> list[str]:
    """Keys of the children: those of a dictionary, or their indices."""
    if spec["type"] == "builtins.dict":
        return [str(key) for key in json.loads(spec["context"])]
    return [str(index) for index in range(len(spec["children_spec"]))]


def is_leaf(spec: Spec) -> bool:
    """Whether this is a single value."""
    return spec["type"] is None


def leaves_of(spec: Spec) -> list[str]:
    """Names of all leaves in order, the keys on their way joined by dots; empty for a lone one."""
    if is_leaf(spec):
        return [""]
    pairs = zip(keys_of(spec), spec["children_spec"], strict=True)
    return [f"{key}.{leaf}".rstrip(".") for key, child in pairs for leaf in leaves_of(child)]


def _checked(tree: Spec, depth: int) -> Spec:
    kind, context, children = tree["type"], tree["context"], tree["children_spec"]
    if depth == 0 or not isinstance(children, list):
        raise ValueError("too deep")
    if kind is None:
        if context is not None or children:
            raise ValueError("a leaf with children")
        return {"type": None, "context": None, "children_spec": []}
    inner = [_checked(child, depth - 1) for child in children]
    if kind in SEQUENCES:
        if context != "null":
            raise ValueError(f"a {kind} with a context")
        return {"type": SEQUENCES[kind], "context": "null", "children_spec": inner}
    keys = json.loads(context) if isinstance(context, str) else None
    if not (isinstance(keys, list) and all(isinstance(k, str) and KEY.fullmatch(k) for k in keys)):
        raise ValueError(f"the type {str(kind)[:60]}")
    if len(keys) != len(inner) or len({*keys}) != len(keys):
        raise ValueError("keys that do not fit")
    return {"type": "builtins.dict", "context": json.dumps(keys), "children_spec": inner}

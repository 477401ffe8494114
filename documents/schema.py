"""Schemas of the OpenAPI document as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from documents.table import code, table

Schema = Mapping[str, Any]
BOUNDS = (
    ("minimum", "at least {:g}"),
    ("exclusiveMinimum", "more than {:g}"),
    ("maximum", "at most {:g}"),
    ("exclusiveMaximum", "less than {:g}"),
    ("maxLength", "{:g} characters at most"),
    ("maxItems", "{:g} entries at most"),
)
FAR = 1e9
"""Bounds from here on are those of what can be counted, and tell nobody anything."""


def described(name: str, schema: Schema) -> str:
    """Return a section on a schema: what it is, and a row for each of its fields."""
    text = f"### {name}\n\n{schema.get('description', '')}\n\n"
    fields = schema.get("properties", {})
    required = {*schema.get("required", ())}
    rows = [_row(field, one, field in required) for field, one in fields.items()]
    return text + (table(("field", "type", "default", "meaning"), rows) if rows else "")


def kind(schema: Schema) -> str:
    """Return the type of a value, with links to the sections of schemas that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(code(one) for one in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    if some := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(dict.fromkeys(kind(one) for one in some))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return _bounded(schema)


def _bounded(schema: Schema) -> str:
    said = [text.format(schema[name]) for name, text in BOUNDS if abs(schema.get(name, FAR)) < FAR]
    return ", ".join((str(schema.get("type", "any")), *said))


def _row(name: str, schema: Schema, required: bool) -> tuple[str, ...]:
    given = schema.get("default")
    default = "required" if required else "" if given is None else code(json.dumps(given))
    return code(name), kind(schema), default, str(schema.get("description", ""))

"""The fields of an OpenAPI document, and bodies in which one of them is much too long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

ZEROS = f"[{','.join('0' * 500_000)}]"
MANY = "{" + ",".join(f'"k{number}":0' for number in range(80_000)) + "}"
MARK = "@mark@"

Schema = dict[str, Any]
Way = tuple[str, ...]
"""Names from the body down to a field; 0 is a list's first element."""


def resolved(document: Schema, schema: Schema) -> list[Schema]:
    """Return a schema without references, as its alternatives."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolved(document, document["components"]["schemas"][name])
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [one for each in inner for one in resolved(document, each)] if inner else [schema]


def fields(document: Schema, schema: Schema, way: Way = ()) -> Iterator[tuple[Way, Schema]]:
    """The fields of a schema and those below them."""
    for one in resolved(document, schema):
        yield way, one
        for name, inner in one.get("properties", {}).items():
            yield from fields(document, inner, (*way, name))
        if one.get("type") == "array" and one.get("items"):
            yield from fields(document, one["items"], (*way, "0"))


def bodies(document: Schema) -> dict[str, Schema]:
    """Return the schemas of all bodies, by their route."""
    return {
        path: operation["requestBody"]["content"]["application/json"]["schema"]
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if "requestBody" in operation
    }


def containers(document: Schema) -> list[tuple[str, Way]]:
    """Return every route and field that is a list or an object, and so may be of any length."""
    found = [
        (route, way)
        for route, schema in bodies(document).items()
        for way, one in fields(document, schema)
        if one.get("type") in ("array", "object") or not one.get("type")
    ]
    return [*dict.fromkeys(found)]


def nested(way: Way, text: str) -> bytes:
    """Return a body with nothing but a field, of this JSON."""
    body: Any = MARK
    for name in reversed(way):
        body = [body] if name == "0" else {name: body}
    return json.dumps(body).replace(f'"{MARK}"', text).encode()

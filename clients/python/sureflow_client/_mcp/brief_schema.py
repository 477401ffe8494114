"""JSON Schemas of tools, as short as they can be: agents read all of them before they begin."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

REF = "$ref"
PLACE = "#/$defs/"


class BriefSchema(GenerateJsonSchema):
    """Leaves out what says nothing to an agent.

    That is titles, which say names again; what models are, which their tool says; null where it
    says no more than to leave a value out; the length of names; and which facts an answer always
    has. What is told is checked by the model itself.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return that it should not."""
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of a model by its fields alone."""
        found = super().model_schema(schema)
        return {name: said for name, said in found.items() if name not in ("title", "description")}

    def union_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of one of several; of plain types, by their names alone."""
        found = super().union_schema(schema)
        parts = found.get("anyOf", [])
        if parts and all([*part] == ["type"] for part in parts):
            return {"type": [part["type"] for part in parts]}
        return found

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of any object."""
        found = super().dict_schema(schema)
        found.pop("additionalProperties", None)
        return found

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of the value, and its default if that is more than nothing."""
        inner = schema["schema"]
        if schema.get("default", ...) is None and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        found = super().default_schema(schema)
        if not found.get("default"):
            found.pop("default", None)
        return found

    def list_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of a list, also of an empty one, of which the tool says that it is."""
        return {
            name: said for name, said in super().list_schema(schema).items() if name != "minItems"
        }

    def str_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of any text."""
        return {"type": "string"}


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which parts that are needed once stand where they are needed."""
    parts = schema.get("$defs", {})
    text = json.dumps(schema)
    once = {name for name in parts if text.count(json.dumps(PLACE + name)) == 1}
    found: dict[str, Any] = _with_parts(schema, {name: parts[name] for name in once})
    rest = {name: part for name, part in found.pop("$defs", {}).items() if name not in once}
    return {"$defs": rest, **found} if rest else found


def _with_parts(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_with_parts(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get(REF, "")).removeprefix(PLACE)
    if name in parts:
        node = {**parts[name], **{key: said for key, said in node.items() if key != REF}}
    return {key: _with_parts(each, parts) for key, each in node.items()}

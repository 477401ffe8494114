"""JSON Schemas of tools, as short as they can be: agents read all of them before they begin."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema


class BriefSchema(GenerateJsonSchema):
    """Leaves out what says nothing to an agent.

    That is titles, which say names again; what models are, which their tool says; null, since what
    is null can be left out; the length of names; and which facts an answer always has. What is told
    is checked by the model itself.
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

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of the value, if there is one."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of the value, and its default if that is more than nothing."""
        found = super().default_schema(schema)
        if not found.get("default"):
            found.pop("default", None)
        return found

    def str_schema(self, schema: Any) -> dict[str, Any]:
        """Return that of any text."""
        return {"type": "string"}

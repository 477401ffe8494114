"""The page on HTTP, from the OpenAPI document that a server shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from documents.schema import described, kind
from documents.table import code, table

Operation = dict[str, Any]
PROBLEM = "application/problem+json"
HEAD = """# HTTP

What a server says of itself at `/openapi.json`, and at `/docs` with requests to try. Bodies and
answers are JSON unless another form is asked for by `Accept`; an error is a
[problem document](#problemdocument) with the content type `application/problem+json`.

"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document of a server with its defaults, which need not run."""
    from sureflow_server.app import create_app
    from sureflow_server.settings import Settings

    return create_app(Settings(studio=False)).openapi()


def page(api: dict[str, Any]) -> str:
    """Return the page: every operation, then every schema."""
    parts = [HEAD, "## Operations\n"]
    parts += [
        _operation(method.upper(), path, one)
        for path, operations in api["paths"].items()
        for method, one in operations.items()
    ]
    parts.append("## Schemas\n")
    parts += [described(name, one) for name, one in api["components"]["schemas"].items()]
    return "\n".join(parts)


def _operation(method: str, path: str, one: Operation) -> str:
    said = str(one.get("description", one.get("summary", "")))
    parts = [f"### {method} {path}\n", said, ""]
    if scopes := _scopes(one):
        parts += [f"On a server with keys: one with the scope {scopes}.", ""]
    if rows := [*_parameters(one)]:
        parts += [table(("parameter", "in", "type", "meaning"), rows)]
    parts += [*_body(one), table(("status", "answer"), _answers(one))]
    return "\n".join(parts)


def _scopes(one: Operation) -> str:
    names = [scope for way in one.get("security", ()) for some in way.values() for scope in some]
    return " or ".join(code(name) for name in names)


def _parameters(one: Operation) -> Iterator[tuple[str, ...]]:
    for each in one.get("parameters", ()):
        schema = each.get("schema", {})
        text = each.get("description", schema.get("description", ""))
        yield code(each["name"]), each["in"], kind(schema), text


def _body(one: Operation) -> Iterator[str]:
    for media_type, content in one.get("requestBody", {}).get("content", {}).items():
        yield f"Body, `{media_type}`: {kind(content.get('schema', {}))}\n"
        for example in content.get("examples", {}).values():
            shown = json.dumps(example["value"], indent=2, ensure_ascii=False)
            yield f"{example.get('summary', 'Example')}:\n\n```json\n{shown}\n```\n"


def _answers(one: Operation) -> Iterator[tuple[str, str]]:
    answers = sorted(one["responses"].items())
    for status, answer in answers:
        named = [_content(*item) for item in answer.get("content", {}).items()]
        if PROBLEM not in answer.get("content", {}):
            yield status, ", ".join((answer["description"].rstrip("."), *named))
    refused = [status for status, answer in answers if PROBLEM in answer.get("content", {})]
    if refused:
        yield ", ".join(refused), "[a problem](#problemdocument)"


def _content(media_type: str, content: dict[str, Any]) -> str:
    schema = content.get("schema", {})
    return f"`{media_type}` {kind(schema)}" if "$ref" in schema else code(media_type)

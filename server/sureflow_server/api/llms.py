"""``GET /llms.txt``: what this server does and where its doors are, for programs that read."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

HEAD = """# Sureflow

> An inference server for flow-matching models that says how sure it is of every sample. Send JSON,
> get samples, each with `confidence` in [0, 1]: the share of the model's own draws that are less
> sure.

Begin with `GET {root}/v1/models`, whose cards say what a model takes, then with
`POST {root}/v1/generate`. Errors are `application/problem+json`; they name the field and say what
to do. A server with keys wants `Authorization: Bearer KEY`.

- [OpenAPI document]({root}/openapi.json): every field, with examples
- [The same to try]({root}/docs)
- Open Inference Protocol: the same models under {root}/v2
"""


def install(app: FastAPI) -> None:
    """Add the page."""

    async def show(request: Request) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")
        return PlainTextResponse("\n".join((HEAD.format(root=root), *_doors(app, root))) + "\n")

    app.add_route("/llms.txt", show, include_in_schema=False)


def _doors(app: FastAPI, root: str) -> Iterator[str]:
    """Yield a line for each operation, as the OpenAPI document describes it."""
    yield "## Operations\n"
    for path, operations in app.openapi()["paths"].items():
        for method, one in operations.items():
            said = one.get("description", one.get("summary", "")).partition("\n\n")[0]
            yield f"- {method.upper()} {root}{path}: {' '.join(said.split())}"

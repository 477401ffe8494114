"""The tools as a server of the protocol."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from pydantic import ValidationError

from .._async.client import AsyncClient
from .._exceptions import SureflowError
from .._version import __version__
from .catalogue import INSTRUCTIONS, TOOLS
from .picture import content_of
from .published import listed
from .refusal import misfit, near, refusal
from .tool import Answer, Call, Tool

Context = ServerRequestContext[Any, Any]
Connect = Callable[[Context], AbstractAsyncContextManager[AsyncClient]]
"""Opens the client by which a call asks the server."""

FAILED = "the tool failed; the log of where it runs says why"

log = logging.getLogger(__name__)


def tool_server(connect: Connect, *, files: bool = False) -> Server[Any]:
    """Return a server of all tools.

    Args:
        connect: Opens the client by which a call asks the server.
        files: Whether tools may read files of this machine.
    """
    known = {tool.name: tool for tool in TOOLS}
    told = types.ListToolsResult(tools=described(TOOLS))

    async def list_tools(context: Context, asked: Any) -> types.ListToolsResult:
        return told

    async def call_tool(
        context: Context, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = known.get(asked.name)
        if tool is None:
            return refused(f"there is no tool {asked.name[:80]!r}{near(asked.name, known)}")
        async with connect(context) as client:
            call = Call(client, context.session.report_progress, files)
            return await called(tool, call, asked.arguments or {})

    return Server(
        "sureflow",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def described(tools: Sequence[Tool[Any]]) -> list[types.Tool]:
    """Return tools as the protocol describes them."""
    return [
        types.Tool(
            name=one.tool.name,
            description=one.says,
            input_schema=one.arguments,
            output_schema=one.facts,
            annotations=_annotations(one.tool),
        )
        for one in listed(tools)
    ]


def _annotations(tool: Tool[Any]) -> types.ToolAnnotations:
    """What calls change; that of a tool which only reads goes without saying."""
    reads = tool.changes == "nothing"
    return types.ToolAnnotations(
        read_only_hint=reads or None,
        destructive_hint=None if reads else tool.changes == "removes",
    )


async def called(tool: Tool[Any], call: Call, arguments: dict[str, Any]) -> types.CallToolResult:
    """Run a tool; whatever goes wrong is said in words."""
    try:
        asked = tool.arguments.model_validate(arguments)
    except ValidationError as error:
        return refused(misfit(error, tool.arguments))
    except RecursionError:
        return refused("the arguments are nested too deep")
    try:
        return await content(await tool.run(call, asked))
    except SureflowError as error:
        return refused(await refusal(error, call.client, asked))
    except (ValueError, TypeError) as error:
        log.info("%s: %s", tool.name, error)
        return refused(str(error)[:300])
    except Exception:
        log.exception("%s failed", tool.name)
        return refused(FAILED)


async def content(answer: Answer) -> types.CallToolResult:
    """Return an answer as the protocol has it: words, the facts as JSON, and the picture."""
    facts = answer.facts.model_dump(mode="json", exclude_none=True)
    text = f"{answer.says}\n{json.dumps(facts, separators=(',', ':'), ensure_ascii=False)}"
    blocks: list[types.ContentBlock] = [types.TextContent(type="text", text=text)]
    if answer.picture is not None:
        blocks.append(await content_of(answer.picture))
    return types.CallToolResult(content=blocks, structured_content=facts)


def refused(why: str) -> types.CallToolResult:
    """Return an error that an agent can read and mend."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=why)], is_error=True)

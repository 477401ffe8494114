"""The tools, on a server that really runs."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
from jsonschema import Draft202012Validator

from benchmarks.agent_tasks.agent import WAYS, Agent, Way
from sureflow_client import Client
from sureflow_client._cli.main import main
from sureflow_client._encode import encode_array
from sureflow_client._mcp.catalogue import TOOLS
from sureflow_client._mcp.refusal import argument_of, near
from tests import hostile
from tests.agents import agent_does, call, refused
from tests.commands import invoke

QUICK: dict[str, Any] = {"model": "digits", "label": "3", "steps": 4, "picture": False}
HEADERS = {"Accept": "application/json, text/event-stream"}
MODERN = {"Mcp-Protocol-Version": "2026-07-28"}


LIST_BYTES = 15_000
"""Of the list of tools, which an agent reads before it begins. It was 36,000."""


def test_every_tool_says_what_it_is_told_and_what_it_answers(server: str) -> None:
    listed = agent_does(server, lambda agent: agent.client.list_tools()).tools
    assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]
    described: dict[str, Any] = {}
    for tool in listed:
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema is not None
            assert schema["type"] == "object"
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        for name, about in tool.input_schema["properties"].items():
            assert "type" in about or "anyOf" in about
            if "description" in about:
                described.setdefault(name, (tool.name, about))
            else:
                first, known = described[name]
                assert f"Without a description: as in {first}." in tool.description
                assert about.items() <= known.items()
    sent = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
    assert len(json.dumps(sent, separators=(",", ":"))) < LIST_BYTES


def test_what_tools_answer_fits_what_is_published_of_it(server: str) -> None:
    """What one tool has published stands for others too; nothing is answered beyond it."""
    published = {
        tool.name: tool.output_schema or {}
        for tool in agent_does(server, lambda agent: agent.client.list_tools()).tools
    }

    async def do(agent: Agent) -> None:
        made = await agent.call("generate", **QUICK, n=2)
        handles = [row["handle"] for row in made["samples"]]
        answers = {
            "generate": made,
            "list_models": await agent.call("list_models", name="digits"),
            "explain": await agent.call("explain", handle=handles[0], picture=False),
            "rewind": await agent.call("rewind", handles=handles, branches=1, picture=False),
            "review": await agent.call("review", picture=False),
            "show": await agent.call("show", handles=handles[:1], t=[0.5]),
            "delete_handles": await agent.call("delete_handles", handles=handles),
        }
        for name, facts in answers.items():
            Draft202012Validator(published[name]).validate(facts)
            assert facts.keys() <= published[name]["properties"].keys()
        for name in ("keep_best", "score_own", "job"):
            assert published[name] == {"type": "object", "description": "As in generate."}

    agent_does(server, do)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_leads_to_the_same(server: str, way: Way) -> None:
    async def ask(agent: Agent) -> dict[str, Any]:
        return await agent.call("generate", **QUICK, n=2, seed=5)

    facts = agent_does(server, ask, way)
    assert facts["seed"] == 5
    other = call(server, "generate", **QUICK, n=2, seed=5)
    assert [row["confidence"] for row in facts["samples"]] == [
        row["confidence"] for row in other["samples"]
    ]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("generate", {"modle": "digits"}, ["'modle'", "'model'"]),
        ("generate", {"model": "digit"}, ["model", "'digits'"]),
        ("generate", {"n": 0}, ["n:"]),
        ("generate", {"n": 65}, ["n:", "64"]),
        ("generate", {"n": "many"}, ["n:"]),
        ("generate", {"model": "fashion", "label": "Snekaer"}, ["label", "'Sneaker'"]),
        ("generate", {"model": "digits", "label": "3", "steps": -1}, ["steps"]),
        ("generate", {"model": "digits", "label": "3", "method": "huen"}, ["method", "'heun'"]),
        ("generate", {"model": "digits", "label": "3", "score": "prob"}, ["score"]),
        ("generate", {"model": "digits", "condition": {"colour": [1]}}, ["condition"]),
        ("keep_best", {"good": 3, "of": 2}, ["of"]),
        ("keep_best", {"good": 3, "keep": 0.5, "min_confidence": 0.5}, ["at most one"]),
        ("keep_best", {"good": 3, "any_good": 0.9}, ["good", "leave it out"]),
        ("keep_best", {"good": 3, "per_class": True}, ["per_class", "max_bad_rate"]),
        ("keep_best", {"any_good": 0.9, "model": "ring"}, ["any_good", "no judge"]),
        ("keep_best", {"good": 3, "keep": 7, "model": "digits", "label": "3"}, ["keep"]),
        ("explain", {}, ["handle"]),
        ("explain", {"handle": "hdl_none"}, ["handle"]),
        ("show", {"handles": ["a", "b"], "t": [0.5]}, ["handles"]),
        ("rewind", {"handles": ["hdl_none"]}, ["handle"]),
        ("rewind", {"handles": [f"h{i}" for i in range(8)], "branches": 16}, ["branches"]),
        ("score_own", {}, ["images"]),
        ("score_own", {"images": ["?"]}, ["images"]),
        ("score_own", {"images": ["aGVsbG8="]}, ["images"]),
        ("score_own", {"files": ["/etc/passwd"]}, ["files"]),
        ("job", {"job": "job_none"}, ["job"]),
        ("list_models", {"name": "fashoin"}, ["'fashion'"]),
        ("genrate", {}, ["'genrate'", "'generate'"]),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)
def test_errors_name_the_argument_and_the_nearest_right_name(
    server: str, tool: str, arguments: dict[str, Any], words: list[str]
) -> None:
    why = refused(server, tool, **arguments)
    assert all(word in why for word in words), why
    assert len(why) <= 1100
    assert "Traceback" not in why


def test_an_operation_that_there_is_not_is_named(server: str) -> None:
    async def do(agent: Agent) -> str:
        made = await agent.call("generate", **QUICK, n=1)
        handle = made["samples"][0]["handle"]
        return await agent.refused("rewind", handles=[handle], operations=[{"type": "inpant"}])

    why = agent_does(server, do)
    assert "operations" in why
    assert "'inpaint'" in why


def test_some_of_several_may_fail(server: str) -> None:
    async def do(agent: Agent) -> dict[str, Any]:
        made = await agent.call("generate", **QUICK, n=1)
        handle = made["samples"][0]["handle"]
        facts = await agent.call("rewind", handles=[handle, "hdl_none"], branches=1)
        assert (await agent.call("delete_handles", handles=[handle, "hdl_none"]))["deleted"] == 1
        return facts

    facts = agent_does(server, do)
    assert len(facts["rewound"]) == 1
    assert [one["handle"] for one in facts["failed"]] == ["hdl_none"]


def test_long_work_tells_how_far_it_is(server: str) -> None:
    told: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total == 1.0
        assert message is not None
        assert message.endswith("made")
        told.append(progress)

    async def do(agent: Agent) -> None:
        given = {**QUICK, "n": 4, "steps": 30}
        await agent.client.call_tool("generate", given, progress_callback=note)

    agent_does(server, do)
    assert told
    assert told == sorted(set(told))
    assert 0 < told[0] <= told[-1] <= 1


def test_what_does_not_come_back_has_no_confidence(server: str) -> None:
    given = {"model": "ring", "values": [[0.3, 0.1], [2.0, 0.0]], "method": "euler", "steps": 6}
    facts = call(server, "score_own", **given)
    missed = [row for row in facts["samples"] if row["inversion_error"] > 0.1]
    assert missed
    assert all("confidence" not in row for row in missed)
    assert any("did not come back" in warning for warning in facts["warnings"])


def test_files_are_read_where_the_tools_run_beside_them(server: str, tmp_path: Any) -> None:
    import PIL.Image

    file = tmp_path / "own.png"
    PIL.Image.new("RGB", (28, 28)).save(file)

    async def do(agent: Agent) -> dict[str, Any]:
        given = {**QUICK, "method": "heun"}
        why = await agent.refused("score_own", files=[str(tmp_path / "none.png")], **given)
        assert "files" in why
        return await agent.call("score_own", files=[str(file)], **given)

    assert len(agent_does(server, do, "stdio")["samples"]) == 1


def test_images_of_any_mode_are_what_they_show(server: str) -> None:
    """Sixteen bits were cut off at white, and what is transparent was opaque."""
    with Client(server) as client:
        made = client.generate("digits", label=3, seed=5, output="npy")[0].array()[0]
    shown = (made.clip(-1, 1) + 1) / 2
    eight = PIL.Image.fromarray(np.rint(255 * shown).astype(np.uint8))
    sixteen = PIL.Image.fromarray(np.rint(65535 * shown).astype(np.uint16))
    glass = eight.convert("RGBA")
    glass.putalpha(100)

    async def do(agent: Agent) -> list[dict[str, Any]]:
        facts = [
            await agent.call("score_own", **QUICK, images=[encode_array(image)])
            for image in (eight, sixteen, eight.convert("RGB"), eight.convert("CMYK"))
        ]
        why = await agent.refused("score_own", **QUICK, images=[encode_array(glass)])
        assert "images.0: has transparent pixels" in why
        return [fact["samples"][0] for fact in facts]

    first, *others = agent_does(server, do)
    for other in others:
        assert other["inversion_error"] == pytest.approx(first["inversion_error"], rel=0.05)


def test_without_a_server_the_tools_say_so() -> None:
    async def do(agent: Agent) -> str:
        return await agent.refused("list_models")

    assert "no answer from" in agent_does("http://127.0.0.1:1", do, "stdio")


def test_without_the_package_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.stdio", None)
    monkeypatch.delitem(sys.modules, "sureflow_client._mcp.stdio", raising=False)
    done = invoke(main, "mcp")
    assert done.returncode == 2
    assert "pip install 'mcp>=" in done.stderr


SOUND = [
    {"name": "generate", "arguments": {"model": "ring", "n": 1, "steps": 2, "seed": 3}},
    {"name": "keep_best", "arguments": {"model": "ring", "good": 1, "of": 2, "steps": 2}},
    {
        "name": "rewind",
        "arguments": {"handles": ["hdl_0"], "at": 0.5, "operations": [{"type": "x"}]},
    },
    {"name": "score_own", "arguments": {"values": [[0.1, 0.2]], "model": "ring", "steps": 2}},
    {"name": "show", "arguments": {"handles": ["hdl_0"], "t": [0.5], "what": ["map"]}},
    {"name": "list_models", "arguments": {"name": "ring"}},
]
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_hostile_bodies_come_to_an_answer(server: str, embedded: Any, era: str) -> None:
    """No body ends in a failure of the server, and none in a traceback."""
    chance = random.Random(11)
    headers = {**HEADERS, "Content-Type": "application/json"}
    with httpx.Client(base_url=server, timeout=120) as client:
        for number in range(120):
            params: dict[str, Any] = dict(SOUND[number % len(SOUND)])
            more = dict(headers)
            if era == "modern":
                params["_meta"] = META
                more |= {**MODERN, "Mcp-Method": "tools/call", "Mcp-Name": str(params["name"])}
            sound = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            body = hostile.text(chance, json.dumps(sound).encode())
            answer = client.post("/mcp", content=body, headers=more)
            assert answer.status_code < 500, (body[:300], answer.text[:300])
            assert len(answer.content) < 100_000
        assert client.get("/health/ready").status_code == 200
    assert "Traceback" not in "".join(embedded.log)


def test_names_are_near() -> None:
    assert near("Sneekers", ["Sneaker", "Bag"]) == "; did you mean 'Sneaker'?"
    assert near("zzz", ["Sneaker", "Bag"]) == "; there are Sneaker, Bag"
    assert near("zzz", []) == ""
    assert near("zzz", map(str, range(99))).endswith(", ...")


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        ("sampler.steps", "steps"),
        ("condition.label", "label"),
        ("sampler.parallel.window", "parallel"),
        ("filter.keep", "keep"),
        ("operations.0.type", "operations.0.type"),
        ("samples.1", "images.1"),
        ("n", "n"),
    ],
)
def test_fields_are_arguments(field: str, argument: str) -> None:
    assert argument_of(field) == argument

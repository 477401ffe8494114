"""The twenty tasks."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from benchmarks.agent_tasks.agent import Agent
from benchmarks.agent_tasks.task import Do, Task

QUICK: dict[str, Any] = {"steps": 5}
"""What makes a task quick where quality is not what it is about."""

TASKS: list[Task] = []


def asked(words: str) -> Callable[[Do], Do]:
    """Add a function to the tasks, as what does what is asked in these words."""

    def add(do: Do) -> Do:
        TASKS.append(Task(words, do))
        return do

    return add


async def finished(agent: Agent, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool, and wait for the job that long work is handed over to; return the facts."""
    facts = await agent.call(tool, **arguments)
    if facts.get("job") is not None:
        facts = await agent.call("job", job=facts["job"], wait_s=120)
    return facts


def confidences(rows: list[dict[str, Any]]) -> list[float]:
    """Return the confidence of every sample."""
    return [row["confidence"] for row in rows]


@asked("16 good sneakers, and say why the rest went")
async def good_sneakers(agent: Agent) -> str:
    """Filter by a bound, with others in place of those that fail."""
    good: dict[str, Any] = {"good": 16, "of": 64, "keep": 0.5, "steps": 10}
    facts = await finished(agent, "keep_best", model="fashion", label="Sneaker", **good)
    kept = facts["samples"]
    went = sum(rest["count"] for rest in facts["rest"])
    assert len(kept) == 16
    assert min(confidences(kept)) >= 0.5
    assert went == facts["made"] - 16
    assert all("0.5" in rest["why"] for rest in facts["rest"])
    return f"16 kept; {went} went: {facts['rest'][0]['why'] if went else 'none'}"


@asked("rewind the doubtful ones")
async def doubtful(agent: Agent) -> str:
    """Find those below a confidence, and redirect them from their commit points."""
    facts = await agent.call("generate", model="fashion", label="Bag", n=6, seed=3, **QUICK)
    unsure = [row["handle"] for row in facts["samples"] if row["confidence"] < 0.5][-2:]
    assert unsure
    facts = await agent.call("rewind", handles=unsure, branches=2)
    assert {one["handle"] for one in facts["rewound"]} == {*unsure}
    assert all(len(one["branches"]) == 2 for one in facts["rewound"])
    surer = sum("best" in one for one in facts["rewound"])
    return f"{len(unsure)} rewound, {surer} are surer now"


@asked("which of these digits is least sure, and why?")
async def least_sure(agent: Agent) -> str:
    """The last of those that are sorted, explained."""
    facts = await agent.call("generate", model="digits", label="8", n=4, seed=1, **QUICK)
    last = facts["samples"][-1]
    assert last["confidence"] == min(confidences(facts["samples"]))
    why = await agent.call("explain", handle=last["handle"])
    assert why["confidence"] == last["confidence"]
    assert 5 <= len(why["profile"]) <= 10
    assert "not for" in why["score_means"]
    return f"{last['confidence']:.2f}; {why['score']}, committed at {why['commit']:.2f}"


@asked("make a seven from this sample's commit point")
async def make_a_seven(agent: Agent) -> str:
    """Another class, from where the sample had decided."""
    facts = await agent.call("generate", model="digits", label="1", n=1, seed=4, **QUICK)
    handle = facts["samples"][0]["handle"]
    facts = await agent.call("rewind", handles=[handle], label="7", branches=3)
    (one,) = facts["rewound"]
    why = await agent.call("explain", handle=one["branches"][0]["handle"])
    assert why["parent"] == handle
    return f"three sevens from t = {one['at']:.2f}"


@asked("score my own image")
async def own_image(agent: Agent) -> str:
    """An image that the model has not made."""
    image = PIL.Image.new("L", (28, 28))
    PIL.ImageDraw.Draw(image).line([(6, 6), (21, 6), (11, 23)], fill=255, width=3)
    file = io.BytesIO()
    image.save(file, "PNG")
    picture = b64encode(file.getvalue()).decode()
    given: dict[str, Any] = {"images": [picture], "model": "digits", "label": "7"}
    facts = await agent.call("score_own", **given, method="heun", **QUICK)
    (row,) = facts["samples"]
    assert row["inversion_error"] >= 0
    return (
        f"confidence {row.get('confidence')}, comes back with an error of {row['inversion_error']}"
    )


@asked("what can you make, and what does confidence mean there?")
async def what_models(agent: Agent) -> str:
    """The cards of all models."""
    facts = await agent.call("list_models")
    cards = {card["name"]: card for card in facts["models"]}
    assert {"fashion", "digits", "ring"} <= {*cards, *facts.get("others", [])}
    assert "Sneaker" in cards["fashion"]["classes"]
    assert "a share at" in cards["digits"]["confidence"]
    return f"{len(cards)} models; digits: {cards['digits']['score_means'][:60]}"


@asked("does your confidence hold for a quick draft?")
async def does_it_hold(agent: Agent) -> str:
    """The answer says so itself, at two settings."""
    rough = await agent.call("generate", model="ring", n=2, seed=1, method="euler", steps=2)
    usual = await agent.call("generate", model="ring", n=2, seed=1)
    assert usual["holds"] is True
    assert rough["holds"] is False
    return "not in two steps of Euler; by default it does"


@asked("the three surest of thirty points of the ring")
async def surest_points(agent: Agent) -> str:
    """The surest of a fixed number."""
    facts = await agent.call("keep_best", model="ring", good=3, of=30, seed=2)
    assert len(facts["samples"]) == 3
    assert sum(rest["count"] for rest in facts["rest"]) == 27
    assert all(len(row["values"]) == 2 for row in facts["samples"])
    return f"{facts['samples'][0]['values']}, and two more"


@asked("show me how this shoe came about")
async def how_it_came(agent: Agent) -> str:
    """Frames of a trajectory."""
    facts = await agent.call("generate", model="fashion", label="Ankle boot", n=1, **QUICK)
    handle = facts["samples"][0]["handle"]
    times = [0, 0.25, 0.5, 0.75, 1]
    facts = await agent.call("show", handles=[handle], t=times, what=["prediction", "map"])
    assert agent.pictures == 2
    return f"{len(facts['seen'])} moments"


@asked("the same picture again, please")
async def the_same_again(agent: Agent) -> str:
    """Equal seeds make equal samples."""
    first = await agent.call("generate", model="digits", label="3", n=1, **QUICK)
    again = await agent.call(
        "generate", model="digits", label="3", n=1, seed=first["seed"], **QUICK
    )
    assert confidences(again["samples"]) == confidences(first["samples"])
    return f"seed {first['seed']}"


@asked("four sneekers")
async def misspelt(agent: Agent) -> str:
    """A class that there is not; the error names the nearest."""
    why = await agent.refused("generate", model="fashion", label="Sneeker", n=4)
    assert "label" in why
    assert "'Sneaker'" in why
    facts = await agent.call("generate", model="fashion", label="Sneaker", n=4, **QUICK)
    return f"{len(facts['samples'])} sneakers"


@asked("use DDIM with num_inference_steps 4")
async def other_words(agent: Agent) -> str:
    """An argument and a solver that there are not; each error says what there is."""
    why = await agent.refused("generate", model="digits", label="2", num_inference_steps=4)
    assert "'steps'" in why
    why = await agent.refused("generate", model="digits", label="2", method="ddim", steps=4)
    assert "method" in why
    assert "heun" in why
    facts = await agent.call("generate", model="digits", label="2", method="heun", steps=4)
    return f"{facts['made']} by heun"


@asked("what should I look at next?")
async def what_next(agent: Agent) -> str:
    """What is kept, the most doubtful first."""
    await agent.call("generate", model="digits", label="5", n=3, **QUICK, picture=False)
    facts = await agent.call("review", model="digits", limit=6)
    found = confidences(facts["samples"])
    assert found == sorted(found)
    assert agent.pictures == 1
    return f"{len(found)} of {facts['kept']}, the first at {found[0]}"


@asked("throw these away again")
async def throw_away(agent: Agent) -> str:
    """What was deleted is gone."""
    facts = await agent.call("generate", model="ring", n=4, picture=False)
    handles = [row["handle"] for row in facts["samples"]]
    facts = await agent.call("delete_handles", handles=handles)
    assert facts["deleted"] == 4
    assert "handle" in await agent.refused("explain", handle=handles[0])
    return "four are gone"


@asked("begin with twenty dresses, I come back later")
async def later(agent: Agent) -> str:
    """A job that is not waited for at first."""
    given: dict[str, Any] = {"model": "fashion", "label": "Dress", "n": 20}
    facts = await agent.call("generate", **given, **QUICK, wait_s=0)
    facts = await agent.call("job", job=facts["job"], wait_s=120)
    assert len(facts["samples"]) == 20
    return f"{facts['made']} dresses"


@asked("stop that")
async def stop(agent: Agent) -> str:
    """A job that is cancelled."""
    given: dict[str, Any] = {"model": "fashion", "label": "Dress", "n": 64, "steps": 100}
    job = (await agent.call("generate", **given, wait_s=0))["job"]
    facts = await agent.call("job", job=job, cancel=True)
    assert facts["state"] == "cancelled"
    why = await agent.refused("job", job=job)
    return why[:60]


@asked("change only the part that is unsure")
async def unsure_part(agent: Agent) -> str:
    """The least sure third of the pixels is drawn anew."""
    facts = await agent.call("generate", model="fashion", label="Coat", n=1, seed=5, **QUICK)
    handle = facts["samples"][0]["handle"]
    facts = await agent.call("rewind", handles=[handle], only_unsure=0.3, branches=3)
    assert len(facts["rewound"][0]["branches"]) == 3
    return f"from {confidences([facts['rewound'][0]['original']])} to {_branches(facts)}"


@asked("three digits of which hardly any is wrong")
async def hardly_wrong(agent: Agent) -> str:
    """A bound that a judge has certified."""
    (card,) = (await agent.call("list_models", name="digits"))["models"]
    rate = float(card["certified"].split()[0])
    facts = await agent.call(
        "keep_best", model="digits", label="4", good=3, of=60, max_bad_rate=round(rate + 0.005, 3)
    )
    assert len(facts["samples"]) == 3
    return f"at most {rate + 0.005:.3f} are wrong; {facts['made']} were made"


@asked("are my measurements typical of the ring?")
async def typical(agent: Agent) -> str:
    """Two points of one's own: on the ring, and far from it."""
    (card,) = (await agent.call("list_models", name="ring"))["models"]
    assert card["makes"] == "vector 2"
    made = await agent.call("generate", model="ring", n=1, seed=3)
    near = made["samples"][0]["values"]
    far = (np.array(near) * 0.3).round(3).tolist()
    facts = await agent.call("score_own", values=[far, near], model="ring")
    assert facts["samples"][0]["values"] != far
    assert abs(facts["samples"][0]["values"][0] - near[0]) < 0.1
    return f"{near} is surer than {far}"


@asked("a little before it decided, with more guidance")
async def before_commit(agent: Agent) -> str:
    """Earlier than the commit point more is open."""
    facts = await agent.call("generate", model="digits", label="9", n=1, seed=6, **QUICK)
    handle = facts["samples"][0]["handle"]
    why = await agent.call("explain", handle=handle)
    facts = await agent.call("rewind", handles=[handle], shift=-0.15, guidance=2, branches=2)
    assert facts["rewound"][0]["at"] <= why["commit"]
    return f"from t = {facts['rewound'][0]['at']:.2f}: {_branches(facts)}"


def _branches(facts: dict[str, Any]) -> list[float]:
    return confidences(facts["rewound"][0]["branches"])

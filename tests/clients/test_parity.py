"""The two clients return the same, whatever is asked: every public method, of a real server."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from anyio.from_thread import start_blocking_portal
from pydantic import BaseModel

from sureflow_client import AsyncClient, Client, Jobs, ProblemError, Resample, Sample, collect
from tests.clients.conftest import Blocking, Keyed

VOLATILE = {"id", "usage", "handle", "parent", "request", "created_at", "ended_at", "expires_at"}
"""What differs from request to request."""

SMALL: dict[str, Any] = {"seed": 7, "steps": 4}
Ask = Callable[[Any], Any]


def point(client: Any) -> Sample:
    """A sample with a trajectory."""
    sample: Sample = client.generate("ring", rewind="all", **SMALL)[0]
    return sample


def begun(client: Any) -> Any:
    return client.jobs.generate("ring", 3, **SMALL)


def deleted(client: Any) -> Any:
    sample = point(client)
    assert sample.handle is not None
    done = client.delete_handle(sample)
    return done, sample.handle.id in {handle.id for handle in client.handles()}


def cancelled(client: Any) -> Any:
    job = client.jobs.generate("ring", 64, seed=7, steps=1000)
    return client.jobs.cancel(job), client.jobs.get(job).state, client.jobs.get(job).error["title"]


def calibration_begun(client: Any) -> Any:
    """Taken back at once, as it would change what the other one is told."""
    job = client.jobs.calibrate("ring", method="rk4", steps=500, draws=3000)
    client.jobs.cancel(job)
    return job.operation, job.progress.n


def judged(client: Any) -> Any:
    """A verdict on a sample, and taken back."""
    sample = point(client)
    given = client.judge([(sample, "bad"), (sample.handle, 0.5)])
    return given, client.judge([(sample.handle.id, None)])


def refused_by(ask: Callable[[], object]) -> str:
    """Why nothing is done."""
    with pytest.raises(ProblemError) as caught:
        ask()
    return caught.value.detail


def names_of_metrics(client: Any) -> list[str]:
    return [line for line in client.metrics().splitlines() if line.startswith("# TYPE")]


ASKED: dict[str, Ask] = {
    "generate": lambda client: [
        client.generate("ring", 3, profile=True, rewind=True, **SMALL),
        client.generate("fashion", label=3, map=True, **SMALL),
    ],
    "stream": lambda client: collect(client.stream("ring", 3, **SMALL)),
    "edit": lambda client: client.edit(point(client), Resample(), branches=2, seed=1),
    "invert": lambda client: client.invert(np.array([[2.0, 0.0]]), "ring"),
    "replay": lambda client: [
        (made := client.replay({"id": point(client).handle.id})).outcome,  # type: ignore[union-attr]
        made.sample,
    ],
    "handle": lambda client: client.handle(point(client)),
    "handles": lambda client: [point(client), client.handles(1)],
    "delete_handle": deleted,
    "frames": lambda client: client.frames(point(client), [0, 0.5, 1], show=["state", "map"]),
    "models": lambda client: client.models(),
    "model": lambda client: client.model("ring"),
    "review": lambda client: client.review("ring", 3, focus=0, output="npy"),
    "judge": judged,
    "verdicts": lambda client: [judged(client), client.verdicts("ring-exact")],
    "certify": lambda client: refused_by(lambda: client.certify("ring-exact")),
    "metrics": names_of_metrics,
    "health": lambda client: client.health(),
    "ready": lambda client: client.ready(),
    "wait_until_ready": lambda client: client.wait_until_ready(5),
    "with_options": lambda client: client.with_options(timeout=60).generate("ring", **SMALL),
    "jobs.generate": lambda client: client.jobs.wait(begun(client)),
    "jobs.edit": lambda client: client.jobs.wait(
        client.jobs.edit(point(client), Resample(), branches=2, seed=1)
    ),
    "jobs.invert": lambda client: client.jobs.wait(
        client.jobs.invert(np.array([[2.0, 0.0]]), "ring")
    ),
    "jobs.wait": lambda client: client.jobs.wait(begun(client).id, timeout=60),
    "jobs.get": lambda client: [client.jobs.wait(job := begun(client)), client.jobs.get(job)],
    "jobs.list": lambda client: [client.jobs.wait(begun(client)), client.jobs.list(1)],
    "jobs.events": lambda client: collect(client.jobs.events(begun(client))),
    "jobs.cancel": cancelled,
    "jobs.calibrate": calibration_begun,
    "jobs.refit": lambda client: refused_by(lambda: client.jobs.refit("ring-exact", draws=100)),
}
"""By the name of the method that it is about."""

OF_AN_OPERATOR = {"unload_model": "unloaded", "load_model": "ready"}
"""What a model is after each; in this order, which leaves things as they were."""


@pytest.fixture
def twin() -> Iterator[Callable[..., Any]]:
    """Return a maker of asynchronous clients that are called like blocking ones."""
    with start_blocking_portal() as portal:
        made: list[Blocking] = []

        def make(*args: Any, **options: Any) -> Blocking:
            made.append(Blocking(portal, AsyncClient(*args, **options)))
            return made[-1]

        yield make
        for each in made:
            each.aclose()


def plain(answer: Any) -> Any:
    """Everything of an answer that a repetition must have too."""
    if isinstance(answer, tuple | list):
        return [plain(one) for one in answer]
    if not isinstance(answer, BaseModel):
        return answer
    names = set(type(answer).model_fields) - VOLATILE
    return {name: plain(getattr(answer, name)) for name in names}


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_every_method_is_asked() -> None:
    methods = public(Client) - {"close"} | {f"jobs.{name}" for name in public(Jobs)}
    assert {*ASKED, *OF_AN_OPERATOR} == methods


@pytest.mark.parametrize("name", ASKED)
def test_answers_are_the_same(name: str, server: str, twin: Callable[..., Any]) -> None:
    with Client(server) as client:
        mine = plain(ASKED[name](client))
    assert mine == plain(ASKED[name](twin(server)))


def test_answers_to_an_operator_are_the_same(keyed: Keyed, twin: Callable[..., Any]) -> None:
    other = twin(keyed.url, api_key=keyed.admin)
    with Client(keyed.url, api_key=keyed.admin) as client:
        mine, theirs = (
            [getattr(asked, name)("ring-exact") for name in OF_AN_OPERATOR]
            for asked in (client, other)
        )
    assert [model.state for model in mine] == [*OF_AN_OPERATOR.values()]
    assert plain(mine) == plain(theirs)


def test_streams_and_jobs_come_to_what_is_waited_for(server: str) -> None:
    with Client(server) as client:
        whole = client.generate("ring", 3, **SMALL)
        streamed = collect(client.stream("ring", 3, **SMALL))
        job = begun(client)
        followed = collect(client.jobs.events(job))
        waited = client.jobs.wait(job)
    assert plain(whole) == plain(streamed) == plain(followed) == plain(waited)
    others = (streamed, followed, waited)
    assert [each.usage.evaluations for each in others] == [whole.usage.evaluations] * 3

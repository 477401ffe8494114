"""Random handles, times and chains of operations on a running server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.running import Server, serving
from tests.server.store.places import FolderPlace

BUDGET = 80_000

times = st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 0.5, 0.999999])
masks = st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=4, max_size=4)
images = st.lists(
    st.lists(st.floats(-2, 2, width=32), min_size=4, max_size=4), min_size=4, max_size=4
)
regions = st.one_of(
    st.just("all"),
    st.builds(lambda share: {"uncertain": share}, st.floats(0, 1)),
    st.builds(lambda mask: {"mask": mask}, masks),
)
operations = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("resample"), "strength": st.floats(0, 1), "region": regions}
    ),
    st.fixed_dictionaries(
        {"type": st.just("condition")},
        optional={"label": st.integers(-1, 2), "scale": st.floats(0, 3)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("inpaint"), "mask": masks, "inner": st.integers(1, 3)},
        optional={"known": images},
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("guide"),
            "operator": st.sampled_from(["mask", "blur", "downsample", "brightness", "none"]),
        },
        optional={"target": images, "mask": masks, "strength": st.floats(0, 5)},
    ),
)
places = st.one_of(
    st.just("commit"),
    st.builds(lambda t: {"t": t}, times),
    st.builds(lambda step: {"step": step}, st.integers(0, 12)),
    st.builds(
        lambda rank, shift: {"commit": rank, "shift": shift},
        st.integers(1, 3),
        st.floats(-0.9, 0.9),
    ),
)
samplers = st.sampled_from(
    [
        {"steps": 4},
        {"method": "ab2", "steps": 6},
        {"method": "heun", "steps": 4, "grid": "fitted"},
        {"method": "bosh3", "tolerance": 0.05},
        {"method": "heun", "tolerance": 1e-3, "max_steps": 4},
    ]
)
keeps = st.sampled_from(["commit", "all", [], [0.3, 0.8]])
moves = st.one_of(
    st.tuples(st.just("generate"), samplers, keeps, st.none() | st.integers(0, 1)),
    st.tuples(st.just("invert"), images, keeps),
    st.tuples(
        st.just("edit"),
        st.integers(0, 99),
        st.fixed_dictionaries(
            {"at": places, "operations": st.lists(operations, max_size=3)},
            optional={
                "branches": st.integers(1, 3),
                "keep": st.sampled_from(["all", "best"]),
                "sampler": samplers,
                "rewind": st.builds(lambda keep: {"keep": keep}, keeps),
            },
        ),
    ),
    st.tuples(st.just("look"), st.integers(0, 99), st.lists(times, max_size=3)),
    st.tuples(st.just("delete"), st.integers(0, 99)),
)


class Client:
    """Does what it is told, and remembers the handles that it should have."""

    def __init__(self, server: Server) -> None:
        self.client = server.client
        self.handles: list[str] = []

    def do(self, kind: str, *given: Any) -> None:
        answer = getattr(self, f"_{kind}")(*given)
        if answer is None:
            return
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.status_code in (404, 422), answer.text
            assert answer.json()["errors"], answer.text
        elif answer.content and "samples" in answer.json():
            made = [sample["handle"] for sample in answer.json()["samples"]]
            self.handles += [handle["id"] for handle in made if handle]

    def forget(self) -> None:
        """Make room for the next."""
        for id in self.handles:
            assert self.client.delete(f"/v1/handles/{id}").status_code == 204

    def _post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json={"output": {"format": "list"}, **body})

    def _generate(self, sampler: Any, keep: Any, label: int | None) -> Any:
        condition = {} if label is None else {"condition": {"label": label}}
        rewind = {"keep": keep}
        return self._post(
            "/v1/generate", model="icons", n=2, sampler=sampler, rewind=rewind, **condition
        )

    def _invert(self, image: Any, keep: Any) -> Any:
        rewind = {"keep": keep}
        return self._post(
            "/v1/invert", model="icons", samples=[image], sampler={"steps": 4}, rewind=rewind
        )

    def _edit(self, which: int, body: dict[str, Any]) -> Any:
        return (self.handles and self._post("/v1/edit", handle=self._id(which), **body)) or None

    def _look(self, which: int, at: list[float]) -> Any:
        if not self.handles:
            return None
        query = {"format": "list", "show": ["state", "map"], **({"t": at} if at else {})}
        return self.client.get(f"/v1/handles/{self._id(which)}/frames", params=query)

    def _delete(self, which: int) -> Any:
        if not self.handles:
            return None
        id = self._id(which)
        self.handles.remove(id)
        return self.client.delete(f"/v1/handles/{id}")

    def _id(self, which: int) -> str:
        return self.handles[which % len(self.handles)]


@contextmanager
def watched(place: FolderPlace) -> Iterator[list[int]]:
    """Look at the bytes that are really there, again and again."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], place.nbytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


@pytest.fixture(scope="module")
def roomy(
    models_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, FolderPlace]]:
    """A server with room for some frames."""
    data = tmp_path_factory.mktemp("data")
    options = ("--data-dir", str(data), "--store-max-bytes", str(BUDGET))
    with serving("--models-dir", str(models_dir), "--default-model", "points", *options) as server:
        yield server, FolderPlace(data / "handles")


def chain(roomy: tuple[Server, FolderPlace], steps: list[Any]) -> None:
    server, place = roomy
    client = Client(server)
    with watched(place) as most:
        client.do("generate", {"steps": 4}, "all", None)
        for step in steps:
            client.do(*step)
        for id in client.handles:
            response = server.client.get(f"/v1/handles/{id}")
            assert response.status_code == 200, "no handle is lost"
    assert most[0] <= BUDGET
    client.forget()


HEALTH = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)


@settings(max_examples=25, suppress_health_check=HEALTH)
@given(steps=st.lists(moves, max_size=8))
def test_nothing_fails_and_nothing_is_lost(
    roomy: tuple[Server, FolderPlace], steps: list[Any]
) -> None:
    chain(roomy, steps)


@pytest.mark.slow
@settings(max_examples=600, suppress_health_check=HEALTH)
@given(steps=st.lists(moves, min_size=3, max_size=15))
def test_nothing_ever_fails(roomy: tuple[Server, FolderPlace], steps: list[Any]) -> None:
    chain(roomy, steps)

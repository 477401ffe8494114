"""Folders that cannot be loaded, all beside one that can, in a server that really runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sureflow.folders import embedded_folder
from tests.server.deadly import install
from tests.server.running import Server, eventually, loaders, serving

LOAD_S = 5
"""Seconds that a folder has, which are waited for whole where it hangs."""

FIFO, ZERO, FOLDER = "fifo", "zero", "folder"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
LEARNED = (
    "calibration.safetensors",
    "foresight.safetensors",
    "grid.safetensors",
    "laplace.safetensors",
    "probe.safetensors",
)


def put(kind: str) -> Callable[[Path], None]:
    """Put what is no file in the place of a file."""

    def place(path: Path) -> None:
        path.unlink(missing_ok=True)
        if kind == FIFO:
            os.mkfifo(path)
        elif kind == ZERO:
            path.symlink_to("/dev/zero")
        elif kind == FOLDER:
            path.mkdir()
        elif kind == "circle":
            path.symlink_to(path)
        elif kind == "sparse":
            with path.open("wb") as file:
                file.truncate(1 << 40)
        elif kind == "half":
            path.write_bytes((embedded_folder() / "ring" / path.name).read_bytes()[:-100])

    return place


def weights(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        tensors = {name: change(z).contiguous() for name, z in load_file(path).items()}
        save_file(tensors, path)

    return rewrite


def overflowing(z: torch.Tensor) -> torch.Tensor:
    return torch.where(torch.rand(z.shape) > 0.5, 3e38, -3e38).to(z.dtype)


RINGS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "nan": (WEIGHTS, weights(lambda z: z * torch.nan), "holds NaN or infinity"),
    "overflowing": (WEIGHTS, weights(overflowing), "not finite"),
    **{
        f"{kind}-{file.partition('.')[0]}": (file, put(kind), file)
        for file in (CONFIG, WEIGHTS, *LEARNED)
        for kind in (FIFO, ZERO, FOLDER, "sparse")
    },
    "circle-config": (CONFIG, put("circle"), CONFIG),
    "circle-model": (WEIGHTS, put("circle"), WEIGHTS),
    "half-model": (WEIGHTS, put("half"), "cut short"),
    "half-calibration": (LEARNED[0], put("half"), "cut short"),
}
"""Copies of ``ring`` by name: which file is replaced, by what, and what is said of it."""

DEEDS = {
    "crowd": "depends on the rows beside it",
    "random": "another answer each time",
    "recurses": "recursion",
    "allocates": "MemoryError",
    "asks-to-exit": "bye",
    "exits": "ended with code 3 while loading it",
    "exits-later": "ended with code 4 while loading it",
    "crashes": "ended with code -11 while loading it",
    "hangs-up": "ended with code -9 while loading it",
    "runs-out-of-memory": "ended with code -9 while loading it",
    "sleeps": f"was silent for {LOAD_S} s while loading it",
}
"""Networks that harm the process that makes them, and what is said of them."""

FEW = (
    *("nan", "overflowing", "fifo-config", "zero-model", "folder-calibration", "sparse-grid"),
    *("fifo-probe", "circle-config", "half-model", "half-calibration"),
    *("random", "recurses", "exits-later", "hangs-up", "sleeps"),
)
"""One of each sort; every death costs two more loads of all that is there."""


def make_folders(root: Path, names: Collection[str]) -> None:
    shutil.copytree(embedded_folder() / "ring", root / "ring")
    for name in RINGS.keys() & names:
        file, replace, _ = RINGS[name]
        folder = shutil.copytree(embedded_folder() / "ring", root / f"b-{name}")
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps({**config, "name": folder.name}))
        replace(folder / file)
    for deed in DEEDS.keys() & names:
        folder = root / f"a-{deed}"
        folder.mkdir()
        network = {"kind": "deadly", "deed": deed}
        config = {"name": folder.name, "media": "vector", "network": network}
        (folder / CONFIG).write_text(json.dumps(config))
        save_file({}, folder / WEIGHTS)


@pytest.fixture(
    scope="module",
    params=[FEW, pytest.param((*RINGS, *DEEDS), marks=pytest.mark.slow)],
    ids=["few", "all"],
)
def names(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Which of them there are."""
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture(scope="module")
def beset(tmp_path_factory: pytest.TempPathFactory, names: tuple[str, ...]) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("beset")
    make_folders(root / "models", names)
    options = ("--models-dir", str(root / "models"), "--default-model", "ring")
    with serving(
        *options, "--load-timeout-s", str(LOAD_S), plugins=install(root / "plugins")
    ) as server:
        loading = {name for name, state in states(server).items() if state == "loading"}
        killers = [deed for deed in names if DEEDS.get(deed, "").endswith("while loading it")]
        assert loading == {f"a-{deed}" for deed in killers}, "they are tried once more"
        assert server.generate(n=1)["samples"], "others serve meanwhile"
        eventually(lambda: "loading" not in states(server).values())
        yield server


def states(server: Server) -> dict[str, str]:
    models = server.client.get("/v1/models").json()["models"]
    return {model["name"]: model["state"] for model in models}


def failures(server: Server) -> dict[str, str]:
    models = server.client.get("/v1/models").json()["models"]
    return {model["name"]: model["error"] for model in models if model["state"] == "failed"}


def test_every_one_of_them_fails_alone_with_a_sentence(
    beset: Server, names: tuple[str, ...]
) -> None:
    said = failures(beset)
    expected = {f"b-{name}": RINGS[name][2] for name in names if name in RINGS}
    expected |= {f"a-{deed}": DEEDS[deed] for deed in names if deed in DEEDS}
    assert len(expected) == len(names)
    wrong = {name: said.get(name) for name in expected if expected[name] not in said.get(name, "")}
    assert not wrong
    assert {*said} == {*expected}
    assert beset.generate(n=1)["samples"]


def test_after_a_worker_dies_none_of_them_is_tried_again(beset: Server) -> None:
    said, body = failures(beset), {"n": 2, "seed": 3}
    expected, loading = beset.generate(**body)["samples"], loaders(beset.process.pid)
    for _ in range(3):
        deaths = beset.metric("sureflow_worker_restarts_total")
        os.kill(beset.worker_pid, signal.SIGKILL)
        eventually(lambda n=deaths: beset.metric("sureflow_worker_restarts_total") == n + 1)
        assert beset.generate(**body)["samples"] == expected
    assert loaders(beset.process.pid) == loading, "nothing was loaded"
    assert failures(beset) == said


def test_after_what_stands_by_dies_too_those_that_killed_it_are_not_tried_again(
    beset: Server,
) -> None:
    said, body = failures(beset), {"n": 2, "seed": 3}
    expected = beset.generate(**body)["samples"]
    before, logged = loaders(beset.process.pid), len(beset.log)
    for pid in (*before, beset.worker_pid):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: {*loaders(beset.process.pid)}.isdisjoint(before))
    eventually(lambda: beset.client.get("/health/ready").status_code == 200)
    assert beset.generate(**body)["samples"] == expected
    assert failures(beset) == said
    assert not any("leaves it out" in line for line in beset.log[logged:])

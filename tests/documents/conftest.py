"""The server that documents speak of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from documents.outside import ROOT
from tests.server.running import Server, in_turn, serving


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the models that ship, to which documents may do what they like."""
    models = tmp_path_factory.mktemp("documented") / "models"
    shutil.copytree(ROOT / "models" / "checkpoints", models)
    options = ("--models-dir", str(models), "--max-queued-samples", "2048")
    with ExitStack() as stack:
        with in_turn():
            server = stack.enter_context(serving(*options))
        yield server

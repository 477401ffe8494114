"""Whether a server gives the bytes that offline sampling gives."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.foreign.imported import HOME
from benchmarks.foreign.peer import Peer
from sureflow.model import Model
from sureflow.sampling.sample import sample

READY = re.compile(r"serving .* at (http://\S+)")
COUNT, SEED, LABEL = 3, 5, 7


@contextmanager
def serving(peer: Peer, folder: Path) -> Iterator[str]:
    """The address of a server of an imported model."""
    with tempfile.TemporaryDirectory(prefix="sureflow-") as kept:
        command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", "0"]
        command += ["--models-dir", str(folder / HOME), "--default-model", peer.name]
        command += ["--data-dir", kept, *peer.plugins]
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert process.stdout is not None
            yield next(found[1] for line in process.stdout if (found := READY.search(line)))
        finally:
            process.terminate()
            process.communicate()


def same_bytes(peer: Peer, folder: Path, model: Model) -> bool:
    """Whether a request to a server has the samples of :func:`sureflow.sample`, bit for bit."""
    from sureflow_client import Client

    label = LABEL if peer.classes else None
    with serving(peer, folder) as url, Client(url, timeout=300) as client:
        answer = client.generate(
            peer.name, COUNT, seed=SEED, method="euler", steps=20, output="npy", label=label
        )
    ours = sample(model, COUNT, SEED, method="euler", steps=20, label=label)
    theirs = [each.array() for each in answer.samples]
    return all(np.array_equal(one, two.data) for one, two in zip(theirs, ours, strict=True))

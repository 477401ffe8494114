"""A generate request whose samples are kept as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count, groupby
from typing import Any

import typer

from .._events import Event, Queued, SampleEvent, Step, collect
from .._exceptions import InvalidArgument, SureflowError
from .._progress import ProgressBar
from .._result import Result, Usage
from .._sample import Sample
from .._sync.client import Client
from .folder import Folder
from .joined import joined

TOGETHER = ("top", "accept", "any_good")
AGAIN = ("regenerate", "rewind")
"""Filters that decide about a sample by others, so that a part of them cannot be made alone."""


def run(server: Client, request: dict[str, Any], folder: Folder, progress: bool) -> Result:
    """Make what a request asks for, each sample being written as soon as it is there.

    Raises:
        SureflowError: It broke off; what was finished is in the folder, and standard error says how
            to go on.
    """
    folder.asked(request)
    with _kept(folder, request):
        return _streamed(server, request, request, folder, progress)


def resume(server: Client, folder: Folder, said: Mapping[str, Any], progress: bool) -> Result:
    """Make what an interrupted run lacks, and return all of it.

    Args:
        server: Where to ask.
        folder: Of the run.
        said: What the command says of the request, which must not differ from that of the run.
        progress: Whether to show a progress bar.

    Raises:
        InvalidArgument: There is no such run, or it cannot be gone on with.
        SureflowError: It broke off again.
    """
    request, made = folder.resume()
    for name, value in said.items():
        if value is not None and request.get(name) != value:
            raise InvalidArgument(f"--resume: the run in {folder.path} has another {name}")
    if not _apart(request):
        raise InvalidArgument("--resume: its filter looks at all samples: use --force")
    first, n = request.get("first", 0), request.get("n", 1)
    lacking = [index for index in range(first, first + n) if index not in folder.lines]
    with _kept(folder, request):
        results = [
            _streamed(server, {**request, "first": begin, "n": length}, request, folder, progress)
            for begin, length in _ranges(lacking)
        ]
    if not results:
        return _finished(request, folder, made)
    fresh = [sample for result in results for sample in result]
    return joined(results, sorted([*made, *fresh], key=lambda sample: sample.index))


def _streamed(
    server: Client,
    request: dict[str, Any],
    whole: Mapping[str, Any],
    folder: Folder,
    progress: bool,
) -> Result:
    heard: list[Event] = []
    with (
        closing(ProgressBar(progress)) as bar,
        closing(server._listen("POST", "/v1/generate", body=request)) as messages,
    ):
        for _, event in messages:
            bar.update(event)
            if isinstance(event, Queued):
                asked = event
            if isinstance(event, SampleEvent):
                folder.add(asked, event.sample, whole)
            if not isinstance(event, Step):
                heard.append(event)
    return collect(heard)


@contextmanager
def _kept(folder: Folder, request: Mapping[str, Any]) -> Iterator[None]:
    """Say what is kept of a run that breaks off, and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, SureflowError):
        if folder.lines:
            folder.finish()
            more = "the same command with --resume makes the others"
            again = f"--seed {request['seed']} makes the same ones again"
            typer.secho(
                f"kept {len(folder.lines)} finished samples in {folder.path}; "
                f"{more if _apart(request) else again}",
                err=True,
                fg="yellow",
            )
        raise


def _apart(request: Mapping[str, Any]) -> bool:
    """Whether each sample of a request is made and judged by itself."""
    chosen = request.get("filter") or {}
    return not any(name in chosen for name in TOGETHER) and chosen.get("action") not in AGAIN


def _ranges(indices: Iterable[int]) -> list[tuple[int, int]]:
    """Return begin and length of each range of ascending indices."""
    pairs = zip(indices, count(), strict=False)
    grouped = [[index for index, _ in group] for _, group in groupby(pairs, _offset)]
    return [(group[0], len(group)) for group in grouped]


def _offset(pair: tuple[int, int]) -> int:
    return pair[0] - pair[1]


def _finished(request: Mapping[str, Any], folder: Folder, made: list[Sample]) -> Result:
    """Return a run of which nothing is lacking."""
    line = next(iter(folder.lines.values()))
    cost = sum(sample.evaluations for sample in made)
    return Result(
        id=line["request"],
        model=line["model"],
        model_version=line["model_version"],
        seed=request["seed"],
        usage=Usage(evaluations=cost, evaluations_saved=0, queue_s=0.0, compute_s=0.0),
        samples=tuple(made),
    )

# Generated from _async/jobs.py by `make twins`: edit that file, not this.
"""Requests in the background."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import Any

from typing_extensions import Unpack

from .._base import pause_between_looks
from .._encode import Given
from .._events import Event
from .._exceptions import APIConnectionError, APITimeoutError
from .._handle import HandleLike, handle_id
from .._job import Job, JobLike, JobList, JobSummary, job_id
from .._operations import OperationLike
from .._options import EditOptions, GenerateOptions, InvertOptions
from .._progress import ProgressBar
from .._request import edit_body, generate_body, invert_body, placed
from .._result import Result
from .._signature import spelled_out
from .connection import Connection


class Jobs:
    """Requests that go on without their client: ``client.jobs``.

    They survive a lost connection and the end of the program that made them. Results are kept on
    the server for a while, see ``Job.expires_at``.
    """

    def __init__(self, client: Connection) -> None:
        self._client = client

    @spelled_out(GenerateOptions)
    def generate(
        self, model: str | None = None, n: int | None = None, **options: Unpack[GenerateOptions]
    ) -> Job:
        """Begin to generate samples in the background; the arguments are `Client.generate`'s."""
        return self._begin("generate", generate_body(model, n, **options))

    @spelled_out(EditOptions)
    def edit(
        self,
        handle: HandleLike,
        operations: OperationLike | Sequence[OperationLike] = (),
        **options: Unpack[EditOptions],
    ) -> Job:
        """Begin an edit in the background; the arguments are those of `Client.edit`."""
        return self._begin("edit", edit_body(handle_id(handle), operations, **options))

    @spelled_out(InvertOptions)
    def invert(
        self, samples: Iterable[Given], model: str | None = None, **options: Unpack[InvertOptions]
    ) -> Job:
        """Begin to score samples in the background; the arguments are those of `Client.invert`."""
        return self._begin("invert", invert_body(samples, model, **options))

    def calibrate(
        self,
        model: str,
        *,
        method: str | None = None,
        steps: int | None = None,
        tolerance: float | None = None,
        grid: str | None = None,
        guidance: float | None = None,
        draws: int | None = None,
        seed: int | None = None,
    ) -> Job:
        """Begin to calibrate a setting, so that confidence is a share of samples there as well.

        The server does it while it has nothing else to do. `Job.result` is a `Calibration` then.
        Needs the scope ``admin`` where there are keys.

        Args:
            model: Name of the model.
            method: Solver, as for `Client.generate`; likewise `steps`, `tolerance` and `grid`.
            steps: Number of steps.
            tolerance: Error allowed per step.
            grid: Where the steps are placed.
            guidance: Scale of guidance.
            draws: Samples to draw there, all classes together; by default 600 of each.
            seed: Of these draws.
        """
        body = placed(
            method=method,
            steps=steps,
            tolerance=tolerance,
            grid=grid,
            guidance=guidance,
            draws=draws,
            seed=seed,
        )
        return self._client._ask(Job, "POST", "/v1/models", model, "calibrate", body=body)

    def refit(
        self,
        model: str,
        *,
        name: str | None = None,
        draws: int | None = None,
        bad_above: float | None = None,
    ) -> Job:
        """Begin to fit a probe to the verdicts on a model, for a new version of it.

        The server does it while it has nothing else to do. `Job.result` is a `Refit` then. Nothing
        changes about the model; `Client.load_model` takes the version into service. Needs the scope
        ``admin`` where there are keys.

        Args:
            model: Name of the model.
            name: Of the version; by default the model's, with the first number that is free.
            draws: Of each class, of which its confidence is a share; by default 200, and 2000 of a
                model without classes.
            bad_above: Verdicts above this number are bad, 0.5 by default; the probe is fitted to
                them as they are.

        Raises:
            Conflict: The verdicts are too few, or nearly all alike.
        """
        given = {"name": name, "draws": draws, "bad_above": bad_above}
        body = {field: value for field, value in given.items() if value is not None}
        where = ("/v1/models", model, "review", "refit")
        return self._client._ask(Job, "POST", *where, body=body)

    def list(self, limit: int = 100) -> tuple[JobSummary, ...]:
        """Return your own jobs, newest first: those that run, and those not forgotten yet.

        Args:
            limit: At most so many, from 1 to 1000.
        """
        query = {"limit": limit}
        return (self._client._ask(JobList, "GET", "/v1/jobs", query=query)).jobs

    def get(self, job: JobLike) -> Job:
        """Return how a job stands, with its result once it is completed.

        Args:
            job: Its id, or what is known of it.

        Raises:
            UnknownJob: There is none, it is forgotten, or not one's own.
        """
        return self._client._ask(Job, "GET", "/v1/jobs", job_id(job))

    def wait(self, job: JobLike, *, timeout: float | None = None, progress: bool = False) -> Result:
        """Wait until a job has ended and return its result; of an edit, an `EditResult`.

        Args:
            job: Its id, or what is known of it.
            timeout: Longest wait in seconds; by default as long as it takes.
            progress: Show a progress bar meanwhile, in a terminal or a notebook.

        Raises:
            APITimeoutError: It has not ended by then; it goes on.
            JobCancelled: It was cancelled.
            ProblemError: It failed; the subclass says why.
            UnknownJob: There is none, it is forgotten, or not one's own.
        """
        began = time.monotonic()
        with closing(ProgressBar(progress)) as bar:
            while not (known := self.get(job)).ended:
                bar.show(known)
                waited = time.monotonic() - began
                if timeout is not None and waited >= timeout:
                    raise APITimeoutError(
                        f"{known.id} has not ended within {timeout:g} s; it goes on"
                    )
                time.sleep(pause_between_looks(waited, timeout))
            bar.show(known)
        return known.outcome()

    def events(self, job: JobLike) -> Generator[Event, None, None]:
        """Follow a job from its beginning on, to its last event, `Completed`.

        A connection that breaks on the way is made again, and events go on where they stopped.
        Leaving early does not cancel the job.

        Args:
            job: Its id, or what is known of it.

        Raises:
            JobCancelled: It was cancelled.
            ProblemError: It failed, or there is no such job; the subclass says which.
            APIConnectionError: The connection broke, and cannot be made again.
        """
        where = ("GET", "/v1/jobs", job_id(job), "events")
        headers: dict[str, str] = {}
        while True:
            heard = False
            try:
                with closing(self._client._listen(*where, headers=headers)) as messages:
                    for number, event in messages:
                        heard = True
                        if number:
                            headers["Last-Event-ID"] = number
                        yield event
                return
            except APIConnectionError as error:
                wait = self._client.retry.after_break(error, heard)
                if wait is None:
                    raise
            time.sleep(wait)

    def cancel(self, job: JobLike) -> None:
        """Cancel a job that is under way; one that has ended is forgotten, with its result.

        Args:
            job: Its id, or what is known of it.

        Raises:
            UnknownJob: There is none, it is forgotten, or not one's own.
        """
        self._client._send("DELETE", "/v1/jobs", job_id(job))

    def _begin(self, operation: str, body: dict[str, Any]) -> Job:
        """Send a request that goes on without its client."""
        headers = {"Prefer": "respond-async"}
        return self._client._ask(Job, "POST", f"/v1/{operation}", body=body, headers=headers)

    def __repr__(self) -> str:
        return f"{self._client!r}.jobs"

"""What a server can be asked, one method for each request."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

import anyio
from typing_extensions import Unpack

from .._base import MAX_PAGE, POLL_SECONDS
from .._edit_result import EditResult
from .._encode import Given
from .._events import Event, Step, collect
from .._exceptions import APITimeoutError, InvalidArgument
from .._handle import Handle, HandleLike, HandlePage, HandleSummary, handle_id
from .._model import Model, ModelList, Models
from .._operations import OperationLike
from .._options import EditOptions, GenerateOptions, InvertOptions
from .._plain import plain, several
from .._progress import ProgressBar
from .._recipe import Recipe
from .._replay import Replay
from .._request import edit_body, generate_body, invert_body
from .._result import Result
from .._review import Review
from .._signature import spelled_out
from .._trajectory import Show, Trajectory
from .._verdict import Judged, Verdict, VerdictsKept, entry_of
from .connection import AsyncConnection
from .jobs import AsyncJobs
from .replaying import replay


class AsyncClient(AsyncConnection):
    """Talks to a Sureflow server: `Client` blocks, `AsyncClient` is its twin for ``async`` code.

    May be shared between threads (`Client`) or tasks (`AsyncClient`). Close it, or use it as a
    context manager. Every method that asks the server for something can raise:

    * `ProblemError` where the server refuses; the subclass says why,
    * `APIConnectionError` where there is no answer, or none in time,
    * `UnexpectedResponse` where the answer is not a Sureflow server's.
    """

    @spelled_out(GenerateOptions)
    async def generate(
        self,
        model: str | None = None,
        n: int | None = None,
        *,
        progress: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Result:
        """Generate samples and wait for all of them.

        Args:
            model: Name of the model; the server's default where left out.
            n: Number of samples, by default 1. Sample ``i`` is the same for every ``n > i``.
                With ``filter={"accept": ...}``, leave it out.
            progress: Show a progress bar meanwhile, in a terminal or a notebook.
            **options: ``seed, label, condition, guidance, method, steps, tolerance, min_steps,
                max_steps, grid, parallel, parallel_tolerance, score, also, profile, map, filter,
                rewind, deadline_s, priority, output``; see `GenerateOptions`.
        """
        if progress:
            events = self.stream(model, n, progress=True, **options)
            # A result is made of the samples; the steps have moved the bar and are done with.
            return collect([event async for event in events if not isinstance(event, Step)])
        body = generate_body(model, n, **options)
        return await self._ask(Result, "POST", "/v1/generate", body=body)

    @spelled_out(GenerateOptions)
    async def stream(
        self,
        model: str | None = None,
        n: int | None = None,
        *,
        progress: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> AsyncGenerator[Event, None]:
        """Generate samples and yield events, each sample as soon as it is finished.

        The arguments are those of `generate`; the last event is `Completed`, and `collect` makes
        the result of `generate` of them all. To leave the loop early, close the generator
        (``contextlib.closing`` or ``aclosing``): the client hangs up, and the server stops working
        on the request. A stream that breaks off is not resumed.
        """
        body = generate_body(model, n, **options)
        heard = self._listen("POST", "/v1/generate", body=body)
        with closing(ProgressBar(progress)) as bar:
            async with aclosing(heard) as messages:
                async for _, event in messages:
                    bar.update(event)
                    yield event

    @spelled_out(EditOptions)
    async def edit(
        self,
        handle: HandleLike,
        operations: OperationLike | Sequence[OperationLike] = (),
        **options: Unpack[EditOptions],
    ) -> EditResult:
        """Resume a trajectory at one of its moments and redirect it.

        Args:
            handle: Of the trajectory: the id, or the sample that has it.
            operations: What to do there, in this order: `Resample`, `Condition`, `Inpaint`,
                `Guide`, or the JSON object of another one that the model has. Without any, the
                rest is made again as it was.
            **options: ``at, branches, keep, filter, rewind`` and most of those of `generate`; see
                `EditOptions`.

        Raises:
            HandleExpired, UnknownHandle, VersionGone: The trajectory cannot be taken up any more.
        """
        body = edit_body(handle_id(handle), operations, **options)
        return await self._ask(EditResult, "POST", "/v1/edit", body=body)

    @spelled_out(InvertOptions)
    async def invert(
        self, samples: Iterable[Given], model: str | None = None, **options: Unpack[InvertOptions]
    ) -> Result:
        """Have samples of your own scored, and made fit to be edited.

        The flow runs from each back to noise, and from there as usual: ``Sample.inversion_error``
        says how well it came back.

        Args:
            samples: Arrays ``[n, *shape]`` in the units of the model's data, images, or texts, such
                as files of crystals.
            model: Name of the model; the server's default where left out.
            **options: ``label, condition, guidance, rewind`` and most of those of `generate`; see
                `InvertOptions`.
        """
        body = invert_body(samples, model, **options)
        return await self._ask(Result, "POST", "/v1/invert", body=body)

    async def replay(self, recipe: Mapping[str, Any]) -> Replay:
        """Make a sample again by its recipe, and say whether its bytes are the same.

        Args:
            recipe: JSON of the studio's button Recipe, a line of the ``samples.jsonl`` that
                ``sureflow-client generate --out`` writes, or ``GET /v1/handles/{id}``.

        Raises:
            InvalidArgument: It is no recipe, or what it begins with is gone.
        """
        return await replay(self, Recipe.read(recipe))

    async def handle(self, handle: HandleLike, *, output: str | None = None) -> Handle:
        """Return what the server keeps of a trajectory, with its sample.

        Args:
            handle: Its id, or the sample that has it.
            output: Encoding of the sample, as for `generate`.

        Raises:
            HandleExpired, UnknownHandle, VersionGone: There is nothing to return any more.
        """
        query = {"format": output}
        return await self._ask(Handle, "GET", "/v1/handles", handle_id(handle), query=query)

    async def handles(self, limit: int | None = None) -> tuple[HandleSummary, ...]:
        """Return your own handles, newest first.

        Args:
            limit: At most so many; by default all.
        """
        limit = plain(limit, "limit")
        if not isinstance(limit, int | None):
            raise InvalidArgument(f"limit: {limit!r} is no number of handles")
        found: list[HandleSummary] = []
        before = None
        while limit is None or len(found) < limit:
            size = MAX_PAGE if limit is None else min(limit - len(found), MAX_PAGE)
            query = {"limit": size, "before": before}
            page = await self._ask(HandlePage, "GET", "/v1/handles", query=query)
            found += page.handles
            before = page.next
            if before is None:
                break
        return tuple(found)

    async def delete_handle(self, handle: HandleLike) -> None:
        """Have the server forget a trajectory before its time.

        Args:
            handle: Its id, or the sample that has it.

        Raises:
            HandleExpired, UnknownHandle: It has already.
        """
        await self._send("DELETE", "/v1/handles", handle_id(handle))

    async def frames(
        self,
        handle: HandleLike,
        t: Iterable[float] | None = None,
        *,
        show: Sequence[Show] = ("state", "prediction"),
        output: str | None = "npy",
    ) -> Trajectory:
        """Look at a trajectory at chosen times.

        Args:
            handle: Its id, or the sample that has it.
            t: Times in [0, 1], each seen at the last step that begins there or before; 1 is the
                finished sample. By default all steps.
            show: What to look at: ``state``, ``prediction``, ``map``.
            output: Encoding: ``npy`` and ``list`` are exact, ``png`` is small.

        Raises:
            HandleExpired, UnknownHandle, VersionGone: There is nothing to see any more.
        """
        times = None if t is None else several(t, "t")
        query = {"t": times, "show": several(show, "show"), "format": output}
        name = handle_id(handle)
        return await self._ask(Trajectory, "GET", "/v1/handles", name, "frames", query=query)

    async def review(
        self,
        model: str,
        limit: int = 8,
        *,
        focus: float = 0.5,
        max_bad_rate: float = 0.02,
        bad_above: float = 0.5,
        scores: bool = False,
        edit: Mapping[str, Any] | None = None,
        output: str | None = None,
    ) -> Review:
        """Return how far the review of a model has come, with samples to look at next.

        They are draws of the model that the server chooses, so verdicts on them make a certificate;
        those on samples that you chose yourself do not. Wants a key with the scope ``review``.

        Args:
            model: Its name.
            limit: How many samples, at most 64; 0 only tells how far it has come.
            focus: Three of four samples have at least this confidence; 0 takes them as they come.
            max_bad_rate: The rate that `Review.needed` is about.
            bad_above: Verdicts above this number are bad; ``good`` is 0 and ``bad`` is 1.
            scores: Tell how sure the model is of each; then a reviewer is not blind.
            edit: Of draws that are edited, such as
                ``{"step": 10, "operations": [{"type": "resample"}]}``; else from noise alone.
            output: Encoding, as for `generate`.
        """
        query = {
            "limit": limit,
            "focus": focus,
            "max_bad_rate": max_bad_rate,
            "bad_above": bad_above,
            "scores": "true" if scores else None,
            "edit": None if edit is None else json.dumps(edit),
            "format": output,
        }
        return await self._ask(Review, "GET", "/v1/models", model, "review", query=query)

    async def judge(self, verdicts: Iterable[tuple[Judged, Verdict]]) -> VerdictsKept:
        """Give verdicts on samples that the server made; all of them are kept, or none is.

        A reviewer has one verdict on a sample, which another one replaces. Wants a key with the
        scope ``review``.

        Args:
            verdicts: At most 100 pairs of a sample and ``"good"``, ``"bad"``, a number that is
                larger the worse it is, or ``None``, which takes the verdict back. A sample is one
                of `Review.samples`, one that has a handle or the handle, or an object such as
                ``{"response": result.id, "index": 3}``.
        """
        entries = [entry_of(sample, verdict) for sample, verdict in verdicts]
        return await self._ask(VerdictsKept, "POST", "/v1/verdicts", body={"verdicts": entries})

    async def certify(
        self,
        model: str,
        *,
        bad_above: float = 0.5,
        replace: bool = False,
        edit: Mapping[str, Any] | None = None,
    ) -> Review:
        """Have filters go by what the verdicts on a model certify; nothing else changes.

        Wants a key with the scope ``review`` or ``admin``.

        Args:
            model: Its name.
            bad_above: Verdicts above this number are bad.
            replace: Also where the certificate in service promises more.
            edit: Of draws that are edited, as for `review`.

        Raises:
            Conflict: Nothing follows from the verdicts yet, or less than is promised already.
        """
        body: dict[str, Any] = {"bad_above": bad_above, "replace": replace}
        body |= {} if edit is None else {"edit": edit}
        where = ("/v1/models", model, "review")
        return await self._ask(Review, "POST", *where, body=body)

    async def verdicts(self, model: str) -> list[dict[str, Any]]:
        """Return all verdicts on samples of a model, oldest first, as the server exports them."""
        asked = {"model": model}
        answer = await self._send("GET", "/v1/verdicts", accept="application/jsonl", query=asked)
        return [json.loads(line) for line in answer.text.splitlines()]

    @property
    def jobs(self) -> AsyncJobs:
        """Requests in the background: begun, listed, followed, waited for and cancelled."""
        return AsyncJobs(self)

    async def models(self) -> Models:
        """Return the cards of all models that the server offers, a tuple of `Model`."""
        return Models((await self._ask(ModelList, "GET", "/v1/models")).models)

    async def model(self, name: str) -> Model:
        """Return the card of one model; raise `NotFound` where none has that name."""
        return await self._ask(Model, "GET", "/v1/models", name)

    async def load_model(self, name: str) -> Model:
        """Have the server take a folder into service, new or changed, without a failed request.

        Of a model that is in service already, the new version takes the place of the old one, and
        requests under way finish with the old one. Wants a key with the scope ``admin``. The
        timeout is that of any call; ``with_options(timeout=...)`` is for large models.

        Args:
            name: Name of the folder among the server's checkpoints.

        Returns:
            The card of what is in service then.

        Raises:
            LoadFailed: It cannot be loaded; what was in service still is.
            UnknownModel: There is no such folder.
        """
        return await self._ask(Model, "POST", "/v1/models", name, "load")

    async def unload_model(self, name: str) -> Model:
        """Have the server take a model out of service; wants a key with the scope ``admin``.

        Requests under way are finished; its memory is free then.

        Raises:
            UnknownModel: None has that name.
        """
        return await self._ask(Model, "POST", "/v1/models", name, "unload")

    async def metrics(self) -> str:
        """Return the server's metrics, as Prometheus reads them."""
        return (await self._send("GET", "/metrics", accept="text/plain")).text

    async def health(self) -> bool:
        """Return whether the server's process answers."""
        return await self._is_healthy("/health/live")

    async def ready(self) -> bool:
        """Return whether the server would take a request now; false also when unreachable."""
        return await self._is_healthy("/health/ready")

    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return as soon as the server takes requests; raise `APITimeoutError` if it never does.

        Args:
            timeout: Longest wait in seconds.
        """
        deadline = anyio.current_time() + timeout
        while not await self.ready():
            if anyio.current_time() >= deadline:
                raise APITimeoutError(f"{self._way} was not ready within {timeout:g} s")
            await anyio.sleep(POLL_SECONDS)

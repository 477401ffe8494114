"""What a server can be asked, one method for each request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, closing
from typing import Literal

import anyio
from typing_extensions import Unpack

from .. import _calls
from .._base import LIVE, POLL_SECONDS, READY, never_ready
from .._collect import collect
from .._edit_result import EditResult
from .._encode import Given
from .._events import Event, Step
from .._handle import Handle, HandleLike, HandleSummary
from .._model import Model
from .._operations import Operation
from .._options import EditOptions, GenerateOptions, InvertOptions
from .._progress import ProgressBar
from .._result import Result
from .._trajectory import Show, Trajectory
from .connection import AsyncConnection
from .jobs import AsyncJobs


class AsyncClient(AsyncConnection):
    """Talks to a Sureflow server: `Client` blocks, `AsyncClient` is its twin for ``async`` code.

    May be shared between threads (`Client`) or tasks (`AsyncClient`). Close it, or use it as a
    context manager.
    """

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

        Raises:
            ProblemError: The server refused; the subclass says why.
            APIConnectionError: No answer, or none in time.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        if progress:
            events = self.stream(model, n, progress=True, **options)
            # A result is made of the samples; the steps have moved the bar and are done with.
            return collect([event async for event in events if not isinstance(event, Step)])
        return await self._call(_calls.generate(model, n, **options))

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
        on the request.

        Raises:
            ProblemError: The server refused, or failed half way.
            APIConnectionError: No answer, or it broke off; a stream is not resumed.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        call = _calls.generate(model, n, **options)
        with closing(ProgressBar(progress)) as bar:
            async with aclosing(self._listen(call)) as messages:
                async for _, event in messages:
                    bar.update(event)
                    yield event

    async def edit(
        self,
        handle: HandleLike,
        operations: Operation | Sequence[Operation] = (),
        **options: Unpack[EditOptions],
    ) -> EditResult:
        """Resume a trajectory at one of its moments and redirect it.

        Args:
            handle: Of the trajectory: the id, or the sample that has it.
            operations: What to do there, in this order: `Resample`, `Condition`, `Inpaint`,
                `Guide`. Without any, the rest is made again as it was.
            **options: ``at, branches, keep, filter, rewind`` and most of those of `generate`; see
                `EditOptions`.

        Raises:
            HandleExpired, UnknownHandle, VersionGone: The trajectory cannot be taken up any more.
            ProblemError: The server refused; the subclass says why.
            APIConnectionError: No answer, or none in time.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        return await self._call(_calls.edit(handle, operations, **options))

    async def invert(
        self, samples: Iterable[Given], model: str | None = None, **options: Unpack[InvertOptions]
    ) -> Result:
        """Have samples of your own scored, and made fit to be edited.

        The flow runs from each back to noise, and from there as usual: ``Sample.inversion_error``
        says how well it came back.

        Args:
            samples: Arrays ``[n, *shape]`` in the units of the model's data, or images.
            model: Name of the model; the server's default where left out.
            **options: ``label, condition, guidance, rewind`` and most of those of `generate`; see
                `InvertOptions`.

        Raises:
            ProblemError: The server refused; the subclass says why.
            APIConnectionError: No answer, or none in time.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        return await self._call(_calls.invert(samples, model, **options))

    async def handle(
        self, handle: HandleLike, *, output: Literal["png", "npy", "list"] | None = None
    ) -> Handle:
        """Return what the server keeps of a trajectory, with its sample.

        Args:
            handle: Its id, or the sample that has it.
            output: Encoding of the sample, as for `generate`.

        Raises:
            HandleExpired, UnknownHandle, VersionGone: There is nothing to return any more.
        """
        return await self._call(_calls.handle(handle, output))

    async def handles(self, limit: int | None = None) -> tuple[HandleSummary, ...]:
        """Return your own handles, newest first.

        Args:
            limit: At most so many; by default all.
        """
        found: list[HandleSummary] = []
        before = None
        while limit is None or len(found) < limit:
            rest = None if limit is None else limit - len(found)
            page = await self._call(_calls.handles(rest, before))
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
        await self._call(_calls.delete_handle(handle))

    async def frames(
        self,
        handle: HandleLike,
        t: Iterable[float] | None = None,
        *,
        show: Sequence[Show] = ("state", "prediction"),
        output: Literal["png", "npy", "list"] | None = "npy",
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
        return await self._call(_calls.frames(handle, t, show, output))

    @property
    def jobs(self) -> AsyncJobs:
        """Requests in the background: begun, listed, followed, waited for and cancelled."""
        return AsyncJobs(self)

    async def models(self) -> tuple[Model, ...]:
        """Return the cards of all models that the server offers."""
        answer = await self._call(_calls.models())
        return answer.models

    async def model(self, name: str) -> Model:
        """Return the card of one model; raise `NotFound` where none has that name."""
        return await self._call(_calls.model(name))

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
        return await self._call(_calls.load_model(name))

    async def unload_model(self, name: str) -> Model:
        """Have the server take a model out of service; wants a key with the scope ``admin``.

        Requests under way are finished; its memory is free then.

        Raises:
            UnknownModel: None has that name.
        """
        return await self._call(_calls.unload_model(name))

    async def metrics(self) -> str:
        """Return the server's metrics, as Prometheus reads them."""
        return await self._call(_calls.metrics())

    async def health(self) -> bool:
        """Return whether the server's process answers."""
        return await self._is_healthy(LIVE)

    async def ready(self) -> bool:
        """Return whether the server would take a request now; false also when unreachable."""
        return await self._is_healthy(READY)

    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return as soon as the server takes requests; raise `APITimeoutError` if it never does.

        Args:
            timeout: Longest wait in seconds.
        """
        deadline = anyio.current_time() + timeout
        while not await self.ready():
            if anyio.current_time() >= deadline:
                raise never_ready(self.url, timeout)
            await anyio.sleep(POLL_SECONDS)

"""Keeps verified block sizes in a folder, so that another process need not verify all anew."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError
from torch import Tensor

from sureflow.core.provenance import complaint
from sureflow.model import Model
from sureflow.numerics import describe
from sureflow.regular_file import read_regular
from sureflow.sampling.blocks import Evaluate, Example, verified_costs

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
MOST_FILES = 256
"""Files in the folder; the oldest go first."""

NEAR_BEST = 1.08
"""Cost per row, relative to the lowest, at which more rows are not worth waiting for: they would
serve hardly more samples a second, and every lane would wait longer for each of its steps."""


def best_rows(costs: Mapping[int, float]) -> int:
    """The smallest block whose cost per row is within 8 % of the lowest."""
    each = {size: cost / size for size, cost in sorted(costs.items())}
    return next(size for size in each if each[size] <= NEAR_BEST * min(each.values()))


class Entry(BaseModel):
    """What was found of a head.

    Attributes:
        costs: Seconds by block size, ascending.
        answers: Digest of the answers to the first rows of the example, in one block of
            :func:`best_rows`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    costs: dict[PositiveInt, Annotated[FiniteFloat, Field(ge=0)]] = Field(min_length=1)
    answers: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    key: dict[str, Any]
    heads: dict[str, Entry]


class VerifiedSizes:
    """Block sizes of the heads of one model, in a file of its own.

    What a file says is believed after a look: blocks of the sizes in use must give the same bits
    to the same rows, and the same ones as when all sizes were verified. Else, and where a file is
    damaged, all are verified anew. Larger blocks than the best one must not be used.

    Args:
        folder: Where files are kept.
        key: All on which bits depend, as JSON: files of other models and machines are not found.
        seen: What another process with the same kernels has just looked at: its ``seen``.

    Attributes:
        confirmed: Names of heads of which the file was right.
        seen: Places in the file that were looked at or verified.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any], seen: Iterable[str] = ()) -> None:
        self._key = dict(key)
        digest = hashlib.sha256(json.dumps(self._key, sort_keys=True).encode())
        self._path = folder / f"{digest.hexdigest()}.json"
        self._heads = self._read()
        self._writable = True
        self.confirmed: set[str] = set()
        self.seen = {*seen}

    @classmethod
    def of(cls, model: Model, folder: Path, seen: Iterable[str] = ()) -> Self:
        """Those of a model, on the device that it is on, with the kernels of this process."""
        device = model.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        ran = {"version": model.card.version, "device": name, "compile": model.compile}
        return cls(folder, {**ran, "numerics": describe()}, seen)

    def costs(
        self,
        head: str,
        evaluate: Evaluate,
        example: Example,
        candidates: Sequence[int],
        device: torch.device,
    ) -> dict[int, float]:
        """Seconds by block size; as :func:`~sureflow.sampling.blocks.verified_costs`, but quicker.

        Raises:
            ValueError: As that.
        """
        shapes = {name: [str(z.dtype), *z.shape[1:]] for name, z in example(1).items()}
        place = json.dumps([head, shapes, [*candidates]], sort_keys=True)
        if entry := self._heads.get(place):
            if place in self.seen or _confirmed(entry, evaluate, example):
                self.confirmed.add(head)
                self.seen.add(place)
                return dict(sorted(entry.costs.items()))
            log.warning("%s: head %s has changed; it is verified anew", self._path, head)
        costs = verified_costs(evaluate, example, candidates, device)
        if costs:
            most = best_rows(costs)
            answers = _answers(evaluate, example(most))
            self._heads[place] = Entry(costs=costs, answers=_digest(answers))
            self.seen.add(place)
            self._write()
        return costs

    def _read(self) -> dict[str, Entry]:
        try:
            found = _File.model_validate_json(read_regular(self._path, MOST_BYTES))
            if found.key == self._key:
                return dict(found.heads)
            log.warning("%s: ignored, because it is not of this model", self._path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            said = complaint(error) if isinstance(error, ValidationError) else str(error)
            log.warning("%s: ignored, because it is damaged: %s", self._path, said)
        return {}

    def _write(self) -> None:
        """Replace the file as a whole; without room for it, the next process verifies anew."""
        text = _File(key=self._key, heads=self._heads).model_dump_json()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._path.parent, suffix=".new", delete=False
            ) as file:
                file.write(text)
            Path(file.name).replace(self._path)
            _prune(self._path.parent)
        except OSError as error:
            if self._writable:
                log.warning("%s: not written: %s", self._path, error.strerror)
            self._writable = False


@torch.inference_mode()
def _confirmed(entry: Entry, evaluate: Evaluate, example: Example) -> bool:
    """Whether the blocks in use give the bits that they gave.

    Each is tried once, at other positions than in the best one, and that one twice.
    """
    most = best_rows(entry.costs)
    rows = example(2 * most)
    whole = _answers(evaluate, _part(rows, 0, most))
    if _digest(whole) != entry.answers:
        return False
    for size in (size for size in entry.costs if size <= most):
        first = (size // 2 - 1) | 1 if size == most else (most - size + 1) // 2
        answers = _answers(evaluate, _part(rows, first, size))
        shared = min(size, most - first)
        if _bits(answers, 0, shared) != _bits(whole, first, shared):
            return False
    return True


def _answers(evaluate: Evaluate, rows: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    # Of copies, as a network may work in place.
    with torch.inference_mode():
        return evaluate(**{name: z.clone() for name, z in rows.items()})


def _part(rows: Mapping[str, Tensor], first: int, size: int) -> dict[str, Tensor]:
    return {name: z[first : first + size] for name, z in rows.items()}


def _bits(answers: Mapping[str, Tensor], first: int, size: int) -> dict[str, bytes]:
    """The bytes of some rows of all answers."""
    return {
        name: z[first : first + size]
        .detach()
        .cpu()
        .contiguous()
        .view(torch.uint8)
        .numpy()
        .tobytes()
        for name, z in answers.items()
    }


def _digest(answers: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, z in sorted(answers.items()):
        digest.update(f"{name}\0{z.dtype}\0{[*z.shape]}\0".encode())
        digest.update(_bits(answers, 0, len(z))[name])
    return f"sha256:{digest.hexdigest()}"


def _prune(folder: Path) -> None:
    """Remove the oldest files beyond the most there may be."""
    by_age: Callable[[Path], float] = lambda path: path.stat().st_mtime  # noqa: E731
    with suppress(OSError):  # another process may do the same
        for path in sorted(folder.iterdir(), key=by_age)[:-MOST_FILES]:
            path.unlink()
